"""Whether a detector that was made for the old version still tells what the new one draws from real pictures.

Scores lie in [0, 1], 1 for fake; a picture is called fake from the threshold theta on. theta is set on the old version and on
real pictures, once: setting it anew on the new version would hide that the detector lost it.
Wu, Shen, Backes, Zhang, "Image-Perfect Imperfections", ACM CCS 2024, arXiv 2408.17285.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RULES = ("youden", "fpr")


def threshold(fakes: np.ndarray, reals: np.ndarray, rule: str, false_alarms: float = 0.01) -> float:
    """theta from fakes of the old version and from real pictures.

    Parameters
    ----------
    fakes, reals : arrays of float in [0, 1], shapes (n,) and (r,)
    rule : {"youden", "fpr"}
        ``youden``: where the rate of fakes found exceeds the rate of false alarms most; of several such places the middle of
        the gap between scores. ``fpr``: the smallest at which no more than ``false_alarms`` of the real pictures are called
        fake.

    Raises
    ------
    ValueError
        Without fakes or reals, for another rule, or if there are too few reals to tell that rate of false alarms.

    Examples
    --------
    >>> threshold(np.array([0.6, 0.8, 0.9]), np.array([0.1, 0.2, 0.4]), "youden")
    0.5
    >>> threshold(np.array([0.9]), np.arange(100) / 100, "fpr") > 0.98
    True
    """
    if not len(fakes) or not len(reals):
        raise ValueError(f"A threshold needs fakes and real pictures, found {len(fakes)} and {len(reals)}.")
    if rule == "youden":
        edges = np.unique(np.concatenate([fakes, reals]))
        gain = (fakes >= edges[:, None]).mean(axis=1) - (reals >= edges[:, None]).mean(axis=1)
        best = int(np.argmax(gain))
        return float((edges[best - 1] + edges[best]) / 2) if best else float(edges[0])
    if rule != "fpr":
        raise ValueError(f"The rule is {rule!r}. Choose one of {', '.join(RULES)}.")
    allowed = int(np.floor(false_alarms * len(reals) + 1e-9))
    if allowed < 1:
        raise ValueError(
            f"{len(reals)} real pictures cannot tell a rate of {false_alarms:g} false alarms: at least "
            f"{int(np.ceil(1 / false_alarms))} are needed."
        )
    return float(np.nextafter(np.sort(reals)[len(reals) - allowed - 1], np.inf))


def balanced_accuracy(found: np.ndarray, alarms: np.ndarray) -> float:
    """The mean of the share of fakes that are found and the share of real pictures that are left alone.

    >>> round(balanced_accuracy(np.arange(100) < 98, np.arange(100) < 3), 6)
    0.975
    """
    return (float(np.mean(found)) + 1 - float(np.mean(alarms))) / 2


class Drop(NamedTuple):
    """Could the detector find as many fakes of the new version, if their pictures had nothing to do with each other?

    ``z`` is that of the pooled test of two proportions, both p-values are one-sided.
    """

    z: float
    p: float
    p_fisher: float


def unpaired_drop(found: tuple[int, int], n: tuple[int, int]) -> Drop:
    """Tests of a drop from ``found[0]`` of ``n[0]`` fakes of the old version to ``found[1]`` of ``n[1]`` of the new one.

    If both find all or none there is no drop: z = 0 and p = 1.

    >>> drop = unpaired_drop((98, 71), (100, 100))
    >>> round(drop.z, 6), f"{drop.p:.1e}", f"{drop.p_fisher:.3e}"
    (5.27539, '6.6e-08', '2.868e-08')
    """
    from scipy.special import ndtr
    from scipy.stats import fisher_exact

    if min(n) < 1 or min(found) < 0 or found[0] > n[0] or found[1] > n[1]:
        raise ValueError(f"{found[0]} of {n[0]} and {found[1]} of {n[1]} fakes found are no counts of a test.")
    pooled = sum(found) / sum(n)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n[0] + 1 / n[1]))
    if error == 0:
        return Drop(0.0, 1.0, 1.0)
    z = (found[0] / n[0] - found[1] / n[1]) / error
    table = [[found[0], n[0] - found[0]], [found[1], n[1] - found[1]]]
    return Drop(float(z), float(ndtr(-z)), float(fisher_exact(table, "greater")[1]))


def fit_detector(fakes: np.ndarray, reals: np.ndarray) -> object:
    """A detector on embeddings: logistic regression on unit vectors, both classes weighing alike.

    Parameters
    ----------
    fakes, reals : arrays of float, shapes (n, d) and (r, d)

    Returns
    -------
    A scikit-learn pipeline; `fakeness` reads it. The same rows give the same detector.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer, StandardScaler

    if not len(fakes) or not len(reals):
        raise ValueError(f"A detector learns from fakes and real pictures, found {len(fakes)} and {len(reals)}.")
    inputs = np.concatenate([fakes, reals])
    labels = np.repeat([1, 0], [len(fakes), len(reals)])
    detector = make_pipeline(Normalizer(), StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=2000))
    return detector.fit(inputs, labels)


def fakeness(detector: object, embeddings: np.ndarray) -> np.ndarray:
    """The probability of being fake, (n,) float64, that a detector of `fit_detector` gives (n, d) embeddings."""
    return detector.predict_proba(embeddings)[:, 1]
