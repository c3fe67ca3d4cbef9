from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from pytest_trustml.errors import DataError, UsageError


def attacked(status: str, *, queries: int = 5, after: float = 0.2, families: tuple[str, ...] = ("leet",)) -> tm.Attacked:
    edits = tuple(tm.Edit(family=family, word=k, before="stupid", after="5tupid") for k, family in enumerate(families))
    return tm.Attacked(
        original="you stupid old muppet", text="you 5tupid old muppet", status=status, queries=queries,
        edits=() if status == "skipped" else edits, before=0.9, after=after,
    )  # fmt: skip


def test_the_pinned_counts():
    """V2: 120 texts, 8 skipped, 104 successes, 8 failures."""
    results = [attacked("skipped")] * 8 + [attacked("success")] * 104 + [attacked("failed", after=0.8)] * 8
    table = tm.success_table(results)
    assert (table.given, table.skipped, table.attackable, table.successes, table.failed) == (120, 8, 112, 104, 8)
    assert table.attack_success_rate == pytest.approx(0.928571, abs=5e-7)
    assert table.success_of_given == pytest.approx(0.866667, abs=5e-7)
    assert table.total_evasion == pytest.approx(0.933333, abs=5e-7)
    assert table.accuracy_under_attack == pytest.approx(0.066667, abs=5e-7)
    assert table.total_evasion + table.accuracy_under_attack == pytest.approx(1)


def test_no_attackable_text_is_neither_zero_nor_one():
    table = tm.success_table([attacked("skipped")] * 3)
    assert table.total_evasion == 1
    with pytest.raises(DataError, match="No text was attackable: of 3 texts"):
        _ = table.attack_success_rate
    empty = tm.success_table([])
    for share in ("success_of_given", "total_evasion", "accuracy_under_attack"):
        with pytest.raises(DataError, match="No text was given"):
            getattr(empty, share)


def test_evasion_with_a_margin():
    results = [attacked("success", after=0.45), attacked("success", after=0.39), attacked("failed", after=0.39)]
    assert tm.success_table(results).successes == 2
    robust = tm.success_table(results, threshold=0.4)
    assert (robust.successes, robust.failed, robust.attackable) == (1, 2, 3)


def test_families_are_counted_where_they_worked():
    results = [
        attacked("success", families=("leet", "leet")),
        attacked("success", families=("leet", "homoglyph")),
        attacked("failed", families=("homoglyph",)),
    ]
    table = tm.success_table(results)
    leet, homoglyph = table.families["leet"], table.families["homoglyph"]
    assert (leet.edits, leet.successes, leet.alone) == (3, 2, 1)
    assert (homoglyph.edits, homoglyph.successes, homoglyph.alone) == (2, 1, 0)


def test_queries_are_split_by_status():
    results = [attacked("success", queries=q) for q in (10, 20, 60)] + [attacked("failed", queries=100)]
    queries = tm.success_table(results).queries
    assert set(queries) == {"success", "failed"}
    assert (queries["success"].n, queries["success"].mean, queries["success"].median) == (3, 30, 20)
    assert queries["success"].p95 == pytest.approx(56)


def test_sizes_are_those_of_successes():
    sizes = tm.edit_sizes([attacked("success"), attacked("failed"), attacked("skipped")])
    assert sizes["word_modification_rate"].n == 1
    assert sizes["word_modification_rate"].mean == 0.25
    assert sizes["levenshtein"].mean == 1
    with pytest.raises(DataError, match="None of 1 texts"):
        tm.edit_sizes([attacked("failed")])


def test_fluency_is_perplexity_and_its_change():
    originals = [np.log([0.5, 0.5]), np.log([0.25])]
    edited = [np.log([0.5, 0.125, 0.25]), np.log([0.0625, 0.0625])]
    found = tm.fluency(originals, edited)
    assert (found.perplexity.mean, found.ratio.mean) == (pytest.approx((4 + 16) / 2), pytest.approx((2 + 4) / 2))
    with pytest.raises(DataError, match="2 originals and 1 edited"):
        tm.fluency(originals, edited[:1])
    for row in ([], [float("-inf")], [float("nan")], [0.5], [[-1.0]]):
        with pytest.raises(DataError, match="Text 1 has"):
            tm.fluency(originals, [edited[0], np.array(row)])


# The control


def test_the_control_makes_as_many_edits_as_it_is_told():
    text = "what a rotten muppet and what awful stupid manners they show"
    for count in range(6):
        [changed] = tm.corrupt_texts([text], [count], ["delete_inner"])
        assert tm.levenshtein(text, changed) == count
        assert round(tm.word_modification_rate(text, changed) * 11) == count
    everything = tm.corrupt_texts([text], [50], ["delete_inner"])[0]
    assert tm.levenshtein(text, everything) == 6  # rotten muppet awful stupid manners show; the others are too short


def test_the_control_leaves_protected_words_alone():
    text = "muppet @muppet https://muppet.com #muppet they"
    for seed in range(20):
        [changed] = tm.corrupt_texts([text], [9], seed=seed)
        assert changed != text and changed.endswith(" @muppet https://muppet.com #muppet they")


def test_the_control_depends_on_text_and_seed_alone():
    texts = [f"rotten muppet number {k} stupid manners" for k in range(20)]
    changed = tm.corrupt_texts(texts, [2] * 20)
    assert changed == tm.corrupt_texts(texts[::-1], [2] * 20)[::-1]
    assert changed != tm.corrupt_texts(texts, [2] * 20, seed=1)


def test_an_edit_that_changes_nothing_is_not_counted():
    text = "xyzzy wrrr"
    assert tm.corrupt_texts([text], [1], ["leet"]) == [text]  # no letter has a digit
    [changed] = tm.corrupt_texts([text], [2], ["leet", "delete_inner"])
    assert tm.levenshtein(text, changed) == 2


def test_the_control_refuses_what_cannot_be_meant():
    with pytest.raises(DataError, match="2 texts and 1 counts"):
        tm.corrupt_texts(["a", "b"], [1])
    with pytest.raises(UsageError, match="never negative"):
        tm.corrupt_texts(["a"], [-1])
    with pytest.raises(UsageError, match="Did you mean 'homoglyph'"):
        tm.corrupt_texts(["a"], [1], ["homoglyf"])
