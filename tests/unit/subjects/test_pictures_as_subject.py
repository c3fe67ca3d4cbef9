"""Pictures given as what is judged: files and folders, their content, and everything that is no such thing."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pytest_trustml.errors import SubjectError, Unsupported
from pytest_trustml.subjects import open_subject


@pytest.fixture
def plot(tmp_path):
    path = tmp_path / "plot.png"
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_file_offers_its_picture_and_nothing_else(plot):
    subject = open_subject(str(plot))
    assert (subject.kind, subject.capabilities, subject.cacheable, subject.device) == ("pictures", ("pictures",), True, "cpu")
    assert list(subject.pictures) == ["plot.png"] and subject.pictures["plot.png"].size == (30, 20)
    assert np.array_equal(np.asarray(subject.pictures["plot.png"]), np.asarray(Image.open(plot)))
    with pytest.raises(Unsupported, match=r"a picture cannot be asked for text, which needs a language model"):
        _ = subject.text


def test_a_folder_of_pictures_in_the_order_of_names(plot):
    Image.new("L", (4, 4), 7).save(plot.parent / "b.jpeg")
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(plot.parent / "a.PNG")
    (plot.parent / ".DS_Store").write_text("")
    subject = open_subject(str(plot.parent))
    assert list(subject.pictures) == ["a.PNG", "b.jpeg", "plot.png"] and subject.description == "3 pictures"
    assert subject.pictures["a.PNG"].getpixel((1, 1)) == (255, 255, 255)  # transparent is white, as on paper


def test_the_fingerprint_is_the_content(plot, tmp_path):
    first = open_subject(str(plot)).fingerprint
    other = plot.rename(tmp_path / "figure.png")
    assert open_subject(str(other)).fingerprint == first == open_subject(str(tmp_path)).fingerprint
    picture = Image.open(other).copy()
    picture.putpixel((0, 0), (1, 2, 3))
    picture.save(other)
    assert open_subject(str(other)).fingerprint != first


def test_a_release_directory_may_name_a_picture(plot):
    from pytest_trustml.release.release import open_release

    (plot.parent / "trustml.toml").write_text('model = "plot.png"\n')
    given = {"models": {"model": str(plot.parent)}, "data": {}, "limits": {}, "options": {}, "config": None}
    release = open_release(**given, cwd=plot.parent, demo=lambda name: plot)
    found = release.models["model"]
    assert open_subject(found.spec, root=found.root).capabilities == ("pictures",)


def test_folders_that_hold_more_than_pictures_say_what_to_give(plot):
    (plot.parent / "notes.txt").write_text("")
    message = r"is no model: it has none of model_index.json.*holds notes.txt, plot.png.*give one PNG or JPEG file, or a folder"
    with pytest.raises(SubjectError, match=message):
        open_subject(str(plot.parent))


def test_other_kinds_of_pictures_are_refused_by_name(tmp_path):
    (tmp_path / "plot.svg").write_text("<svg/>")
    with pytest.raises(SubjectError, match="picture of a kind that is not judged. Save it as PNG or JPEG"):
        open_subject(str(tmp_path / "plot.svg"))


def test_broken_pictures(plot):
    whole = plot.read_bytes()
    plot.write_bytes(b"no picture")
    with pytest.raises(SubjectError, match="there is no PNG or JPEG picture in it"):
        open_subject(str(plot))
    plot.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SubjectError, match="cannot be read as a picture"):
        _ = open_subject(str(plot)).pictures["plot.png"]


def test_a_small_file_that_claims_to_be_huge_is_never_decoded(plot):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side in (9_000, 60_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        plot.write_bytes(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        )
        with pytest.raises(SubjectError, match="too large to decode"):
            open_subject(str(plot))


def test_an_animation_is_not_guessed_at(plot):
    frames = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (0, 90, 200)]
    frames[0].save(plot, save_all=True, append_images=frames[1:])
    with pytest.raises(SubjectError, match="an animation of 3 pictures"):
        open_subject(str(plot))


def test_more_than_8_bits_are_not_cut_off(plot):
    stream = io.BytesIO()
    Image.fromarray(np.full((3, 3), 40_000, np.uint16)).save(stream, "PNG")
    plot.write_bytes(stream.getvalue())
    with pytest.raises(SubjectError, match="more than 8 bits per channel"):
        _ = open_subject(str(plot)).pictures["plot.png"]


def test_too_many_pictures(tmp_path):
    picture = io.BytesIO()
    Image.new("L", (2, 2)).save(picture, "PNG")
    for number in range(201):
        (tmp_path / f"{number}.png").write_bytes(picture.getvalue())
    with pytest.raises(SubjectError, match="holds 201 pictures. At most 200"):
        open_subject(str(tmp_path))
