from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_trustml.data import Images, open_data
from pytest_trustml.data.images import MOST_PIXELS
from pytest_trustml.errors import DataError


def save(path: Path, colour=(255, 0, 0), size=(3, 2), **settings) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **settings)
    return path


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_folder_is_sorted_and_lazy(tmp_path: Path):
    for name in ("b.png", "a.jpg", ".hidden.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "c.png").write_bytes(b"not an image")
    dataset = open_data(".", root=tmp_path)
    assert dataset.columns == ("image", "file_name")
    assert dataset.column("file_name") == ["a.jpg", "b.png", "c.png"]
    assert np.asarray(dataset.row(1)["image"]).tolist() == [[[255, 0, 0]] * 3] * 2
    with pytest.raises(
        DataError,
        match=r"The image of row 3 cannot be read as an image: there is no image in it. It must be a whole BMP, GIF, JPEG",
    ):
        dataset.column("image")[2]


def test_sub_folders_are_labels(tmp_path: Path):
    save(tmp_path / "dog" / "x" / "1.png")
    save(tmp_path / "cat" / "2.png")
    dataset = open_data(str(tmp_path))
    assert dataset.column("label") == ["cat", "dog"]
    save(tmp_path / "3.png")
    with pytest.raises(DataError, match="images in sub-folders and 1 beside them"):
        open_data(str(tmp_path))


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_captions_come_from_the_metadata(tmp_path: Path, name: str):
    save(tmp_path / "a.png", (1, 2, 3))
    save(tmp_path / "s" / "b.png", (4, 5, 6))
    content = {
        "metadata.csv": "file_name,text\ns/b.png,bee\na.png,ay\n",
        "metadata.jsonl": '{"file_name": "s/b.png", "text": "bee"}\n{"file_name": "a.png", "text": "ay"}\n',
    }
    (tmp_path / name).write_text(content[name])
    dataset = open_data(str(tmp_path) + "?caption=text")
    assert dataset.column("caption") == ["bee", "ay"]
    assert dataset.column("image")[0].getpixel((0, 0)) == (4, 5, 6)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (
            "file_name,t\na.png,x\n../a.png,y\n",
            r"metadata.csv, line 3: there is no such image in the folder. The column file_name must",
        ),
        ("file_name,t\na.pgn,x\n", "line 2: there is no such image in the folder. .* one of the 2"),
        ("name,t\na.png,x\n", "Unknown column 'file_name'.*It must say which image"),
        ("file_name,image\na.png,x\n", "has a column 'image'"),
        ("file_name,t\na.png,x\n", "does not mention 1 of the 2 images"),
    ],
)
def test_bad_metadata_is_named(tmp_path: Path, metadata, message):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    (tmp_path / "metadata.csv").write_text(metadata)
    with pytest.raises(DataError, match=message):
        open_data(str(tmp_path))


def test_two_kinds_of_metadata_or_no_image_are_named(tmp_path: Path):
    with pytest.raises(DataError, match="has no images"):
        open_data(str(tmp_path))
    save(tmp_path / "a.png")
    (tmp_path / "metadata.csv").write_text("x")
    (tmp_path / "metadata.jsonl").write_text("x")
    with pytest.raises(DataError, match=r"both metadata.csv and metadata.jsonl"):
        open_data(str(tmp_path))


def test_images_are_upright_rgb_without_metadata(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "camera"
    save(tmp_path / "a.jpg", size=(3, 2), exif=exif)
    picture = Images([tmp_path / "a.jpg"])[0]
    assert (picture.size, picture.mode, picture.info, dict(picture.getexif())) == ((2, 3), "RGB", {}, {})
    assert Images([tmp_path / "a.jpg"])[0].tobytes() == Images([(tmp_path / "a.jpg").read_bytes()])[0].tobytes()
    stored = io.BytesIO()
    Image.new("LA", (2, 2), (7, 0)).save(stored, "PNG")
    assert Images([stored.getvalue()])[0].getpixel((0, 0)) == (7, 7, 7)
    own = Image.new("RGB", (2, 2))
    own.info["comment"] = "keep me"
    assert Images([own])[0].info == {}
    assert own.info == {"comment": "keep me"}


def test_deep_images_are_refused():
    stored = io.BytesIO()
    Image.new("I;16", (2, 2), 40_000).save(stored, "PNG")
    with pytest.raises(DataError, match="more than 8 bits per channel"):
        Images([stored.getvalue()])[0]


@pytest.mark.parametrize("size", [(20_000, 20_000), (MOST_PIXELS, 3), (9_460, 9_460)])
def test_bombs_do_not_go_off(size):
    with pytest.raises(DataError, match="too large to decode"):
        Images([bomb(*size)])[0]


def test_a_truncated_image_is_named(tmp_path: Path):
    data = save(tmp_path / "a.png", size=(50, 50)).read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="The image of row 1 cannot be read as an image: image file is truncated"):
        Images([tmp_path / "a.png"])[0]
    images = Images([tmp_path / "gone.png"])
    with pytest.raises(DataError, match="The image of row 1 cannot be read as an image: No such file"):
        images.digest(0)


def test_other_formats_are_not_even_tried():
    with pytest.raises(DataError, match="cannot be read as an image"):
        Images([b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])[0]


def test_ids_follow_the_content(tmp_path: Path):
    save(tmp_path / "a.png", (1, 1, 1))
    before = open_data(str(tmp_path))
    assert before.ids == open_data(str(tmp_path)).ids
    save(tmp_path / "a.png", (2, 2, 2))
    assert before.ids != open_data(str(tmp_path)).ids
    assert before.ids == before.take([0]).ids


def test_slices_and_picks_stay_lazy():
    images = Images([b"broken", bomb(2, 2), b"broken"])
    assert len(images[1:]) == len(images.pick([2, 0])) == 2
    assert repr(images) == "Images(3)"
    assert images.digest(0) == images.digest(2) != images.digest(1)
