"""MultiMem on arrays: the same question for any number of modalities (image, text, audio, video, ...).

References
----------
.. [1] "MultiMem: Measuring and Mitigating Memorization in Multi-Modal Contrastive Learning", ECCV 2026, arXiv:2606.22220.
"""

from __future__ import annotations

import numpy as np

from builtin_checks.clip_memorization.score import normalise


def cmc(samples: np.ndarray, heldout: np.ndarray) -> np.ndarray:
    """Contrastive alignment of the n modalities of every sample under one model ([1], definition of CMC).

    With s the sum of a sample's n unit vectors it is ||s||^2 / 2 - <s, mean over held-out samples of s> / 2, which is exact
    and never pairs samples with held-out ones. For two modalities the matched part is 1 + their cosine, and similarities
    within one modality are subtracted as well.

    Parameters
    ----------
    samples : array of shape (N, n, d)
        One embedding per sample and modality.
    heldout : array of shape (M, n, d), M >= 2
        The same for samples that the model never saw.

    Returns
    -------
    array of shape (N,)

    Examples
    --------
    >>> cmc(np.array([[[3, 4], [1, 1]]]), np.array([[[1, 0], [0, 1]], [[-3, 4], [4, -3]]])).round(6).tolist()
    [1.145685]
    """
    samples, heldout = normalise(samples, "embedding"), normalise(heldout, "held-out embedding")
    if samples.ndim != 3 or heldout.ndim != 3 or samples.shape[1:] != heldout.shape[1:]:
        raise ValueError(f"Modalities have the shapes (N, n, d) and (M, n, d), found {samples.shape} and {heldout.shape}.")
    if len(heldout) < 2:
        raise ValueError(f"The unrelated part needs at least 2 held-out samples, found {len(heldout)}.")
    total = samples.sum(axis=1)
    return (np.einsum("nd,nd->n", total, total) - total @ heldout.sum(axis=1).mean(axis=0)) / 2


def multimem(f: np.ndarray, g: np.ndarray, heldout_f: np.ndarray, heldout_g: np.ndarray) -> np.ndarray:
    """How much more strongly f, which trained on the samples, aligns their modalities than g, which did not ([1]).

    Parameters
    ----------
    f, g : array of shape (N, n, d)
        Embeddings of the same samples under the two models.
    heldout_f, heldout_g : array of shape (M, n, d), M >= 2
        Embeddings of samples that neither model saw.

    Returns
    -------
    array of shape (N,)
        About 0 = not memorised, high = memorised by f, low = by g.
    """
    return cmc(f, heldout_f) - cmc(g, heldout_g)
