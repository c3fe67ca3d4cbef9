"""ROUGE and BLEU: the vectors of the method, what the published packages say, and what must hold for any two texts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builtin_checks.synthetic_artifacts.overlap import (
    METRICS,
    Overlap,
    bleu_counts,
    bleu_values,
    common_places,
    corpus_bleu,
    longest_common,
    rouge_l,
    rouge_lsum,
    rouge_n,
    sentences,
    tokens,
    words,
)

ROUGE = {
    "rouge1": lambda answer, summary: rouge_n(answer, summary, 1),
    "rouge2": lambda answer, summary: rouge_n(answer, summary, 2),
    "rougeL": rouge_l,
    "rougeLsum": rouge_lsum,
}
PAIRS = [
    ("The dam broke. Nobody was hurt, said the mayor!", "Nobody was hurt when the dam broke.\nThe mayor said so."),
    ("Fog keeps the ferry in port. Fog again?", "The ferry stayed in port for fog. No ferry on Sunday."),
    ("the the the river rose", "the river, the town, the bridge"),
    ("2nd day of rain. 2nd day of rain.", "It's the 2nd day of rain in Gun-Hill"),
    ("nothing in common here", "The dam broke"),
]
# rouge-score 0.1.2, RougeScorer(use_stemmer=False), sentences joined by new lines: precision, recall, F-measure of each pair
WITNESS = {
    "rouge1": [(1.0, 0.818181818, 0.9), (0.625, 0.454545455, 0.526315789), (0.8, 0.666666667, 0.727272727),
               (0.5, 0.4, 0.444444444), (0.0, 0.0, 0.0)],
    "rouge2": [(0.625, 0.5, 0.555555556), (0.285714286, 0.2, 0.235294118), (0.25, 0.2, 0.222222222),
               (0.428571429, 0.333333333, 0.375), (0.0, 0.0, 0.0)],
    "rougeL": [(0.555555556, 0.454545455, 0.5), (0.625, 0.454545455, 0.526315789), (0.6, 0.5, 0.545454545),
               (0.5, 0.4, 0.444444444), (0.0, 0.0, 0.0)],
    "rougeLsum": [(0.888888889, 0.727272727, 0.8), (0.625, 0.454545455, 0.526315789), (0.6, 0.5, 0.545454545),
                  (0.5, 0.4, 0.444444444), (0.0, 0.0, 0.0)],
}  # fmt: skip
# sacrebleu 2.6.0, corpus_bleu(smooth_method="none"): 0.35099 (80.8/59.1/44.4/28.6, BP 0.707, 26 tokens against 35)
CORPUS = [
    ("The dam broke at noon, nobody was hurt.", "The dam broke at noon; nobody was hurt."),
    ("Fog keeps the ferry in port.", "The ferry stayed in port for fog."),
    ("The river rose.", "The river rose by a foot on Sunday."),
    ("Rain again in the town", "There was rain again in the town ."),
]
few_words = st.lists(st.sampled_from("abcd"), max_size=7)
spoken = st.lists(st.sampled_from(["The", "the", "dam", "Dam", "broke.", "ferry?", "fog", ",", "it's", "\n"]), max_size=12)
texts = spoken.map(" ".join)
summaries = texts.filter(lambda text: len(words(text)) >= 2)


def counts_of(pairs):
    return np.array([bleu_counts(*pair) for pair in pairs])


def brute(one, other):
    """The longest common subsequence by its definition: the longest of all subsequences of one that the other has as well."""
    for length in range(len(one), 0, -1):
        for part in itertools.combinations(one, length):
            rest = iter(other)
            if all(word in rest for word in part):
                return length
    return 0


def test_the_vector_of_the_method():
    found = {name: pair("police killed the gunman", "police ended the gunman quickly") for name, pair in ROUGE.items()}
    assert found["rouge1"] == Overlap(3, 4, 5) == found["rougeL"]
    assert found["rouge2"] == Overlap(1, 3, 4)
    assert (found["rouge1"].precision, found["rouge1"].recall) == (0.75, 0.6)
    assert found["rouge1"].fmeasure == pytest.approx(0.666667, abs=1e-6)
    two = found["rouge2"]
    assert (two.precision, two.recall, two.fmeasure) == pytest.approx((0.333333, 0.25, 0.285714), abs=1e-6)


@pytest.mark.parametrize("name", sorted(ROUGE))
def test_rouge_is_that_of_the_published_package(name):
    for pair, expected in zip(PAIRS, WITNESS[name], strict=True):
        found = ROUGE[name](*pair)
        assert (found.precision, found.recall, found.fmeasure) == pytest.approx(expected, abs=1e-9), pair


def test_bleu_is_that_of_the_published_package():
    assert corpus_bleu(counts_of(CORPUS)) == pytest.approx(0.3509912651703501, abs=1e-12)


@given(few_words, few_words)
def test_longest_common_subsequence_is_its_definition(one, other):
    assert longest_common(one, other) == brute(one, other) == longest_common(other, one)


@given(few_words, few_words)
def test_the_places_are_a_longest_common_subsequence(one, other):
    places = common_places(one, other)
    assert len(places) == longest_common(one, other) and places == sorted(set(places))
    rest = iter(other)
    assert all(one[place] in rest for place in places), "in the same order in the other text"


def test_long_texts_fit_into_one_number():
    rng = np.random.default_rng(0)
    one, other = ([f"w{word}" for word in rng.integers(0, 30, size)] for size in (700, 400))
    row = np.zeros(len(other) + 1, dtype=int)
    for word in one:  # the textbook's table, a row at a time
        last = row.copy()
        for j, mine in enumerate(other, 1):
            row[j] = last[j - 1] + 1 if word == mine else max(last[j], row[j - 1])
    assert longest_common(one, other) == row[-1] == len(common_places(one, other))


@given(texts, summaries)
def test_bounds_and_order(answer, summary):
    found = {name: pair(answer, summary) for name, pair in ROUGE.items()}
    assert all(0 <= one.fmeasure <= 1 for one in found.values())
    most = found["rouge1"].common
    assert all(one.common <= most for one in found.values()), "order takes away, never adds"


@given(texts, texts)
def test_swapping_the_texts_swaps_precision_and_recall(one, other):
    for name in ("rouge1", "rouge2", "rougeL"):
        here, there = ROUGE[name](one, other), ROUGE[name](other, one)
        assert here == Overlap(there.common, there.summary, there.answer)


def test_the_sum_over_sentences_is_not_symmetric():
    """It asks for each sentence of the summary; which words lie on a common sequence depends on where one starts."""
    one, other = "fog the dam. ferry", "the fog. dam ferry the"
    assert rouge_lsum(one, other).common >= rouge_l(one, other).common
    assert rouge_lsum(one, other)[1:] == rouge_lsum(other, one)[2:0:-1]


@given(summaries)
def test_a_text_agrees_with_itself(text):
    assert all(ROUGE[name](text, text).fmeasure == 1 for name in ROUGE)
    if len(tokens(text)) >= 4:
        assert corpus_bleu(counts_of([(text, text)])) == pytest.approx(1)


@given(texts, texts, summaries)
def test_words_that_the_summary_lacks_never_raise_precision(answer, more, summary):
    foreign = answer + " zyx" * len(words(more))
    if words(answer):
        for pair in (rouge_l, ROUGE["rouge1"]):
            assert pair(foreign, summary).precision <= pair(answer, summary).precision
            assert pair(foreign, summary).recall == pair(answer, summary).recall


def test_what_is_undefined_says_so():
    assert rouge_l("", "the dam").fmeasure == 0 == rouge_l("", "the dam").recall
    with pytest.raises(ValueError, match="precision is undefined: the answer has no word"):
        _ = rouge_l("?!", "the dam").precision
    with pytest.raises(ValueError, match="F-measure is undefined"):
        _ = rouge_n("dam", "river", 2).fmeasure


def test_words_of_other_scripts_are_words():
    assert words("Ёж и ÉTÉ, 東京") == ["ёж", "и", "été", "東京"]
    assert sentences("Да. Нет! 東京。") == ["Да.", "Нет!", "東京。"]


def test_hostile_texts_are_only_texts():
    long = "a" * 100_000 + " " + ". " * 50_000 + "\u0000\ud800 \u202e"
    assert rouge_lsum(long, "the dam broke").common == 0
    assert bleu_counts(long, "the dam broke")[0] == 0


def test_bleu_of_a_corpus_is_not_the_mean_of_bleus():
    counts = counts_of(CORPUS)
    single = [corpus_bleu(row[None]) for row in counts]
    assert single.count(0.0) == 2, "short answers share no run of four"
    assert corpus_bleu(counts) != pytest.approx(np.mean(single), abs=0.01)


def test_bleu_without_a_common_run_is_zero_and_so_are_its_values():
    counts = counts_of([("the dam broke", "the dam broke at noon")])
    assert corpus_bleu(counts) == 0 and bleu_values(counts).tolist() == [0]
    assert corpus_bleu(counts_of([("", "the dam broke at noon")])) == 0


@given(st.lists(st.tuples(texts, summaries), min_size=1, max_size=8))
def test_the_mean_of_the_values_is_corpus_bleu(pairs):
    counts = counts_of(pairs)
    assert bleu_values(counts).mean() == pytest.approx(corpus_bleu(counts), abs=1e-12)
    doubled = np.concatenate([counts, counts])
    assert corpus_bleu(doubled) == pytest.approx(corpus_bleu(counts)), "a corpus twice is the same corpus"


@pytest.mark.parametrize("shorter", [False, True])
def test_the_values_spread_as_corpus_bleu_does_when_answers_are_drawn_anew(shorter):
    rng = np.random.default_rng(3)
    vocabulary = "the a dam broke river town fog ferry".split()
    pairs = []
    for _ in range(200):
        summary = rng.choice(vocabulary, rng.integers(5, 14)).tolist()
        answer = [word if rng.random() < 0.7 else str(rng.choice(vocabulary)) for word in summary]
        pairs.append((" ".join(answer[: len(answer) - 2 * shorter]), " ".join(summary)))
    counts = counts_of(pairs)
    drawn = [corpus_bleu(counts[rows]) for rows in rng.integers(0, 200, (1500, 200))]
    values = bleu_values(counts)
    assert values.std() / np.sqrt(200) == pytest.approx(np.std(drawn), rel=0.08)
    means = [values[rows].mean() for rows in (np.arange(200) % 100, np.arange(200) % 50)]
    exact = [corpus_bleu(counts[rows]) for rows in (np.arange(200) % 100, np.arange(200) % 50)]
    assert means == pytest.approx(exact, rel=0.05), "also the value of one particular sample"


def test_every_metric_gives_a_value_for_every_query():
    answers, human = zip(*PAIRS, strict=True)
    for name, metric in METRICS.items():
        values = metric(answers, human)
        assert values.shape == (5,) and np.isfinite(values).all(), name
    assert METRICS["rougeL"](answers, human).tolist() == [rouge_l(*pair).fmeasure for pair in PAIRS]
