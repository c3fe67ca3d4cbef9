"""Which label means hate: told by name, and never guessed."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.hate_detectors.detector import HEADS, probabilities, resolve
from builtin_checks.hate_detectors.labels import hate_columns, read_labels
from tests.families.hate_detectors.scripted import Scripted


@pytest.mark.parametrize(
    ("labels", "columns"),
    [
        (["non-hateful", "hateful"], [1]),
        (["hate", "nothate"], [0]),
        (["NOT_HATE", "HATE"], [1]),
        (["nonToxic", "Toxic"], [1]),
        (["hateful", "neither"], [0]),
        (["normal", "abusive"], [1]),
        (["toxicity"], [0]),
        (["not offensive", "offensive"], [1]),
        (["acceptable", "hate speech", "neutral"], [1]),
    ],
)
def test_a_name_that_says_hate_is_found_wherever_it_stands(labels, columns):
    assert hate_columns(labels) == columns


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (["LABEL_0", "LABEL_1"], "None of the detector's classes ('LABEL_0', 'LABEL_1')"),
        (["0", "1"], "None of"),
        (["0", "1", "2"], "None of"),
        (["hate", "offensive", "neither"], "More than one"),
        (["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"], "More than one"),
        ([], "does not name its classes"),
    ],
)
def test_what_cannot_be_told_is_an_error_that_lists_the_names(labels, why):
    with pytest.raises(tm.UsageError) as caught:
        hate_columns(labels)
    assert why in str(caught.value)


def test_names_can_be_chosen():
    assert hate_columns(["LABEL_0", "LABEL_1"], "label_1") == [1]
    assert hate_columns(["hate", "offensive", "neither"], "offensive, hate") == [0, 1]
    with pytest.raises(tm.UsageError, match="'rude', but the classes of the detector are 'hate', 'fine'"):
        hate_columns(["hate", "fine"], "rude")
    with pytest.raises(tm.UsageError, match="names all classes"):
        resolve(Scripted("keywords"), "acceptable,hateful")
    assert resolve(Scripted("keywords"), "acceptable,hateful", head="sigmoid").columns == (0, 1), (
        "these need not exclude each other"
    )


def test_labels_of_data():
    cells = [True, False, 1, 0, "1", "0", "hateful", "non-hateful", "Hate", "none", np.int64(1), 1.0]
    assert (
        read_labels(cells, [str(i) for i in range(len(cells))]).tolist() == [True, False] * 3 + [True, False] * 2 + [True] * 2
    )
    assert read_labels([0, 1, 2, 1], "abcd", "0,1").tolist() == [True, True, False, True]
    with pytest.raises(tm.DataError, match="text 'b' says neither"):
        read_labels(["hateful", "muppets"], "ab")
    with pytest.raises(tm.DataError, match="no text has the label '7'"):
        read_labels([0, 1], "ab", "7")


def test_three_labels_are_never_taken_for_two():
    with pytest.raises(tm.DataError, match="text 'c'"):
        read_labels([0, 1, 2], "abc")


def test_an_error_about_data_never_tells_what_stands_in_it():
    with pytest.raises(tm.DataError) as caught:
        read_labels(["you stupid muppet"], ["row-1"])
    assert "muppet" not in str(caught.value)


def test_heads_are_read_as_they_are_meant():
    logits = np.log([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
    assert probabilities(logits, [0], "softmax").tolist() == pytest.approx([0.2, 0.7])
    assert probabilities(logits + 5, [0, 1], "softmax").tolist() == pytest.approx([0.7, 0.9])
    assert probabilities(np.array([[0.0, 4.0]]), [0, 1], "sigmoid").tolist() == pytest.approx([1 / (1 + np.exp(-4))])
    assert probabilities(np.log([[0.3, 0.8]]), [0, 1], "probability").tolist() == pytest.approx([0.8])
    with pytest.raises(tm.UsageError, match="no probabilities"):
        probabilities(np.array([[3.0, 0.0]]), [0], "probability")
    extreme = probabilities(np.array([[1e4, -1e4], [-1e4, 1e4]]), [1], "sigmoid")
    assert extreme.tolist() == pytest.approx([0, 1])


def test_the_head_is_read_off_the_model(tmp_path):
    model = Scripted("keywords")
    assert resolve(model) == ((1,), "softmax")
    assert resolve(Scripted("keywords", labels=["toxic"])).head == "sigmoid"
    (tmp_path / "config.json").write_text('{"problem_type": "multi_label_classification"}')
    model.path = tmp_path
    assert resolve(model).head == "sigmoid"
    assert resolve(model, head="softmax").head == "softmax"
    (tmp_path / "config.json").write_text("[1]")
    assert resolve(model).head == "softmax"
    with pytest.raises(tm.UsageError, match=", ".join(HEADS)):
        resolve(model, head="hydra")
    with pytest.raises(tm.UsageError, match="single class"):
        resolve(Scripted("keywords", labels=["toxic"]), head="softmax")
