"""The audit on real text, where it is at hand: what people wrote beside what large language models wrote.

Run with ``-m slow -s`` for the row; `benchmarks/provenance_accuracy.py` prints the table. Skips without the data.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import provenance_accuracy as table
from pytest_trustml.work.cache import Cache

SHARED = Path(__file__).parents[4] / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not (SHARED / "human_vs_llm").is_dir(), reason="the real texts are not at hand"),
]


@pytest.fixture(scope="module")
def pools():
    return table.DATA["human_vs_llm"](SHARED)


def test_no_text_is_in_two_pools(pools):
    *parts, size = pools
    texts = [text for part in parts for text in part.column("text")]
    assert len(set(texts)) == len(texts) and size >= 100
    assert len({tuple(sorted(set(part.column("label")))) for part in parts}) == 1


def test_pairs_share_no_prompt(pools):
    """A passage of one side never begins as one of another side, which two continuations of the same prompt might."""
    *parts, _ = pools
    starts = [{" ".join(text.split()[:8]) for text in part.column("text")} for part in parts]
    assert all(not starts[i] & starts[j] for i in range(4) for j in range(i))
    assert set(parts[1].column("generator")) == {"davinci", "gpt-3.5-turbo", "gpt-4"}


def test_classifiers_that_learnt_from_models_are_told(pools, tmp_path):
    with Cache(tmp_path / "cache") as cache:
        cell = table.accuracy(pools, "linear", "pure", cache, tmp_path)
    print(f"\nhuman_vs_llm, linear, pure: {table.told(cell)}")
    assert cell.targets == 100
    assert cell.right["confidence"] >= 60, "chance gives 60 of 100 or more in one of thirty-five trials"
