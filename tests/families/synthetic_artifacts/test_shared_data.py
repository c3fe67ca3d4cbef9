"""The audit on real text, where it is at hand: banking questions, tweets, people's texts beside those of large models.

Run with ``-m slow -s`` for the table; ``benchmarks/provenance_accuracy.py`` prints all of it. Skips where there are no data.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import provenance_accuracy as table
from builtin_checks.synthetic_artifacts.score import METRICS
from pytest_trustml.work.cache import Cache

SHARED = Path(__file__).parents[4] / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not all((SHARED / name).is_dir() for name in table.DATA), reason="the real texts are not at hand"),
]
RECIPE = table.speaker.Recipe(vocabulary=1500, steps=400)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with Cache(tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture(scope="module")
def pools():
    """Language models that trained for a shorter time than the benchmark's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "RECIPE", RECIPE)
        patch.setattr(table, "WRITERS", 1)
        patch.setattr(table.spoken, "__kwdefaults__", {**table.spoken.__kwdefaults__, "recipe": RECIPE})
        yield {name: read(SHARED) for name, read in table.DATA.items()}


@pytest.mark.parametrize("name", table.DATA)
def test_no_text_is_in_two_pools(pools, name):
    *parts, size = pools[name]
    texts = [text for part in parts for text in part.column("text")]
    assert len(set(texts)) == len(texts) and size >= 100
    assert len({tuple(sorted(set(part.column("label")))) for part in parts}) == 1


def test_pairs_share_no_prompt(pools):
    """A passage of one side never begins as one of another side, which two continuations of the same prompt might."""
    *parts, _ = pools["human_vs_llm"]
    starts = [{" ".join(text.split()[:8]) for text in part.column("text")} for part in parts]
    assert all(not starts[i] & starts[j] for i in range(4) for j in range(i))
    assert set(parts[1].column("generator")) == {"davinci", "gpt-3.5-turbo", "gpt-4"}


@pytest.mark.parametrize("name", table.DATA)
def test_classifiers_that_learnt_from_models_are_told(pools, cache, tmp_path, name):
    cell = table.accuracy(pools[name], "linear", "pure", cache, tmp_path)
    print(f"\n{name}, linear, pure: {table.told(cell)}")
    assert cell.targets == 100
    assert cell.right["confidence"] >= 60, "chance gives 60 of 100 or more in one of thirty-five trials"


def test_real_against_real_is_not_told(pools, cache, tmp_path):
    """Both sides are people's: half of what was the real pool is called synthetic."""
    found = pools["banking77"]
    sides = []
    for pool in (found.auditor_real, found.owner_real):
        order = np.random.default_rng(0).permutation(len(pool))
        sides += [pool.take(order[::2]), pool.take(order[1::2])]
    null = table.Pools(*sides, size=200)
    cell = table.accuracy(null, "linear", "pure", cache, tmp_path)
    print(f"\nreal against real: {table.told(cell)}")
    assert set(cell.right) == set(METRICS)
    assert all(20 <= right <= 80 for right in cell.right.values()), cell
