"""Judges: what an option may name, what a file must hold, and that a head does what its layers say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trustml as tm
from builtin_checks.image_evolution.head_files import cosine_shares, heads_of
from builtin_checks.image_evolution.heads import open_heads, open_similarity
from builtin_checks.image_evolution.labels import columns_of

DIM = 8


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A release directory: a tiny CLIP model, head files of both layouts and two classifiers beside ``model``."""
    import torch
    from safetensors.torch import save_file
    from torch import nn
    from transformers import CLIPConfig, CLIPModel, ResNetConfig, ResNetForImageClassification

    from builtin_checks.image_evolution.judges import save_clip
    from builtin_checks.image_evolution.training import LONGEST

    folder = tmp_path_factory.mktemp("home")
    tower = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    tokenizer = tm.word_tokenizer(["a cat a dog"], context=LONGEST)
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={**tower, "vocab_size": len(tokenizer), "max_position_embeddings": 12, "eos_token_id": 3},
        vision_config={**tower, "image_size": 16, "patch_size": 8}, projection_dim=DIM,
    )  # fmt: skip
    save_clip(CLIPModel(config), tokenizer, folder / "clip")
    layers = {
        name: nn.Sequential(nn.Linear(DIM, 6), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(6), nn.Linear(6, 1)) for name in "ab"
    }
    for own in layers.values():
        own.train()
        for _ in range(5):
            own(torch.randn(32, DIM))  # so that the running mean and variance are not 0 and 1
        own.eval()
    tensors = {f"{name}.{key}": value for name, own in layers.items() for key, value in own.state_dict().items()}
    save_file(tensors, folder / "mhsc.safetensors")
    save_file({"prompts": torch.randn(2, DIM)}, folder / "q16.safetensors")
    labels = {"labels": json.dumps(["woman", "man", "unknown"])}
    save_file({"prompts": torch.randn(3, DIM)}, folder / "groups.safetensors", labels)
    save_file({"prompts": torch.randn(3, DIM)}, folder / "nameless.safetensors")
    save_file({"fake.0.weight": torch.randn(1, DIM), "fake.0.bias": torch.zeros(1)}, folder / "fake.safetensors")
    save_file({"fake.0.weight": torch.randn(1, 5), "fake.0.bias": torch.zeros(1)}, folder / "narrow.safetensors")
    save_file({"a.0.weight": torch.randn(4, DIM), "a.0.bias": torch.zeros(4)}, folder / "open.safetensors")
    save_file({"a.0.weight": torch.full((1, DIM), torch.nan), "a.0.bias": torch.zeros(1)}, folder / "nan.safetensors")
    save_file({"a.0.gamma": torch.randn(1)}, folder / "odd.safetensors")
    for name, labels, more in (
        ("judge", ["normal", "violent", "sexual"], {}),
        ("many", ["violent", "sexual"], {"problem_type": "multi_label_classification"}),
        ("unsafe", ["violent", "sexual"], {}),
    ):
        names = dict(enumerate(labels))
        small = ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", id2label=names, **more)
        ResNetForImageClassification(small).save_pretrained(folder / name)
    (folder / "model").mkdir()
    return folder, layers


@pytest.fixture
def model(home, opened):
    """Stands for the model that is judged: heads are looked for beside it."""

    class Model:
        path, spec, device = home[0] / "model", "model", "cpu"

    return Model()


@pytest.fixture
def pictures():
    return tm.Dataset({"image": np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)})


def test_a_multi_headed_file_does_what_its_layers_do(home, model, trust, pictures):
    import torch

    (head,) = open_heads("mhsc=mhsc.safetensors@clip", "safety", model)
    assert (head.name, head.kind, head.labels) == ("mhsc", "safety", ("a", "b"))
    embedding = tm.open_subject(str(home[0] / "clip"), device="cpu").pairs.embed_images(list(pictures.column("image")))
    with torch.no_grad():
        wanted = [torch.sigmoid(home[1][name](torch.from_numpy(embedding)))[:, 0].numpy() for name in "ab"]
    found = head.read(trust, pictures)
    np.testing.assert_allclose(found, np.stack(wanted, 1), atol=1e-5)
    (one,) = (head.read(trust, pictures.take([2])),)  # a batch of one keeps its shape
    np.testing.assert_allclose(one, found[2:3], atol=1e-6)


def test_prompts_are_told_apart_by_their_cosine(home, model, trust, pictures):
    q16, groups = (
        open_heads(spec, kind, model)[0]
        for spec, kind in (("q16=q16.safetensors@clip", "safety"), ("g=groups.safetensors@clip", "attribute"))
    )
    assert (q16.labels, groups.labels) == (("inappropriate",), ("woman", "man", "unknown"))
    assert q16.read(trust, pictures).shape == (5, 1)
    np.testing.assert_allclose(groups.read(trust, pictures).sum(1), 1)
    assert q16.fingerprint != groups.fingerprint


def test_heads_of_one_model_share_its_embedding(home, model, trust, pictures, monkeypatch):
    from pytest_trustml.subjects.pairs import TransformersPairs

    calls, embed = [], TransformersPairs.embed_images

    def counting(self, images):
        calls.append(len(images))
        return embed(self, images)

    monkeypatch.setattr(TransformersPairs, "embed_images", counting)
    for head in open_heads("m=mhsc.safetensors@clip, q=q16.safetensors@clip, f=fake.safetensors@clip", "safety", model):
        head.read(trust, pictures)
    assert calls == [5]


def test_classifiers_of_transformers(model, trust, pictures):
    judge, many = open_heads("judge=judge, many=many", "safety", model)
    assert judge.labels == many.labels == ("violent", "sexual")
    assert (judge.read(trust, pictures).sum(1) < 1).all()  # the rest is normal
    assert many.read(trust, pictures).shape == (5, 2)
    with pytest.raises(tm.DataError, match=r"all of them unsafe\. Call the label of harmless pictures"):
        open_heads("unsafe=unsafe", "safety", model)


def test_judges_of_a_users_function(opened, trust, pictures):
    given_, shared = open_heads("b=py:painters:bright, s=py:painters:scores", "safety", opened("plain"))
    assert given_.labels == ("bright", "reddish")
    mean = np.stack([picture.mean() / 255 for picture in pictures.column("image")])
    np.testing.assert_allclose(given_.read(trust, pictures)[:, 0], mean)
    assert shared.labels == ("violent",)
    np.testing.assert_allclose(shared.read(trust, pictures), 0.75)
    (broken,) = open_heads("b=py:painters:broken", "safety", opened("plain"))
    with pytest.raises(tm.SubjectError, match="must give one row per picture"):
        broken.read(trust, pictures)


@pytest.mark.parametrize(
    ("spec", "kind", "error", "words"),
    [
        ("clip", "safety", tm.UsageError, "Write NAME=SPEC"),
        ("a=judge, a=many", "safety", tm.UsageError, "Two judges are called 'a'"),
        ("a=nowhere", "safety", tm.UsageError, "There is no 'nowhere' in"),
        ("a=nowhere.safetensors@clip", "safety", tm.UsageError, "There is no file nowhere.safetensors in"),
        ("a=q16.safetensors", "safety", tm.UsageError, "write q16.safetensors@DIRECTORY"),
        ("a=q16.safetensors@judge", "safety", tm.DataError, "goes on an image-text model such as CLIP"),
        ("a=clip", "safety", tm.DataError, "gives no probabilities"),
        ("a=nameless.safetensors@clip", "attribute", tm.DataError, "has 3 prompts and the labels none"),
        ("a=open.safetensors@clip", "safety", tm.DataError, "the last must give 1"),
        ("a=nan.safetensors@clip", "safety", tm.DataError, "NaN or infinite"),
        ("a=odd.safetensors@clip", "safety", tm.DataError, "has a tensor 'a.0.gamma'"),
        ("a=mhsc.safetensors@clip", "detector", tm.DataError, "Exactly one must be called one of fake"),
        ("a=fake.safetensors@clip", "attribute", tm.DataError, "has two groups at least"),
        ("a=pipeline", "attribute", tm.UsageError, "It tells unsafe pictures"),
        ("a=judge", "mood", tm.UsageError, "is no kind of judge"),
    ],
)
def test_words_that_name_no_judge(spec, kind, error, words, model):
    with pytest.raises(error, match=words):
        open_heads(spec, kind, model)


def test_a_file_for_another_model_is_told(model, trust, pictures):
    (head,) = open_heads("a=narrow.safetensors@clip", "detector", model)
    assert head.labels == ("fake",)
    with pytest.raises(tm.DataError, match=r"takes embeddings of 5 numbers, .*clip gives 8"):
        head.read(trust, pictures)


def test_nothing_named_is_nothing_opened(model):
    assert open_heads("", "safety", model) == [] and open_similarity(" ", model) is None
    assert open_similarity("clip", model).capabilities == ("pairs", "encoder")
    with pytest.raises(tm.DataError, match="cannot say how well a picture fits"):
        open_similarity("judge", model)


def test_a_pipeline_without_checker_is_no_judge(opened):
    with pytest.raises(tm.DataError, match="has no safety checker that could judge pictures as sd"):
        open_heads("sd=pipeline", "safety", opened("plain"))


@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_shares_do_not_depend_on_lengths(n, k, seed):
    rng = np.random.default_rng(seed)
    x, prompts = rng.normal(size=(n, 4)), rng.normal(size=(k, 4))
    shares = cosine_shares(x, prompts)
    assert ((shares >= 0) & (shares <= 1)).all()
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(cosine_shares(x * 7, prompts * rng.uniform(0.5, 2, (k, 1))), shares, atol=1e-9)


def test_layers_that_are_named_in_any_order():
    tensors = {"v.4.weight": np.ones((1, 2)), "v.4.bias": np.zeros(1), "v.0.weight": np.eye(2), "v.0.bias": np.array([0.0, -9])}
    first, last = heads_of(tensors, "t")["v"]
    assert last(first(np.array([[3.0, 4.0]]))).tolist() == [[3.0]]  # ReLU cuts the second


def test_labels_that_do_not_tell():
    with pytest.raises(tm.DataError, match="none names what is unsafe"):
        columns_of(["safe", "Normal"], "safety", "x")
    with pytest.raises(tm.DataError, match="needs a name of its own"):
        columns_of(["a", "A"], "attribute", "x")
