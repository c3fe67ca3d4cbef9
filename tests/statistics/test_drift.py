"""Twins that drift apart: three standard errors and a margin, on the side that is asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_trustml.statistics import drift


def test_both_the_error_and_the_margin_have_to_be_exceeded():
    far = np.full(100, 0.2) + np.tile([-0.01, 0.01], 50)
    assert not drift("s", far, "zero", 0.05).ok
    assert drift("s", far, "zero", 0.3).ok  # within the margin
    assert drift("s", [0.0, 0.4], "zero", 0.05).ok  # two samples know too little
    assert drift("s", [5.0], "zero", 0.0).error == math.inf


@pytest.mark.parametrize(("expected", "below", "above"), [("not above zero", True, False), ("not below zero", False, True)])
def test_one_side_is_free(expected, below, above):
    spread = np.tile([-0.01, 0.01], 50)
    assert drift("s", spread - 1, expected, 0.05).ok is below
    assert drift("s", spread + 1, expected, 0.05).ok is above


def test_what_cannot_be_expected():
    with pytest.raises(ValueError, match="'one' cannot be expected"):
        drift("s", [0.0], "one", 0.1)
