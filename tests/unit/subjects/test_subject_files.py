"""Specs, what directories hold, fingerprints, devices: nothing here loads a model."""

from __future__ import annotations

import os
import shutil

import pytest

from pytest_trustml.errors import SubjectError, UsageError
from pytest_trustml.subjects import open_subject
from pytest_trustml.subjects.architectures import role_of
from pytest_trustml.subjects.device import choose_device, choose_dtype, device_class
from pytest_trustml.subjects.files import detect
from pytest_trustml.subjects.fingerprint import fingerprint_directory
from pytest_trustml.subjects.hub import WANTED
from pytest_trustml.subjects.spec import parse_spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found ''"),
        ("hf:chat", "names no repository"),
        ("hf:acme/chat@", "names no repository"),
        ("hf:acme/../chat", "names no repository"),
        ("py:acme", "names no factory"),
        ("py:acme.py:f", None),
        ("py:acme models:f", "names no factory"),
        ("demo:lora-safe", r"demo 'lora-safe' is a whole release.*--trustml-model=demo:lora-safe"),
        ("hff:acme/chat", "Unknown prefix 'hff'. Did you mean 'hf'?"),
    ],
)
def test_specs(text, message):
    if message is None:
        assert parse_spec(text).form == "factory"
        return
    with pytest.raises(UsageError, match=message):
        parse_spec(text)


def test_a_path_is_relative_to_the_root(tmp_path, llama):
    shutil.copytree(llama, tmp_path / "weights" / "chat")
    subject = open_subject("weights/chat", root=tmp_path)
    assert subject.path == tmp_path / "weights" / "chat"
    assert subject.label == "chat"
    assert subject.fingerprint == open_subject(str(llama)).fingerprint
    assert subject.id == f"chat@{subject.fingerprint[:12]}"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "is empty. Give the directory that save_pretrained wrote"),
        (["notes.txt"], r"is no model: it has none of model_index.json, .*holds notes.txt"),
        (["chat.gguf"], "holds a GGUF file"),
        (["config.json", "chat.gguf"], "are a GGUF file"),
        (["pytorch_model.bin"], "pickle weights and no configuration.*Convert it to safetensors"),
        (["config.json", "pytorch_model.bin"], r"are a pickle \(pytorch_model.bin\).*Convert it to safetensors"),
        (["config.json", "model.ckpt"], "are a pickle"),
        (["config.json"], r"configuration of a transformers model but no weights \(model\*.safetensors\)"),
        (["adapter_config.json"], r"a peft model but no weights \(adapter_model"),
        (["model_index.json"], "a diffusers model but no weights"),
    ],
)
def test_directories_that_hold_no_model(tmp_path, files, message):
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(SubjectError, match=message):
        open_subject(str(tmp_path))


def test_files_and_missing_directories(tmp_path):
    for name, message in {
        "a.gguf": "is a GGUF file",
        "a.bin": "is a pickle",
        "a.safetensors": "is a file. Give the directory",
    }.items():
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(SubjectError, match=message):
            open_subject(str(tmp_path / name))
    with pytest.raises(SubjectError, match="There is no directory"):
        open_subject(str(tmp_path / "nothing"))
    with pytest.raises(SubjectError, match="For a model of the hub write hf:acme/chat"):
        open_subject("acme/chat", root=tmp_path)


def test_configurations_that_are_refused(llama, tmp_path, edit_json):
    def change(message: str, **values) -> None:
        folder = shutil.copytree(llama, tmp_path / str(len(list(tmp_path.iterdir()))))
        edit_json(folder / "config.json", **values)
        with pytest.raises(SubjectError, match=message):
            open_subject(str(folder))

    change("brings its own Python code", auto_map={"AutoModel": "modeling.Mine"})
    change("names no architecture", architectures=None)
    change("is quantised", quantization_config={"bits": 4})
    folder = shutil.copytree(llama, tmp_path / "broken")
    (folder / "config.json").write_text("{")
    with pytest.raises(SubjectError, match=r"config.json is not valid JSON"):
        open_subject(str(folder))


def test_pickles_beside_safetensors_do_no_harm(llama, tmp_path):
    folder = shutil.copytree(llama, tmp_path / "model")
    (folder / "pytorch_model.bin").write_bytes(b"never opened")
    assert open_subject(str(folder)).fingerprint == open_subject(str(llama)).fingerprint


def test_a_fingerprint_follows_content_and_nothing_else(llama, tmp_path):
    folder = shutil.copytree(llama, tmp_path / "model")
    first = fingerprint_directory(folder)
    assert first == fingerprint_directory(llama)
    (folder / "README.md").write_text("new")
    (folder / ".git").mkdir()
    (folder / ".git" / "config.json").write_text("{}")
    (folder / "checkpoint-5").mkdir()
    (folder / "checkpoint-5" / "config.json").write_text("{}")
    (folder / "trainer_state.json").write_text("{}")
    (folder / "optimizer.pt").write_text("")
    os.utime(folder / "model.safetensors", (1, 1))
    assert fingerprint_directory(folder) == first
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    assert fingerprint_directory(folder) != first
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    assert fingerprint_directory(folder) == first
    for name in ("config.json", "tokenizer.json", "chat_template.jinja"):
        old = (folder / name).read_bytes()
        (folder / name).write_bytes(old + b" ")
        assert fingerprint_directory(folder) != first, name
        (folder / name).write_bytes(old)
    (folder / "tokenizer.json").rename(folder / "vocab.json")
    assert fingerprint_directory(folder) != first


def test_the_parts_of_a_pipeline_count(diffusion, tmp_path):
    folder = shutil.copytree(diffusion, tmp_path / "pipeline")
    first = open_subject(str(folder)).fingerprint
    assert first == open_subject(str(diffusion)).fingerprint
    scheduler = folder / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text() + " ")
    assert open_subject(str(folder)).fingerprint != first


def test_every_capability_is_read_off_the_files(llama, gpt2, t5, bert, resnet, clip, siglip, diffusion):
    found = {path: open_subject(str(path)).capabilities for path in (llama, gpt2, t5, bert, resnet, clip, siglip, diffusion)}
    assert list(found.values()) == [
        ("text", "encoder"), ("text", "encoder"), ("text",), ("classifier", "encoder"), ("classifier", "encoder"),
        ("pairs", "encoder"), ("pairs", "encoder"), ("images",),
    ]  # fmt: skip
    assert detect(llama).dtype == "float32"
    assert role_of("Wav2Vec2ForSequenceClassification", {"conv_dim": [1], "vocab_size": 32}).offers == ()
    assert role_of("LlavaForConditionalGeneration", {"vision_config": {}}).word == "a multimodal model"
    assert role_of("BertModel", {"vocab_size": 3}).word == "a text encoder"
    assert role_of("ViTModel", {"image_size": 3}).input == "image"
    assert role_of("BertForTokenClassification", {"vocab_size": 3}).offers == ()


def test_devices_and_dtypes(monkeypatch, torch):
    assert choose_device("cpu") == "cpu"
    assert (device_class("cuda:3"), device_class("cpu")) == ("cuda", "cpu")
    with pytest.raises(UsageError, match="Unknown device 'gpu'"):
        choose_device("gpu")
    with pytest.raises(UsageError, match=r"Unknown dtype 'bf32'. Did you mean"):
        open_subject("anywhere", dtype="bf32")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="torch sees no CUDA GPU"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert (choose_device(None), choose_device("cuda:1")) == ("cuda", "cuda:1")
    with pytest.raises(UsageError, match="leaves cuda:0 to cuda:1"):
        choose_device("cuda:2")
    assert choose_dtype(None, "cuda", "bfloat16") == "bfloat16"
    assert choose_dtype("fp32", "cuda", "bfloat16") == "float32"
    assert choose_dtype("auto", "cpu", "bfloat16") == "float32"


def test_the_hub_is_asked_for_no_pickles_and_its_errors_are_clear(monkeypatch, llama):
    import huggingface_hub
    from huggingface_hub import constants, errors

    asked = {}

    def fetch(repository, **settings):
        asked.update(settings, repository=repository)
        return str(llama)

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    subject = open_subject("hf:acme/chat@v2")
    assert subject.label == "chat"
    assert (asked["repository"], asked["revision"], asked["local_files_only"]) == ("acme/chat", "v2", False)
    assert asked["allow_patterns"] == list(WANTED)
    assert not any(pattern.endswith((".bin", ".pt", ".py", ".ckpt")) for pattern in WANTED)

    def fail(repository, **settings):
        raise errors.LocalEntryNotFoundError("not there")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(
        SubjectError, match=r"hf:acme/chat is not in the local cache and HF_HUB_OFFLINE is set.*hf download acme/chat"
    ):
        open_subject("hf:acme/chat")
