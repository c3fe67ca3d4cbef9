"""Four published attacks, as the papers and TextAttack 0.3.11 have them, over sources that the user brings.

What the published code does by mistake is not copied: words in the list of stop words are recognised whatever their case, the
saliency of PWWS is multiplied by a gain (the published way is an option), TextFooler's window is skipped for a short text
without changing anything for the texts behind it, and every random choice depends on the seed and the text alone. URLs,
mentions and hashtags stay as they are in all of them.

They were published without a budget: where words have many synonyms, a hundred queries end within the ranking, so raise
``max_queries`` of `attack_texts` (and ``max_edit_ratio`` to 1) to compare with published figures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from pytest_trustml.attacks.text_edits.candidates import Replacements, deepwordbug_edits, textbugger_edits
from pytest_trustml.attacks.text_edits.constraints import Constraint, FewCharacters, SamePartOfSpeech, Similarity
from pytest_trustml.attacks.text_edits.recipes import Recipe
from pytest_trustml.attacks.text_edits.synonyms import Synonyms, open_synonyms
from pytest_trustml.attacks.text_edits.wordnet import WordNet
from pytest_trustml.attacks.text_edits.words import STOPLIST

Encode = Callable[[list[str]], Any]


def deepwordbug(*, stopwords: Collection[str] = STOPLIST, most_characters: int = 30) -> Recipe:
    """DeepWordBug: four kinds of misspelling anywhere in a word; at most 30 characters of a text change.

    Parameters
    ----------
    stopwords : collection of str
        Words that are left alone.
    most_characters : int
        The largest Levenshtein distance from the original.

    References
    ----------
    Gao, Lanchantin, Soffa, Qi, "Black-box Generation of Adversarial Text Sequences to Evade Deep Learning Classifiers",
    arXiv 1801.04354. Ranking by the unknown word and the limit of 30 as in TextAttack's recipe.

    Examples
    --------
    >>> deepwordbug().ranking
    'unk'
    """
    return Recipe(
        name="deepwordbug", sources=(deepwordbug_edits,), ranking="unk", constraints=(FewCharacters(most_characters),),
        stopwords=_lower(stopwords),
    )  # fmt: skip


def textbugger(neighbours: Synonyms, encode: Encode | None, *, stopwords: Collection[str] = STOPLIST) -> Recipe:
    """TextBugger: misspellings, look-alike letters and the five nearest words, while an encoder finds the text similar.

    Parameters
    ----------
    neighbours : mapping, callable or path
        The nearest words of a word; see `greedy_edits`. Of word vectors the five nearest are taken however far they are.
    encode : callable or None
        Texts to vectors (B, d). The whole text keeps an angular similarity of at least 0.8 to the original. None drops the
        constraint, and success rates are then not those of TextBugger.
    stopwords : collection of str

    References
    ----------
    Li, Ji, Du, Li, Wang, "TextBugger: Generating Adversarial Text Against Real-world Applications", NDSS 2019, arXiv
    1812.05271.

    Examples
    --------
    >>> textbugger({"stupid": ["silly"]}, None).similarity is None
    True
    """
    find = open_synonyms(neighbours, most=5, least_cosine=-1.0)
    return Recipe(
        name="textbugger", sources=(textbugger_edits, Replacements(find, 5)), ranking="delete",
        similarity=None if encode is None else Similarity(encode, 0.8), stopwords=_lower(stopwords),
    )  # fmt: skip


def pwws(synonyms: Synonyms, *, stopwords: Collection[str] = STOPLIST, as_published: bool = False) -> Recipe:
    """PWWS: synonyms only, words ranked by how much they matter times how much their best synonym gains.

    Parameters
    ----------
    synonyms : mapping, callable or path
        One-word synonyms, in the paper those of WordNet.
    stopwords : collection of str
    as_published : bool
        Rank by 1 minus the best score instead of the gain, as the published code does.

    References
    ----------
    Ren, Deng, He, Che, "Generating Natural Language Adversarial Examples through Probability Weighted Word Saliency", ACL 2019,
    equations 4 to 8.

    Examples
    --------
    >>> pwws({"stupid": ["silly"]}).ranking
    'saliency'
    """
    return Recipe(
        name="pwws", sources=(Replacements(open_synonyms(synonyms)),),
        ranking="saliency_as_published" if as_published else "saliency", stopwords=_lower(stopwords),
    )  # fmt: skip


def textfooler(
    neighbours: Synonyms,
    encode: Encode | None,
    *,
    parts: Callable[[str], Collection[str]] | None = None,
    stopwords: Collection[str] = STOPLIST,
) -> Recipe:
    """TextFooler: the 50 nearest words in vectors that keep synonyms together, while an encoder finds the passage similar.

    Parameters
    ----------
    neighbours : mapping, callable or path
        The nearest words; of word vectors the 50 nearest with a cosine of at least 0.5. The paper's are counter-fitted.
    encode : callable or None
        Texts to vectors (B, d). The 15 words around an edit keep an angular similarity of at least 0.840845057 (cosine 0.8776)
        to what stood there before the edit; texts of fewer than 15 words are not compared. None drops the constraint, and
        success rates are then not those of TextFooler.
    parts : callable or None
        A word to the parts of speech that it can have; edits keep one of them. Taken from ``neighbours`` if that is a
        WordNet; None with other sources leaves parts of speech alone.
    stopwords : collection of str
        The paper has a list of its own.

    References
    ----------
    Jin, Jin, Zhou, Szolovits, "Is BERT Really Robust?", AAAI 2020, arXiv 1907.11932, algorithm 1; constants of TextAttack.

    Examples
    --------
    >>> textfooler({"stupid": ["silly"]}, lambda texts: [[1.0]] * len(texts)).similarity.window
    15
    """
    find = open_synonyms(neighbours, most=50, least_cosine=0.5)
    if parts is None and isinstance(find, WordNet):
        parts = find.parts
    constraints: tuple[Constraint, ...] = () if parts is None else (SamePartOfSpeech(parts),)
    return Recipe(
        name="textfooler", sources=(Replacements(find, 50),), ranking="delete", constraints=constraints,
        similarity=None if encode is None else Similarity(encode, 0.840845057, window=15, against="previous"),
        stopwords=_lower(stopwords),
    )  # fmt: skip


def _lower(words: Collection[str]) -> frozenset[str]:
    return frozenset(word.lower() for word in words)
