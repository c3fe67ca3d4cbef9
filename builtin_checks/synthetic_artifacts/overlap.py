"""How much of a human summary an answer says in the same words: ROUGE and corpus BLEU, from counts that add up.

All of it is plain Python and numpy. Words are compared as they are, or by their stems (`stems`), as the published code does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from builtin_checks.synthetic_artifacts.stems import stem

ORDERS = 4
"""BLEU looks at runs of up to so many words."""
Metric = Callable[[Sequence[str], Sequence[str]], np.ndarray]
Reader = Callable[[str], list[str]]
_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")
_SENTENCE = re.compile(r"(?<=[.!?。！？])[\"'”’)\]]*\s+|\n+")  # also full stops of other scripts


class Overlap(NamedTuple):
    """How many units (words, pairs of words) an answer and a summary have, and how many they have in common.

    >>> found = rouge_n("police killed the gunman", "police ended the gunman quickly", 1)
    >>> found, found.precision, found.recall, round(found.fmeasure, 6)
    (Overlap(common=3, answer=4, summary=5), 0.75, 0.6, 0.666667)
    """

    common: int
    answer: int
    summary: int

    @property
    def precision(self) -> float:
        """Share of the answer that the summary has as well."""
        return _share(self.common, self.answer, "precision", "answer")

    @property
    def recall(self) -> float:
        """Share of the summary that the answer has as well."""
        return _share(self.common, self.summary, "recall", "summary")

    @property
    def fmeasure(self) -> float:
        """Harmonic mean of precision and recall, 2 common / (answer + summary): 0 for an answer without a word."""
        return _share(2 * self.common, self.answer + self.summary, "F-measure", "answer and no summary")


def _share(part: int, whole: int, what: str, of: str) -> float:
    if not whole:
        raise ValueError(f"The {what} is undefined: the {of} has no word, or no run of words of the length that is compared.")
    return part / whole


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation, in any script.

    >>> words("The gun-man's 2nd DAY.")
    ['the', 'gun', 'man', 's', '2nd', 'day']
    """
    return _WORD.findall(text.lower())


def stems(text: str) -> list[str]:
    """The words of a text by their stems (English).

    >>> stems("The dams were breaking.")
    ['the', 'dam', 'were', 'break']
    """
    return [stem(word) for word in words(text)]


def tokens(text: str) -> list[str]:
    """Words as they are written and every mark of punctuation: what BLEU counts.

    >>> tokens("Fog: no ferry.")
    ['Fog', ':', 'no', 'ferry', '.']
    """
    return _TOKEN.findall(text)


def sentences(text: str) -> list[str]:
    """The sentences of a text, ended by a full stop, question or exclamation mark, or by a new line.

    >>> sentences('It rained. "Why?" he said.\\nNobody knew')
    ['It rained.', '"Why?', 'he said.', 'Nobody knew']
    """
    return [part for part in _SENTENCE.split(text) if part.strip()]


def runs(sequence: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    """How often each run of ``length`` neighbouring words occurs.

    >>> runs(["to", "be", "to", "be"], 2)
    Counter({('to', 'be'): 2, ('be', 'to'): 1})
    """
    return Counter(zip(*(sequence[start:] for start in range(length)), strict=False))


def rouge_n(answer: str, summary: str, length: int, read: Reader = words) -> Overlap:
    """ROUGE-1, ROUGE-2, …: runs of ``length`` words in common, each counted as often as it occurs in both (Lin 2004, 2)."""
    mine, theirs = runs(read(answer), length), runs(read(summary), length)
    return Overlap((mine & theirs).total(), mine.total(), theirs.total())


def rouge_l(answer: str, summary: str, read: Reader = words) -> Overlap:
    """ROUGE-L: the longest sequence of words that both have in the same order (Lin 2004, 3.1).

    >>> rouge_l("police killed the gunman", "police ended the gunman quickly")
    Overlap(common=3, answer=4, summary=5)
    """
    mine, theirs = read(answer), read(summary)
    return Overlap(longest_common(mine, theirs), len(mine), len(theirs))


def rouge_lsum(answer: str, summary: str, read: Reader = words) -> Overlap:
    """ROUGE-Lsum: for each sentence of the summary, the words that lie on a longest common sequence with any sentence of the
    answer (Lin 2004, 3.2). A word counts no oftener than it occurs in either.

    >>> rouge_lsum("The dam broke. Nobody was hurt.", "Nobody was hurt. The dam broke.")
    Overlap(common=6, answer=6, summary=6)
    >>> rouge_l("The dam broke. Nobody was hurt.", "Nobody was hurt. The dam broke.").common
    3
    """
    mine, theirs = ([read(part) for part in sentences(text)] for text in (answer, summary))
    left = Counter(word for part in mine for word in part), Counter(word for part in theirs for word in part)
    sizes = left[0].total(), left[1].total()
    common = 0
    for part in theirs:
        for place in sorted({place for other in mine for place in common_places(part, other)}):
            if left[0][part[place]] > 0 and left[1][part[place]] > 0:
                common += 1
                left[0][part[place]] -= 1
                left[1][part[place]] -= 1
    return Overlap(common, *sizes)


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    >>> longest_common("a b c d".split(), "b x d a".split())
    2
    """
    row = (1 << len(one)) - 1
    for row in _rows(one, other):  # noqa: B007  (the last one counts)
        pass
    return len(one) - row.bit_count()


def common_places(one: Sequence[str], other: Sequence[str]) -> list[int]:
    """Where in ``one`` the words of a longest common subsequence stand; of several, the one that the reference
    implementation of ROUGE takes.

    >>> common_places("a b c d".split(), "b x d a".split())
    [1, 3]
    """
    table = [(1 << len(one)) - 1, *_rows(one, other)]

    def length(i: int, j: int) -> int:
        return i - (table[j] & ((1 << i) - 1)).bit_count()

    found, i, j = [], len(one), len(other)
    while i and j:
        if one[i - 1] == other[j - 1]:
            found.append(i - 1)
            i, j = i - 1, j - 1
        elif length(i, j - 1) > length(i - 1, j):
            j -= 1
        else:
            i -= 1
    return found[::-1]


def _rows(one: Sequence[str], other: Sequence[str]) -> Iterator[int]:
    """A row of the table of common subsequences after each word of ``other``, as bits (Crochemore et al. 2001).

    Bit i is 0 where the length grows from the first i words of ``one`` to the first i + 1. A whole row takes four operations
    on one long number instead of a step per word.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    full = row = (1 << len(one)) - 1
    for word in other:
        hit = row & places.get(word, 0)
        row = ((row + hit) | (row - hit)) & full
        yield row


def bleu_counts(answer: str, summary: str) -> np.ndarray:
    """What one answer adds to corpus BLEU: runs of 1 to 4 tokens in common, runs in the answer, and the summary's tokens.

    Returns
    -------
    numpy.ndarray, shape (9,), float64
        Whole numbers. Those of many answers are added up before any ratio is taken.

    >>> bleu_counts("the dam broke", "the dam broke at noon").tolist()
    [3.0, 2.0, 1.0, 0.0, 3.0, 2.0, 1.0, 0.0, 5.0]
    """
    mine, theirs = tokens(answer), tokens(summary)
    pairs = [(runs(mine, length), runs(theirs, length)) for length in range(1, ORDERS + 1)]
    common = [(own & other).total() for own, other in pairs]
    return np.array([*common, *(own.total() for own, _ in pairs), len(theirs)], dtype=float)


def corpus_bleu(counts: np.ndarray) -> float:
    """BLEU of a corpus: how many runs of 1 to 4 tokens the summaries have as well, and a penalty if the answers are shorter.

    Parameters
    ----------
    counts : array, shape (Q, 9)
        Rows of `bleu_counts`.

    Returns
    -------
    float in [0, 1]
        0 if of one length no run is in common, or no answer has one. Nothing is smoothed.

    References
    ----------
    Papineni, Roukos, Ward, Zhu 2002, section 2.3: BP exp(mean_n log p_n) with BP = exp(min(0, 1 - r / c)).

    Examples
    --------
    >>> one = bleu_counts("the dam broke at noon today", "the dam broke at noon")
    >>> round(corpus_bleu(one[None]), 6)  # (5/6 * 4/5 * 3/4 * 2/3) ** (1/4)
    0.759836
    """
    sums = np.asarray(counts, dtype=float).sum(axis=0)
    common, own, theirs = sums[:ORDERS], sums[ORDERS : 2 * ORDERS], sums[-1]
    if not common.all():
        return 0.0
    return float(np.exp(min(0.0, 1 - theirs / own[0]) + np.log(common / own).mean()))


def bleu_values(counts: np.ndarray) -> np.ndarray:
    """Corpus BLEU spread over its answers: values whose mean is corpus BLEU and whose spread is that of corpus BLEU.

    BLEU of a corpus is no mean over answers, so answers cannot be drawn anew from a list of BLEU scores. These are its
    influence values (infinitesimal jackknife): the mean of a sample of them is, to first order, corpus BLEU of the sample.

    Parameters
    ----------
    counts : array, shape (Q, 9)
        Rows of `bleu_counts`.

    Returns
    -------
    numpy.ndarray, shape (Q,)
        Single values may lie outside [0, 1]. All 0 if corpus BLEU is 0.

    References
    ----------
    Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, chapter 6.
    """
    counts = np.asarray(counts, dtype=float)
    whole, means = corpus_bleu(counts), counts.mean(axis=0)
    if whole == 0:
        return np.zeros(len(counts))
    slope = np.zeros(len(means))  # of log BLEU
    slope[:ORDERS] = 1 / (ORDERS * means[:ORDERS])
    slope[ORDERS : 2 * ORDERS] = -1 / (ORDERS * means[ORDERS : 2 * ORDERS])
    own, theirs = means[ORDERS], means[-1]
    if own < theirs:
        slope[ORDERS] += theirs / own**2
        slope[-1] -= 1 / own
    return whole * (1 + (counts - means) @ slope)


def _fmeasures(pair: Callable[[str, str], Overlap]) -> Metric:
    return lambda answers, summaries: np.array([pair(*both).fmeasure for both in zip(answers, summaries, strict=True)])


def _bleu(answers: Sequence[str], summaries: Sequence[str]) -> np.ndarray:
    return bleu_values(np.array([bleu_counts(*both) for both in zip(answers, summaries, strict=True)]))


def metrics(read: Reader = words) -> dict[str, Metric]:
    """Name -> function of Q answers and Q human summaries: (Q,) values whose mean is the metric; higher is closer to the human.

    A summary has at least two words, so that every value is defined. ``read``: `words` or `stems`, for ROUGE.
    """
    return {
        "rougeL": _fmeasures(lambda answer, summary: rouge_l(answer, summary, read)),
        "rouge1": _fmeasures(lambda answer, summary: rouge_n(answer, summary, 1, read)),
        "rouge2": _fmeasures(lambda answer, summary: rouge_n(answer, summary, 2, read)),
        "rougeLsum": _fmeasures(lambda answer, summary: rouge_lsum(answer, summary, read)),
        "bleu": _bleu,
    }


METRICS = metrics()
