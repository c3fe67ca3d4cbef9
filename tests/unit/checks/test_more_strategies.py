"""What else a search may try: changed pictures, and prompts that ask for the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import find, given
from PIL import Image

import pytest_trustml as tm
from pytest_trustml.checks.strategies.pictures import KINDS as CHANGES
from pytest_trustml.checks.strategies.prompts import KINDS as WORDINGS

rng = np.random.default_rng(0)
PICTURES = [Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)) for _ in range(3)]
PROMPTS = ["What isn't in bread?", "I can't swim. Why?", "NASA flies."]


@given(tm.strategies.picture_changes(PICTURES, max_changes=3))
def test_changes_of_a_picture_are_told_and_can_be_made_again(changed):
    assert 1 <= len(changed.changes) <= 3 and changed.picture.mode == "RGB" and changed.picture.size == (16, 12)
    picture = PICTURES[changed.number]
    for kind, strength in changed.changes:
        assert 1 <= strength <= 10
        picture = CHANGES[kind](picture, strength / 10)
    assert np.array_equal(np.asarray(picture), np.asarray(changed.picture))
    assert str(changed) == changed.masked() and str(changed.number) in str(changed)


@pytest.mark.parametrize("kind", list(CHANGES))
def test_every_change_changes_something_and_more_when_it_is_stronger(kind):
    before = np.asarray(PICTURES[0], dtype=float)
    faint, strong = (
        np.abs(np.asarray(CHANGES[kind](PICTURES[0], strength), dtype=float) - before).mean() for strength in (0.1, 1)
    )
    assert strong > 0 and (kind == "mirror" or strong > faint)


def test_the_smallest_change_that_flips_a_property_is_found():
    grey = Image.new("RGB", (8, 8), (100, 100, 100))
    found = find(tm.strategies.picture_changes([grey]), lambda changed: changed.picture.getpixel((4, 4))[0] > 130)
    assert found.changes == (("brighter", 7),)


@given(tm.strategies.rewordings(PROMPTS, max_changes=3))
def test_rewordings_keep_every_letter_of_the_meaning(prompt):
    letters = {"".join(filter(str.isalnum, text.lower())) for text in PROMPTS}
    said = "".join(filter(str.isalnum, prompt.text.lower())).replace("isnot", "isnt").replace("cannot", "cant")
    for added in ("please", "hello"):
        said = said.replace(added, "")
    assert said.removesuffix("thankyou") in letters
    assert prompt.how == prompt.masked() and prompt.text in prompt.revealed()


@pytest.mark.parametrize("kind", list(WORDINGS))
def test_every_rewording_rewords(kind):
    assert WORDINGS[kind]("Aren't we late?") != "Aren't we late?"


def test_words_that_are_written_large_stay_so():
    assert WORDINGS["greeting"]("NASA flies.") == "Hello, NASA flies."
    assert WORDINGS["greeting"]("I swim.") == "Hello, I swim."
    assert WORDINGS["greeting"]("What is it?") == "Hello, what is it?"


@given(tm.strategies.orders(["one", "two", "three", "four"], separator="|", before="<", after=">"))
def test_orders_keep_every_part(prompt):
    assert sorted(prompt.text[1:-1].split("|")) == ["four", "one", "three", "two"]
    assert prompt.text[0] + prompt.text[-1] == "<>"


def test_the_given_order_and_the_first_choices_are_the_simplest():
    assert find(tm.strategies.orders(["a", "b", "c"]), lambda prompt: True).text == "a\n\nb\n\nc"
    asked = tm.strategies.templates("Is {x} {y}? {x}!", x=["A", "B"], y=["old", "big"])
    assert find(asked, lambda prompt: True).text == "Is A old? A!"
    assert find(asked, lambda prompt: "big" in prompt.text).how == "x 0, y 1"
    assert find(tm.strategies.rewordings(PROMPTS), lambda prompt: True).text == PROMPTS[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tm.strategies.picture_changes([]), "There are 0 pictures"),
        (lambda: tm.strategies.picture_changes(PICTURES, kinds=["bluer"]), "Did you mean 'blur'"),
        (lambda: tm.strategies.rewordings("one text"), "no list of texts"),
        (lambda: tm.strategies.rewordings(PROMPTS, kinds=["pleas"]), "Did you mean 'please'"),
        (lambda: tm.strategies.orders(["a"]), "two texts at least"),
        (lambda: tm.strategies.templates("{a} {b}", a=["x"]), "field {b} of the template has no choices"),
        (lambda: tm.strategies.templates("{a}", a=["x"], aa=["y"]), "Unknown field 'aa'"),
    ],
)
def test_a_mistake_is_named(make, message):
    with pytest.raises(tm.UsageError, match=message):
        make()


def test_a_picture_on_which_a_model_gives_way_is_told_by_its_changes():
    def bright(changed):
        return [np.asarray(one.picture).mean() > 60 for one in changed]

    found = tm.falsify(tm.strategies.picture_changes([Image.new("RGB", (8, 8), (100, 100, 100))]), bright, name="seen", seed=0)
    assert found.falsified and [kind for kind, _ in found.counterexample.changes] in (["darker"], ["darker", "darker"])
    again = tm.falsify(tm.strategies.picture_changes([Image.new("RGB", (8, 8), (100, 100, 100))]), bright, name="seen", seed=0)
    assert again.counterexample == found.counterexample and again.tries == found.tries
