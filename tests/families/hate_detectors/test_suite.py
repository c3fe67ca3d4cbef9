"""Functional suites: how pairs are found, in made-up ones and in HateCheck where it is at hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.hate_detectors import grammar
from builtin_checks.hate_detectors.roles import SUITE, clusters, read_suite
from tests.families.hate_detectors.scripted import suite

HATECHECK = Path(__file__).parents[4] / "shared" / "data" / "hatecheck" / "hatecheck.csv"


def test_hatecheck_has_760_and_600_pairs():
    if not HATECHECK.is_file():
        pytest.skip("HateCheck is not at hand")
    data = tm.open_data(str(HATECHECK), role=SUITE)
    read = read_suite(data, ["spell_*"])
    assert len(data) == 3728 and int(read.hateful.sum()) == 2563 and len(set(read.functionality)) == 29
    assert dict(Counter(read.functionality[read.obfuscation.cases])) == {
        "spell_space_add_h": 173, "spell_leet_h": 173, "spell_space_del_h": 141, "spell_char_del_h": 140,
        "spell_char_swap_h": 133,
    }  # fmt: skip
    assert dict(Counter(read.functionality[read.contrast.cases])) == {
        "ident_pos_nh": 189, "counter_quote_nh": 173, "negate_neg_nh": 133, "counter_ref_nh": 105,
    }  # fmt: skip
    assert (len(read.obfuscation.cases), len(read.contrast.cases)) == (760, 600)
    assert read.hateful[read.obfuscation.references].all() and read.hateful[read.contrast.references].all()


def test_a_made_up_suite_is_laid_out_alike():
    data = suite(templates=5)
    read = read_suite(data, ["spell_*"])
    per = 5 * len(grammar.GROUPS)
    assert len(read.obfuscation.cases) == 5 * per and len(read.contrast.cases) == 4 * per
    texts = data.column("text")
    for case, reference in zip(*read.obfuscation, strict=True):
        assert texts[case] != texts[reference] and read.hateful[case] and read.hateful[reference]
        assert abs(len(texts[case]) - len(texts[reference])) <= max(map(len, texts[reference].split()))
    groups = data.column("target_ident")
    assert all(groups[case] == groups[reference] for case, reference in zip(*read.contrast, strict=True))


def test_the_suite_depends_on_its_seed_alone():
    one, same, other = (suite(templates=3, seed=seed).fingerprint for seed in (0, 0, 1))
    assert one == same != other


def test_an_id_that_occurs_twice_is_refused():
    data = suite(templates=3)
    twice = data.with_columns(case_id=["1"] * len(data))
    with pytest.raises(tm.DataError, match="'1' occurs twice"):
        read_suite(twice, ["spell_*"])


def test_a_functionality_of_both_labels_is_refused():
    data = suite(templates=3)
    mixed = data.with_columns(functionality=["all"] * len(data))
    with pytest.raises(tm.DataError, match="cases of both labels"):
        read_suite(mixed, ["spell_*"])


def test_a_suite_without_references_has_no_pairs():
    data = suite(templates=3)
    bare = tm.Dataset({name: data.column(name) for name in ("functionality", "text", "label")})
    read = read_suite(bare, ["spell_*"])
    assert len(read.obfuscation.cases) == len(read.contrast.cases) == 0 and read.templates is None


def test_rows_without_a_prompt_stand_alone():
    data = tm.Dataset({"text": ["a", "b", "c"], "label": [1, 0, 1], "prompt_id": ["p", "", "p"]})
    labels = clusters(data, "")
    assert labels[0] == labels[2] != labels[1]
    assert clusters(tm.Dataset({"text": ["a"], "label": [1]}), "") is None


@pytest.mark.parametrize("seed", [0, 1])
def test_posts_are_different_half_hateful_and_about_everybody(seed):
    found = grammar.posts(200, np.random.default_rng(seed), ("g1", "g2"))
    assert len({post.text for post in found}) == len(found) == 400
    assert sum(post.hateful for post in found) == 200
    assert set(Counter(post.group for post in found if post.hateful).values()) == {40}
    assert all("{" not in post.text and "  " not in post.text for post in found)
    assert found == grammar.posts(200, np.random.default_rng(seed), ("g1", "g2"))


def test_every_pattern_can_be_filled():
    rng = np.random.default_rng(0)
    for patterns in grammar.PHRASES.values():
        for pattern in patterns:
            text = grammar.fill(pattern.replace("{said}", "they said so"), "Blorb", rng)
            assert "{" not in text and text[0] == text[0].upper()


def test_hateful_patterns_name_a_people_and_harmless_ones_about_nobody_do_not():
    for kind in grammar.HATEFUL:
        assert all("{group" in pattern for pattern in grammar.PHRASES[kind]), kind
    for kind in ("object", "person", "grumble", "everyday", "opening"):
        assert not any("{group" in pattern for pattern in grammar.PHRASES[kind]), kind
