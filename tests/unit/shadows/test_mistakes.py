"""What cannot be trained is refused before anything is spent, by a sentence that names it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

import pytest_trustml as tm
from pytest_trustml.shadows.material import read_targets
from tests.unit.shadows.conftest import LABELS
from tests.unit.shadows.test_shadows import made

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 0}, "cannot be trained for 0 epochs"), ({"learning_rate": 0.0}, "rate of 0.0"),
        ({"labels": ("a",)}, "two at least"), ({"labels": ("a", "a")}, "none twice"), ({"start": "/no"}, "no config.json"),
        ({"architecture": "BertModel"}, "is not a classifier"), ({"labels": ()}, "is not a language model"),
        ({"frozen": ("*",)}, "freeze every parameter"),
    ],
)  # fmt: skip
def test_trainings_that_cannot_be_meant(change, words, quick, tmp_path):
    with pytest.raises(tm.UsageError, match=words):
        made(msgspec.structs.replace(quick, **change), tmp_path)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"members": [[0], []], "seeds": [0, 1]}, "of model 1 is empty"), ({"members": [[90]], "seeds": [0]}, "names row 90"),
        ({"members": [[0]], "seeds": [0, 1]}, "1 training sets and 2 seeds"), ({"members": [], "seeds": []}, "0 training sets"),
        ({"group": 0}, "group is 0"),
    ],
)  # fmt: skip
def test_members_that_do_not_fit(how, words, quick, tmp_path):
    with pytest.raises(tm.UsageError, match=words):
        made(quick, tmp_path, **how)


def test_labels_are_read_without_case_and_strange_ones_are_named():
    data = tm.Dataset({"text": ["a", "b"], "label": [" Sea", "HILL"]})
    assert read_targets(data, "label", LABELS).tolist() == [0, 1]
    with pytest.raises(tm.DataError, match="'moon', which is none of the classes sea, hill, town"):
        read_targets(tm.Dataset({"label": ["moon"]}), "label", LABELS)


def test_a_stack_that_computes_something_else_is_refused(quick, tmp_path, monkeypatch):
    from pytest_trustml.shadows.networks import Blueprint

    monkeypatch.setattr(Blueprint, "causal", True)  # wrong for BERT: the stacked pass would hide later tokens
    assert made(quick, tmp_path).how == "one by one"


def test_weights_of_another_architecture_are_no_start(bert, tmp_path):
    import shutil

    import transformers

    folder = shutil.copytree(bert, tmp_path / "start")
    tm.save_model(tmp_path / "other", transformers.ResNetModel(transformers.ResNetConfig(hidden_sizes=[8], depths=[1])))
    shutil.copy(tmp_path / "other" / "model.safetensors", folder)
    training = tm.Training(start=str(folder), labels=LABELS, pretrained=True)
    with pytest.raises(tm.SubjectError, match="lack .* tensors of BertForSequenceClassification below its head"):
        made(training, tmp_path / "a")
    (folder / "model.safetensors").unlink()
    with pytest.raises(tm.SubjectError, match="cannot be loaded"):
        made(training, tmp_path / "a")


def test_a_prompt_that_leaves_no_room_for_its_text_is_named(llama, tmp_path):
    data = tm.Dataset({"prompt": ["we saw", "wave near the ship of the old town and the new lamp"], "text": [" salt"] * 2})
    training = tm.Training(start=str(llama), epochs=1, max_tokens=12)
    with pytest.raises(tm.DataError, match="The prompt of row .* tokens, and models are trained on 12 at most"):
        made(training, tmp_path, data=data, members=[[0], [0]], seeds=[0, 1])


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ([-1, 5], "names row -1"),
        ([0.5, 2.0], "array of float64"),
        (np.array([True, False]), "2 truth values"),
        ([[0]], "shape"),
    ],
)
def test_rows_that_are_none(own, words, quick, tmp_path):
    with pytest.raises(tm.UsageError, match=words):
        made(quick, tmp_path, members=[own], seeds=[0])
