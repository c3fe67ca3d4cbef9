"""Mistakes in what is handed in, and what loading the package costs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from pytest_trustml import statistics
from pytest_trustml.statistics.clusters import read_clusters
from pytest_trustml.statistics.samples import numbers, occurred

LOWER = {"name": "rate", "higher_is_safer": False}


def test_the_package_loads_numpy_and_nothing_heavier():
    code = (
        "import sys, pytest_trustml.statistics;"
        "heavy = {'scipy', 'sklearn', 'torch', 'pandas', 'pytest', 'matplotlib'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_all_names_exist_and_are_documented():
    for name in statistics.__all__:
        assert (getattr(statistics, name).__doc__ or "").strip(), name


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_numbers_name_the_position_of_what_is_none(bad):
    with pytest.raises(ValueError, match=rf"losses\[2\] is {bad}"):
        numbers([0.5, 1.0, bad, 2.0], "losses")


@pytest.mark.parametrize("bad", ["0.5", None, [1]])
def test_numbers_refuse_words_and_gaps(bad):
    with pytest.raises(ValueError, match=r"values(\[1\] is| holds lists)"):
        numbers([0.5, bad])


def test_numbers_refuse_a_table():
    with pytest.raises(ValueError, match=r"shape \(2, 2\).*one-dimensional"):
        numbers(np.zeros((2, 2)))


@pytest.mark.parametrize("good", [[True, False], [1, 0], [1.0, 0.0], np.array([1, 0], dtype=np.int8), (np.True_, np.False_)])
def test_events_may_be_written_in_several_ways(good):
    assert occurred(good).tolist() == [True, False]


@pytest.mark.parametrize(("bad", "shown"), [(2, "2"), (0.5, "0.5"), (float("nan"), "nan"), ("1", "'1'"), (None, "None")])
def test_events_refuse_everything_else(bad, shown):
    with pytest.raises(ValueError, match=rf"events\[1\] is {shown}"):
        occurred([1, bad])


def test_generators_are_read_once():
    assert occurred(value > 1 for value in (1, 2)).tolist() == [False, True]
    assert numbers(value / 2 for value in (1, 2)).tolist() == [0.5, 1.0]


def test_clusters_take_any_label_and_refuse_a_missing_one():
    assert read_clusters([("a", 1), "b", ("a", 1), 3], 4).codes.tolist() == [0, 1, 0, 2]
    assert read_clusters(np.array(["x", "x", "y"]), 3).count == 2
    for bad in (None, float("nan")):
        with pytest.raises(ValueError, match=r"cluster\[1\] is"):
            read_clusters(["a", bad], 2)
    with pytest.raises(ValueError, match="3 labels for 2 samples"):
        read_clusters([1, 2, 3], 2)
    with pytest.raises(ValueError, match="cannot be a label"):
        read_clusters([[1], [2]], 2)


@pytest.mark.parametrize(
    "measure",
    [
        lambda: statistics.proportion([], **LOWER),
        lambda: statistics.proportion([], cluster=[], **LOWER),
        lambda: statistics.rate_difference([], [], **LOWER),
        lambda: statistics.mean([], unit="nat", **LOWER),
        lambda: statistics.mean([], unit="nat", cluster=[], **LOWER),
        lambda: statistics.paired_rate_difference([], [], **LOWER),
        lambda: statistics.paired_mean_difference([], [], unit="nat", **LOWER),
        lambda: statistics.bootstrap(np.mean, [], rng=np.random.default_rng(0), unit="nat", **LOWER),
        lambda: statistics.auc([], [], **LOWER),
        lambda: statistics.tpr_at_fpr([], [], 0.01, **LOWER),
        lambda: statistics.rogan_gladen([], [1], [0], **LOWER),
        lambda: statistics.cohen_d([], [], rng=np.random.default_rng(0), **LOWER),
        lambda: statistics.share_above([], np.arange(200), **LOWER),
    ],
)
def test_no_samples_is_a_word_and_no_number(measure):
    measurement = measure()
    assert measurement.value is None
    assert measurement.undefined == "no samples"
    assert measurement.n == 0


@pytest.mark.parametrize(
    "measure",
    [
        lambda: statistics.paired_rate_difference([1, 0], [1], **LOWER),
        lambda: statistics.paired_mean_difference([1, 0], [1], unit="nat", **LOWER),
        lambda: statistics.auc([1, 0], [1], **LOWER),
        lambda: statistics.tpr_at_fpr([1, 0], [1], 0.5, **LOWER),
    ],
)
def test_halves_that_do_not_fit_are_refused(measure):
    with pytest.raises(ValueError, match="belong together"):
        measure()


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_levels_are_checked_before_anything_is_measured(level):
    for measure in (
        lambda: statistics.proportion([1, 0], level=level, **LOWER),
        lambda: statistics.mean([1, 1], unit="nat", level=level, **LOWER),
        lambda: statistics.auc([1, 1], [1, 0], level=level, **LOWER),
    ):
        with pytest.raises(ValueError, match="confidence level"):
            measure()


def test_misspelt_options_name_the_choices():
    with pytest.raises(ValueError, match=r"method is 'wald'.*clopper-pearson, wilson"):
        statistics.proportion([1, 0], method="wald", **LOWER)
    with pytest.raises(ValueError, match=r"alternative is 'up'.*greater, less, two-sided"):
        statistics.sign_flip([1, 2], alternative="up")
