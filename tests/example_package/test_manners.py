"""What a package of checks tests: that they keep the laws of all checks. Models of three lines are enough for it."""

import pytest
from trustml_manners import answer_length, shouting_rate

import pytest_trustml as tm


class Model:
    """Answers by rote."""

    def __init__(self, answer):
        self.answer, self.fingerprint = answer, f"says-{answer}"

    def generate(self, prompts, *, max_new_tokens, **settings):
        return [" ".join(self.answer.format(prompt).split()[:max_new_tokens]) for prompt in prompts]


def polite():
    return Model("Yes, {}")


def loud():
    return Model("NO")


def chatty():
    return Model("Well, " + "you know, " * 25 + "{}")


def subject(name):
    return tm.open_subject(f"py:test_manners:{name}", name="model")


SPECIMENS = [
    tm.conformance.Specimen(
        check, subject("polite"), subject(bad), {"questions": tm.open_data(check.data["questions"].default)}, **how
    )
    for check, bad, how in (
        (shouting_rate, "loud", {}),
        (answer_length, "chatty", {"options": {"max_new_tokens": 64}}),
    )
]


@pytest.mark.parametrize("law", tm.conformance.laws(*SPECIMENS), ids=str)
def test_conformance(law, tmp_path):
    law(tmp_path)
