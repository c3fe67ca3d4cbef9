"""The lazy handle, its place in memory, bad weights, and factories."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from pytest_trustml.errors import SubjectError, Unsupported, UsageError
from pytest_trustml.subjects import open_subject
from pytest_trustml.subjects.residence import Residence

HEAVY = ("torch", "transformers", "peft", "diffusers", "numpy", "safetensors", "huggingface_hub", "PIL")


def test_opening_loads_no_library(llama, adapters, clip, diffusion):
    code = f"""
import sys
from pytest_trustml.subjects import open_subject
for spec, base in {[(str(llama), None), (str(adapters / "plain"), str(llama)), (str(clip), None), (str(diffusion), None)]!r}:
    subject = open_subject(spec, base=base, device="cpu")
    subject.capabilities, subject.why_not("text"), subject.fingerprint, subject.id, subject.dtype, subject.device
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_model_is_resident_and_capabilities_come_back(llama, bert):
    first, second = open_subject(str(llama), device="cpu"), open_subject(str(bert), device="cpu")
    text = first.text
    before = text.next_token_logprobs(["the cat"], [5])
    assert first.loaded
    assert not second.loaded
    second.classifier.logits(["the cat"])
    assert second.loaded
    assert not first.loaded
    np.testing.assert_array_equal(text.next_token_logprobs(["the cat"], [5]), before)
    assert first.loaded
    assert not second.loaded
    assert first.load() is first
    first.close()
    first.close()
    assert not first.loaded
    assert Residence._occupants == []


def test_freed_weights_are_gone(llama, torch):
    import gc
    import weakref

    subject = open_subject(str(llama), device="cpu")
    gone = weakref.ref(subject.load()._residence.get().model)
    subject.close()
    gc.collect()
    assert gone() is None


def test_the_model_is_in_eval_mode_in_float32(llama, torch, tmp_path):
    from transformers import AutoModelForCausalLM

    folder = shutil.copytree(llama, tmp_path / "half")
    AutoModelForCausalLM.from_pretrained(llama, dtype=torch.bfloat16).save_pretrained(folder)
    subject = open_subject(str(folder), device="cpu")
    model = subject._residence.get().model
    assert model.dtype == torch.float32
    assert not model.training
    assert not any(one.requires_grad for one in model.parameters())
    assert subject._source.checkpoint_dtype == "bfloat16"
    assert open_subject(str(folder), device="cpu", dtype="bf16")._residence.get().model.dtype == torch.bfloat16


def test_weights_that_are_not_numbers_or_not_there(llama, torch, tmp_path, edit_json):
    from safetensors.torch import load_file, save_file

    def change(message, edit=lambda tensors: None, **config):
        folder = shutil.copytree(llama, tmp_path / str(len(list(tmp_path.iterdir()))))
        tensors = load_file(folder / "model.safetensors")
        edit(tensors)
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        edit_json(folder / "config.json", **config)
        with pytest.raises(SubjectError, match=message):
            open_subject(str(folder), device="cpu").load()

    name = "model.layers.1.mlp.up_proj.weight"
    change(f"broken: '{name}' holds NaN", lambda tensors: tensors[name].view(-1)[3].fill_(float("nan")))
    change(f"broken: '{name}' holds NaN or infinite", lambda tensors: tensors[name].view(-1)[3].fill_(float("inf")))
    change(f"lack 1 tensors of LlamaForCausalLM, e.g. '{name}'", lambda tensors: tensors.pop(name))
    change("cannot be loaded: .*", hidden_size=8)
    change("does not know LlamaForCausalLMX", architectures=["LlamaForCausalLMX", "ForCausalLM"])
    change(
        r"lack 1 tensors of LlamaForSequenceClassification, e.g. 'score.weight'",
        architectures=["LlamaForSequenceClassification"],
    )


def test_a_text_model_without_tokenizer(llama, tmp_path):
    folder = shutil.copytree(llama, tmp_path / "bare")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(SubjectError, match=r"no tokenizer.*tokenizer.save_pretrained"):
        open_subject(str(folder), device="cpu").load()


FACTORIES = """
import numpy as np

class Parrot:
    fingerprint = "parrot-1"
    def generate(self, prompts, max_new_tokens=64):
        return [prompt.upper() for prompt in prompts]

class Detector:
    labels = ["ham", "spam"]
    def predict_proba(self, texts):
        return [[0.25, 0.75] if "spam" in text else [1.0, 0.0] for text in texts]

class Liar(Parrot):
    def generate(self, prompts):
        return ["one"]
    def embed(self, inputs):
        return np.full((len(inputs), 2), np.nan)
    def logits(self, inputs):
        return np.zeros(3)

class Parts:
    def __init__(self):
        self.classifier, self.pairs = Detector(), self
    def embed_images(self, images):
        return np.ones((len(images), 2))

def parrot(): return Parrot()
def detector(): return Detector()
def liar(): return Liar()
def parts(): return Parts()
def nothing(): return None
def number(): return 3
def fails(): raise RuntimeError("out of luck")
constant = 3
def _load(path):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    return AutoModelForCausalLM.from_pretrained(path), AutoTokenizer.from_pretrained(path)
class Moody:
    def __init__(self):
        import random
        self.fingerprint = str(random.random())
    def embed(self, inputs):
        import trustml_shop_shelf
        return np.zeros((len(inputs), 2))
def moody():
    import trustml_shop_shelf
    return Moody()
def pair(): return _load(PATH)
def lonely(): return _load(PATH)[0]
def odd(): return 1, 2
"""


@pytest.fixture
def shop(tmp_path, llama, monkeypatch):
    """A folder with a module of factories that is not on the path."""
    (tmp_path / "trustml_shop.py").write_text(f"PATH = {str(llama)!r}\n{FACTORIES}")
    yield lambda name: open_subject(f"py:trustml_shop:{name}", device="cpu", root=tmp_path)
    sys.modules.pop("trustml_shop", None)


def test_an_object_that_generates(shop):
    subject = shop("parrot")
    assert "trustml_shop" in sys.modules  # the name is looked up at once; the model is made when it is needed
    assert not subject.loaded
    assert subject.capabilities == ("text",)
    assert (subject.kind, subject.path, subject.cacheable) == ("factory", None, True)
    assert subject.text.generate(["a", "b"], max_new_tokens=3, chat=True, temperature=0.0, system=None) == ["A", "B"]
    with pytest.raises(Unsupported, match=r"temperature=0.7 was asked for"):
        subject.text.generate(["a"], temperature=0.7)
    with pytest.raises(Unsupported, match="Parrot that the factory returned has no sequence_logprobs"):
        subject.text.sequence_logprobs(["a"], ["b"])
    with pytest.raises(Unsupported, match=r"What py:trustml_shop:parrot makes offers text; pairs needs"):
        _ = subject.pairs


def test_an_object_that_classifies(shop):
    subject = shop("detector")
    assert not subject.cacheable
    assert subject.fingerprint.startswith("unfingerprinted:")
    assert subject.id == "trustml_shop:detector@unfingerprinted" or subject.id.endswith("@unfingerprinted")
    assert subject.classifier.labels == ["ham", "spam"]
    found = subject.classifier.logits(["spam", "mail"])
    np.testing.assert_allclose(np.exp(found), [[0.25, 0.75], [1, 0]], atol=1e-6)
    assert np.isfinite(found).all()


def test_capabilities_as_attributes(shop):
    subject = shop("parts")
    assert set(subject.capabilities) == {"classifier", "pairs"}
    assert subject.classifier.labels == ["ham", "spam"]
    assert subject.pairs.embed_images([1, 2]).shape == (2, 2)
    with pytest.raises(Unsupported, match="no embed_texts"):
        subject.pairs.embed_texts(["a"])


def test_answers_of_an_object_are_checked(shop):
    subject = shop("liar")
    with pytest.raises(SubjectError, match="must return a list of 2 texts"):
        subject.text.generate(["a", "b"])
    with pytest.raises(SubjectError, match="embed of the factory's object gave NaN"):
        subject.encoder.embed(["a"])
    with pytest.raises(SubjectError, match=r"logits of the factory's object must give shape \(1, d\), found \(3,\)"):
        subject.classifier.logits(["a"])


def test_a_model_and_its_tokenizer(shop, llama, tmp_path, monkeypatch):
    subject, direct = shop("pair"), open_subject(str(llama), device="cpu")
    assert subject.capabilities == ("text", "encoder")
    assert subject.cacheable
    first = subject.fingerprint
    expected = direct.text.generate(["the cat"], max_new_tokens=4)
    assert not subject.loaded
    assert subject.text.generate(["the cat"], max_new_tokens=4) == expected
    again = shop("pair")
    assert again.fingerprint == first
    import trustml_shop

    inner = trustml_shop._load

    def other(path):
        model, tokenizer = inner(path)
        model.model.norm.weight.data[0] += 1e-3
        return model, tokenizer

    monkeypatch.setattr(trustml_shop, "_load", other)
    assert shop("pair").fingerprint != first


def test_a_factory_that_makes_another_model_each_time(shop, tmp_path):
    (tmp_path / "trustml_shop_shelf.py").write_text("")
    subject = shop("moody")
    subject.encoder.embed(["a"])
    subject.close()
    with pytest.raises(SubjectError, match="made another model than the first time"):
        subject.encoder.embed(["a"])
    sys.modules.pop("trustml_shop_shelf")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nothing", SubjectError, "returned nothing"),
        ("number", SubjectError, "returned a int that offers nothing to judge"),
        ("fails", SubjectError, "failed: RuntimeError: out of luck"),
        ("constant", UsageError, "is a int, not a function"),
        ("parot", UsageError, "Unknown factory in trustml_shop 'parot'. Did you mean 'parrot'"),
        ("lonely", SubjectError, r"a language model without its tokenizer. Return \(model, tokenizer\)"),
        ("odd", SubjectError, r"returned a tuple, but not \(model, tokenizer\)"),
    ],
)
def test_factories_that_fail(shop, name, error, message):
    with pytest.raises(error, match=message):
        shop(name).load()


def test_modules_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"names the module 'trustml_no_such', which is neither installed nor in"):
        open_subject("py:trustml_no_such:f", root=tmp_path).load()
    (tmp_path / "trustml_hurt.py").write_text("import trustml_no_such")
    with pytest.raises(SubjectError, match="cannot be imported: No module named 'trustml_no_such'"):
        open_subject("py:trustml_hurt:f", root=tmp_path).load()
    (tmp_path / "trustml_pain.py").write_text("1 / 0")
    with pytest.raises(SubjectError, match="fails when imported: ZeroDivisionError"):
        open_subject("py:trustml_pain:f", root=tmp_path).load()
    assert str(tmp_path) not in sys.path
