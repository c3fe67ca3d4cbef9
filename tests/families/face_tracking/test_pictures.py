"""The checks on pictures: what extractors are asked, what is no picture any more, what goes through a codec."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.face_tracking import dynamic_tracking, static_dynamic_gap
from builtin_checks.face_tracking.roles import ROLES
from tests.families.face_tracking.angles import population
from tests.families.face_tracking.test_checks import CHECKS, control, few, named


@pytest.fixture
def shown(extractors):
    """A population as pictures, with clean originals for the protected ones."""

    def make(kind, **how):
        sets = population(kind, width=192, people=24, **how)
        return {
            name: {**{k: v for k, v in own.items() if k != "embedding"}, "image": extractors.picture(own["embedding"])}
            for name, own in sets.items()
        }

    return make


def test_pictures_are_asked_of_the_extractor(judge, shown):
    sets = shown("alike")
    record = judge(dynamic_tracking, sets, "looking", second="other")
    assert record.outcome == "FAIL", (record.why, record.controls)
    assert named(record, "second_extractor_tracking").value == named(record, "dynamic_tracking").value
    assert named(record, "second_extractor_tracking").details["clean_tracking"] > 0.9
    assert 0 < named(record, "reencoded_tracking").value <= 1
    kinds = {piece.kind: piece.sensitive for m in record.measurements for piece in m.evidence}
    assert kinds["gallery"] is True, "private pictures are folded away"
    assert judge(dynamic_tracking, shown("diverse"), "looking").outcome == "PASS"
    assert judge(static_dynamic_gap, sets, "looking").outcome == "FAIL"


def test_the_codec_is_an_option(judge, shown):
    sets = shown("alike")
    record = judge(dynamic_tracking, sets, "looking", jpeg_quality=0)
    assert named(record, "reencoded_tracking").why.startswith("no codec was asked for")
    small = judge(dynamic_tracking, sets, "looking", jpeg_quality=0, scale=0.25)
    assert named(small, "dynamic_tracking").details["codec"] == "scaled to 0.25"
    assert named(small, "reencoded_tracking").value < named(small, "dynamic_tracking").value, "a quarter of the pixels is lost"
    assert named(judge(dynamic_tracking, population("alike"), jpeg_quality=50), "reencoded_tracking").value == "undefined"


def test_mirror_images_are_an_option(judge, shown):
    plain, mirrored = (
        named(judge(dynamic_tracking, shown("alike"), "looking", mirrors=on), "at_risk").value for on in (False, True)
    )
    assert 0 < mirrored <= 1 and plain == 1


@pytest.mark.parametrize(
    ("model", "words"), [("constant", "0.0% of 168 unprotected"), ("zero", "row 1 has length 0")], ids=["constant", "zero"]
)
def test_a_broken_extractor_is_invalid(judge, shown, model, words):
    for check in CHECKS:
        record = judge(check, shown("diverse"), model)
        assert record.outcome == "INVALID" and words in record.why, record.why


def test_blank_pictures_are_invalid(judge, shown):
    sets = shown("diverse")
    shades = np.random.default_rng(0).integers(0, 100, size=(240, 1, 1, 1), dtype=np.uint8)
    sets["protected"]["image"] = np.broadcast_to(shades, (240, 8, 8, 3)).copy()
    record = judge(dynamic_tracking, sets, "looking")
    assert record.outcome == "INVALID" and not control(record, "something is shown").ok


def test_pictures_that_no_longer_look_like_their_originals_are_invalid(judge, shown, extractors):
    sets = shown("diverse", clean=12)
    sets["clean"]["id"] = [f"clean {row}" for row in range(288)]
    sets["protected"]["original"] = [f"clean {12 * (row // 10) + row % 10}" for row in range(240)]
    record = judge(dynamic_tracking, sets, "looking")
    assert record.outcome == "INVALID" and not control(record, "still alike").ok, "another picture altogether"
    before = np.stack([sets["clean"]["image"][12 * (row // 10) + row % 10] for row in range(240)])
    sets["protected"]["image"] = np.clip(before + np.random.default_rng(0).integers(-3, 4, before.shape), 0, 255).astype(
        np.uint8
    )
    record = judge(dynamic_tracking, sets, "looking")
    assert control(record, "still alike").ok and named(record, "likeness").value > 0.9 and record.outcome == "FAIL"


@pytest.mark.parametrize("kind", ["vit", "clip", "convnext"])
def test_vision_models_of_transformers_are_asked_as_they_are(judge, tmp_path, shown, kind):
    import torch
    import transformers as hf

    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = {
            "vit": lambda: hf.ViTModel(hf.ViTConfig(image_size=8, patch_size=4, **small)),
            "clip": lambda: hf.CLIPVisionModelWithProjection(
                hf.CLIPVisionConfig(image_size=8, patch_size=4, projection_dim=12, **small)
            ),
            "convnext": lambda: hf.ConvNextModel(
                hf.ConvNextConfig(num_stages=2, hidden_sizes=[8, 8], depths=[1, 1], patch_size=2)
            ),
        }[kind]()
    tm.save_model(tmp_path / "model", model)
    sets = {name: few(own, 60 if name == "protected" else 400) for name, own in shown("alike").items()}
    record = judge(dynamic_tracking, sets, tm.open_subject(str(tmp_path / "model"), device="cpu"))
    assert named(record, "dynamic_tracking").n == 60 and 0 <= named(record, "at_risk").value <= 1
    assert control(record, "enough impostors").ok


def test_pictures_alone_are_no_extractor(judge, tmp_path, shown):
    from PIL import Image

    Image.fromarray(shown("alike")["protected"]["image"][0]).save(tmp_path / "one.png")
    with pytest.raises(tm.Unsupported, match=r"cannot be asked for encoder"):
        judge(dynamic_tracking, shown("alike"), tm.open_subject(str(tmp_path / "one.png")))


def test_a_folder_of_pictures_and_files_of_embeddings_are_a_release(judge, tmp_path, shown):
    from PIL import Image

    folder = tmp_path / "published"
    folder.mkdir()
    for row, pixels in enumerate(shown("alike")["protected"]["image"][:4]):
        Image.fromarray(pixels).save(folder / f"{row}.png")
    sets = population("alike")
    data = {}
    for name, role in (("protected", "protected_images"), ("gallery", "gallery_images"), ("clean", "clean_images")):
        np.savez(tmp_path / f"{name}.npz", embedding=sets[name]["embedding"], person=np.array(sets[name]["identity"]))
        data[name] = tm.open_data(f"{name}.npz", role=ROLES[role], root=tmp_path)
    subject = tm.open_subject(str(folder))
    assert subject.capabilities == ("pictures",)
    assert judge(dynamic_tracking, data, subject).outcome == "FAIL"
