"""Headers of weight files: what is true to the file passes, everything else is named."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_trustml.errors import SubjectError
from pytest_trustml.subjects import open_subject
from pytest_trustml.subjects.weights import read_header, read_headers


def write(file: Path, header, data: bytes = b"", length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
    return file


def tensor(first: int, last: int, shape: list, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        ({"a": tensor(0, 8, [2])}, 8, None),
        ({"__metadata__": {"format": "pt"}, "a": tensor(0, 0, [0, 3]), "b": tensor(0, 2, [2], "F8_E4M3")}, 2, None),
        ({"a": tensor(0, 8, [2])}, 7, "need 8 bytes of data but the file holds 7"),
        ({"a": tensor(0, 8, [2])}, 9, "need 8 bytes of data but the file holds 9"),
        ({"a": tensor(0, 8, [3])}, 8, r"'a' of F32 and shape \[3\] cannot fill 8 bytes"),
        ({"a": tensor(0, 8, [2], "F33")}, 8, "unknown dtype 'F33'"),
        ({"a": tensor(0, 8, [-2])}, 8, "impossible shape"),
        ({"a": tensor(0, 8, [2.0])}, 8, "impossible shape"),
        ({"a": tensor(0, 8, [True, 2])}, 8, "impossible shape"),
        ({"a": tensor(8, 0, [2])}, 8, "impossible place"),
        ({"a": {"dtype": "F32", "shape": [2]}}, 8, "impossible place"),
        ({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, 12, "'b' starts at byte 4 where 8 was due"),
        ({"a": tensor(0, 8, [2]), "b": tensor(12, 20, [2])}, 20, "'b' starts at byte 12 where 8 was due"),
        ({"a": 3}, 0, "'a' has no description"),
        ([1], 0, "is not a JSON object"),
        (b'{"a": {}, "a": {}}', 0, "'a' occurs twice"),
        (b"[" * 100_000, 0, "not valid JSON"),
        (b"\xff\xfe", 0, "not valid JSON"),
    ],
)
def test_headers(tmp_path, header, data, message):
    file = write(tmp_path / "model.safetensors", header, bytes(data))
    if message is None:
        assert "a" in read_header(file)
        return
    with pytest.raises(SubjectError, match=f"model.safetensors cannot be trusted: .*{message}"):
        read_header(file)


def test_a_header_longer_than_the_file(tmp_path):
    with pytest.raises(SubjectError, match="claims 99 bytes but the file has 10"):
        read_header(write(tmp_path / "a.safetensors", b"{}", length=99))
    (tmp_path / "b.safetensors").write_bytes(b"123")
    with pytest.raises(SubjectError, match="it has 3 bytes, too few"):
        read_header(tmp_path / "b.safetensors")


def test_real_files_pass_and_every_truncation_is_found(llama, tmp_path):
    from safetensors import safe_open

    source = llama / "model.safetensors"
    with safe_open(source, "pt") as opened:
        assert set(read_header(source)) == set(opened.keys())
    whole, file = source.read_bytes(), tmp_path / "cut.safetensors"
    for size in [*range(0, 64, 7), *range(64, len(whole), len(whole) // 40), len(whole) - 1]:
        file.write_bytes(whole[:size])
        with pytest.raises(SubjectError, match="cannot be trusted"):
            read_header(file)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=60), lie=st.booleans())
def test_random_bytes_raise_nothing_but_subject_errors(tmp_path, raw, lie):
    file = tmp_path / "fuzz.safetensors"
    file.write_bytes(raw if lie else struct.pack("<Q", len(raw)) + raw)
    said = "fuzz.safetensors"
    try:
        read_header(file)
    except SubjectError as error:
        said = str(error)
    assert "fuzz.safetensors" in said


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4), lambda x: st.lists(x, max_size=3)
)
_entry = st.fixed_dictionaries({"dtype": st.sampled_from(["F32", "F4", "I8", 3]), "shape": _json, "data_offsets": _json})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.dictionaries(st.text(max_size=3), _entry | _json, max_size=3), data=st.binary(max_size=16))
def test_lying_headers_raise_nothing_but_subject_errors(tmp_path, header, data):
    try:
        read_header(write(tmp_path / "fuzz.safetensors", header, data))
    except SubjectError:
        return
    # What we accept, the library accepts.
    from safetensors import safe_open

    with safe_open(tmp_path / "fuzz.safetensors", "np") as opened:
        assert opened.keys() is not None


def test_shards(tmp_path, llama, torch):
    from transformers import AutoModelForCausalLM

    folder = shutil.copytree(llama, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    AutoModelForCausalLM.from_pretrained(llama).save_pretrained(folder, max_shard_size="4KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert open_subject(str(folder), device="cpu").text.token_ids("the") == [4]
    index = folder / "model.safetensors.index.json"
    text = index.read_text()
    index.write_text(text.replace('"model.norm.weight": "model-', '"model.abnorm.weight": "model-'))
    with pytest.raises(SubjectError, match=r"promises tensor 'model.abnorm.weight'"):
        open_subject(str(folder))
    index.write_text("{}")
    with pytest.raises(SubjectError, match="no readable weight_map"):
        read_headers(folder)
    index.unlink()
    with pytest.raises(SubjectError, match="has shards but neither"):
        open_subject(str(folder))
    index.write_text(text)
    shards[0].unlink()
    with pytest.raises(SubjectError, match=f"lists the shard '{shards[0].name}', which is missing"):
        open_subject(str(folder))
