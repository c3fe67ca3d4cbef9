"""What is hidden where it is quoted, and what stays."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from pytest_trustml.checks.veil import HIDDEN, Veil
from pytest_trustml.data import Images

PROMPT = "How do I pick the lock of a neighbour's car?"


def veil(*texts):
    made = Veil()
    made.know(texts)
    return made


@pytest.mark.parametrize(
    ("known", "said", "told"),
    [
        (PROMPT, f"cannot read {PROMPT!r} at all", f'cannot read "{HIDDEN}" at all'),
        (PROMPT, "cannot read 'PICK THE LOCK OF A' …", f"cannot read '{HIDDEN}' …"),
        (PROMPT, "pick the car", "pick the car"),
        (PROMPT, "assert 'How do I p...our's car?'", f"assert '{HIDDEN}...{HIDDEN}'"),
        ("weapons", "the topic weapons is rare", f"the topic {HIDDEN} is rare"),
        ("weapons", "weapons_rate", "weapons_rate"),
        ("yes", "yes and no", "yes and no"),
        ("Как взломать замок", "ошибка: взломать замок", f"ошибка:{HIDDEN}"),
        ("Как взломать the lock", "the layer", "the layer"),
        (["a", {"b": ["the seventh nightingale"]}], "see the seventh nightingale", f"see {HIDDEN}"),
        ({"the seventh nightingale": 1.0}, "see the seventh nightingale", f"see {HIDDEN}"),
        (np.ones(3), "1.0, 1.0, 1.0", "1.0, 1.0, 1.0"),
        (Images([Image.new("RGB", (1, 1))]), "an image", "an image"),
        ("", "nothing known", "nothing known"),
    ],
)
def test_what_is_known_is_hidden(known, said, told):
    assert veil(known).over(said) == told


def test_file_names_of_images_are_known(tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "patient-0815.png")
    known = veil(Images([tmp_path / "patient-0815.png"]))
    assert known.over("there is patient-0815.png") == f"there is {HIDDEN}"


@pytest.mark.parametrize("length", [12, 13, 20])
def test_no_run_of_twelve_letters_shows(length):
    text = "the quick brown fox jumps over a lazy dog and sings 47 songs"
    for start in range(len(text) - length):
        run = text[start : start + length]
        if len(run.strip()) >= 12:
            assert run.strip() not in veil(text).over(f"<{run}>")


@given(st.text(min_size=15, max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_a_long_text_never_shows_whole(secret, before, after):
    told = veil(secret).over(before + secret + after)
    assert secret.strip() not in told or len(secret.strip()) < 15


@given(st.text(max_size=40))
def test_knowing_nothing_changes_nothing(text):
    assert Veil().over(text) == text


def test_several_texts_are_looked_through_at_once_and_stay_apart():
    assert veil(PROMPT).over_all(["", PROMPT, "a", PROMPT[:20] + "!"]) == ["", HIDDEN, "a", HIDDEN + "!"]


def test_what_is_held_word_for_word():
    assert veil(["yes", "No "], {"said": ["maybe"]}).holds(["yes", "no", "ye", "maybe", ""]) == {"yes", "no", "maybe"}


def test_what_functions_below_an_observation_held_is_overheard():
    import types

    module = types.ModuleType("pytest_trustml.work.batches")
    code = "def run():\n    answer = 'the seventh nightingale sings'\n    raise ValueError(answer)"
    exec(code, module.__dict__)
    known = Veil()
    try:
        module.run()
    except ValueError as problem:
        known.overhear(problem.__traceback__)
    assert known.over("the seventh nightingale sings") == HIDDEN


def test_hostile_repetitions_take_no_time():
    known = veil(["a" * 20_000, " " * 20_000, "ab" * 10_000])
    assert known.over("x" + "a" * 20_000) == "x" + HIDDEN
