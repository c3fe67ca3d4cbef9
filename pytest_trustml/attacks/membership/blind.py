"""Telling members from others without any model: if that works, the two sets differ and no audit on them means anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pytest_trustml.errors import DataError

SIDE = 8
_BINS = 16
_FOLDS = 5


def blind_scores(inputs: Sequence[Any], labels: Any, members: Any, *, rng: np.random.Generator) -> np.ndarray:
    """How much each record looks like the members, judged by the others and never by the model.

    Parameters
    ----------
    inputs : sequence of str or of PIL images, length N
        Texts are read as TF-IDF of words and pairs of words, and their length; pictures as `picture_features`.
    labels : array of int, shape (N,)
        Classes of the records: the mix of classes tells the sets apart as well as anything else.
    members : array of bool, shape (N,)
    rng : numpy.random.Generator
        Divides the records into five folds.

    Returns
    -------
    numpy.ndarray, shape (N,)
        In [0, 1]: the rank within its fold of what a logistic regression says that was fitted to the other four. Its AUC is
        0.5 if the sets are random halves of one pool.

    Raises
    ------
    DataError
        With fewer than five members or five others, or inputs of another kind.

    References
    ----------
    Duan et al. 2024, arXiv:2402.07841; Das, Zhang and Tramer 2024, arXiv:2406.16201 (blind baselines).

    Examples
    --------
    >>> import numpy as np
    >>> texts = [f"the {animal} of {year}" for animal in ("cat", "dog", "hen", "owl", "bee") * 4 for year in (2019, 2024)]
    >>> told = blind_scores(texts, np.zeros(40, int), np.tile([True, False], 20), rng=np.random.default_rng(0))
    >>> bool(told[::2].min() > told[1::2].max())
    True
    """
    from scipy import sparse
    from scipy.stats import rankdata
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    inside, classes = np.asarray(members).astype(bool), np.asarray(labels)
    if min(inside.sum(), (~inside).sum()) < _FOLDS:
        raise DataError(
            f"There are {inside.sum()} members and {(~inside).sum()} others. A blind baseline needs {_FOLDS} of each."
        )
    kinds = sparse.csr_array((classes[:, None] == np.unique(classes)[None]).astype(np.float64))
    texts = isinstance(inputs[0], str)
    pictures = None if texts else picture_features(inputs)
    found = np.empty(len(inside))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=int(rng.integers(1 << 31)))
    for known, asked in folds.split(np.zeros(len(inside)), inside):
        parts = _text_parts(inputs, known, asked) if pictures is None else _standard(pictures[known], pictures[asked])
        fitted, judged = (sparse.hstack([own, kinds[rows]]).tocsr() for own, rows in zip(parts, (known, asked), strict=True))
        model = LogisticRegression(C=1.0 if texts else 0.1, class_weight="balanced", max_iter=300)
        said = model.fit(fitted, inside[known]).decision_function(judged)
        # Folds have different intercepts, so that only ranks within a fold compare. Midranks: ties stay ties.
        found[asked] = (rankdata(said) - 0.5) / len(asked)
    return found


def picture_features(pictures: Sequence[Any]) -> np.ndarray:
    """What can be told of pictures without looking at what they show: (N, 90) float64.

    Width and height, a grey version of 8 x 8 pixels, mean and spread of the three colours, a histogram of grey levels, and how
    much neighbouring pixels differ (blur, noise, compression).

    >>> from PIL import Image
    >>> picture_features([Image.new("RGB", (32, 20), "red")]).shape
    (1, 90)
    """
    from PIL import Image

    rows = []
    for picture in pictures:
        if not hasattr(picture, "convert"):
            raise DataError(f"A {type(picture).__name__} is neither text nor picture. Give texts or PIL images.")
        colour = np.asarray(picture.convert("RGB"), dtype=np.float64) / 255
        grey = np.asarray(picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64).ravel() / 255
        levels = colour.mean(-1)
        histogram = np.histogram(levels, bins=_BINS, range=(0, 1))[0] / levels.size
        steps = [float(np.abs(np.diff(levels, axis=axis)).mean()) if levels.shape[axis] > 1 else 0.0 for axis in (0, 1)]
        size = np.log([picture.width, picture.height])
        rows.append(np.concatenate([size, grey, colour.mean((0, 1)), colour.std((0, 1)), histogram, steps]))
    return np.array(rows)


def _text_parts(texts: Sequence[str], known: np.ndarray, asked: np.ndarray) -> tuple[Any, Any]:
    """TF-IDF (words and pairs) and standardised length of the texts to learn from and to judge."""
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer

    reader = TfidfVectorizer(ngram_range=(1, 2), max_features=20_000, sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    parts = ([texts[row] for row in known], [texts[row] for row in asked])
    try:
        words = reader.fit_transform(parts[0]), reader.transform(parts[1])
    except ValueError:  # no text holds a word
        words = tuple(sparse.csr_array((len(part), 1)) for part in parts)
    lengths = _standard(*(np.log1p([[len(text)] for text in part]) for part in parts))
    return tuple(sparse.hstack([one, other]) for one, other in zip(words, lengths, strict=True))


def _standard(known: np.ndarray, asked: np.ndarray) -> tuple[Any, Any]:
    """Columns with mean 0 and spread 1 on the known rows; constant ones become 0."""
    from scipy import sparse

    mean, spread = known.mean(0), known.std(0)
    scale = np.where(spread > 1e-12, spread, np.inf)
    return sparse.csr_array((known - mean) / scale), sparse.csr_array((asked - mean) / scale)
