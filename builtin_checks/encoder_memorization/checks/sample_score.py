"""The check that names the images: which of them does the encoder remember, and how many?"""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.encoder_memorization.exhibits import show_samples
from builtin_checks.encoder_memorization.pairs import SETS, Settings, compare_models, nothing
from builtin_checks.encoder_memorization.roles import CANDIDATES, HELDOUT, INDEPENDENT, SHARED

TAIL = 0.01


@tm.check(
    id="encoder_memorization.sample_score",
    version=1,
    limit={"sample_score": tm.AtMost(0.35), "memorised_share": tm.AtMost(0.1)},
    needs=[tm.Encoder],
    data={"candidates": CANDIDATES, "shared": SHARED, "independent": INDEPENDENT, "heldout": HELDOUT},
    companions={"reference": "reference_model"},
    min_n=100,
    cost="minutes",
    reference="Wang et al., Memorization in Self-Supervised Learning Improves Downstream Generalization, ICLR 2024, "
    "arXiv:2401.12233",
)
def sample_score(
    trust: tm.Trust,
    model: tm.Subject,
    reference: tm.Subject,
    candidates: tm.Dataset,
    shared: tm.Dataset,
    independent: tm.Dataset,
    heldout: tm.Dataset,
    *,
    layers: str = "",
    pairs: int = 5,
    augmentation: str = "normal",
    distance: str = "l2",
    normalize: bool = True,
    points: int = 1000,
    drift_margin: float = 0.05,
    top: int = 20,
) -> list[tm.Measurement]:
    """Which training images an encoder remembers, and how many more than chance would have it.

    What is compared
        The views of an image under the encoder and under a reference that never saw it (see ``layer_profile``), in the
        embedding. ``sample_score`` is the mean SSLMem' of the candidates. ``memorised_share`` is the share of candidates that
        score higher than all but 1 % of the held-out images, which neither model saw.

    What a high value means
        The share is about 0.01 without memorization. More means that so many candidates are held together far more closely
        than training on everything else explains. The gallery shows the worst: often untypical or mislabelled images.

    What it does not show
        That they can be extracted. It holds for one pair of training seeds: the paper finds the same images among the most
        memorised ones in 69 to 90 % over seeds.

    Smallest n that makes sense
        200 candidates and 200 held-out images; below 100 of either it is INCONCLUSIVE.

    Controls, cost
        Those of ``layer_profile``, with which it shares all work.

    Options
        layers, pairs, augmentation, distance, normalize, points, drift_margin
            As in ``layer_profile``.
        top
            How many images are shown.

    References
        Wang et al., ICLR 2024, arXiv:2401.12233; NeurIPS 2024, arXiv:2409.19069, equations 1 and 2.
    """
    settings = Settings(layers, pairs, augmentation, distance, normalize, points, drift_margin, top)
    sets = dict(zip(SETS, (candidates, shared, independent, heldout), strict=True))
    compared = compare_models(trust, model, reference, sets, settings)
    if compared is None:
        count = min(points, len(candidates))
        return [nothing("sample_score", "SSLMem'", count), nothing("memorised_share", "share of candidates", count)]
    scores = {name: compared.ratio(name)[:, -1] for name in SETS}
    own, nobody = scores["candidate_images"], scores["heldout_images"]
    mean = trust.mean(
        np.clip(own, -1, 1), name="sample_score", unit="SSLMem'", higher_is_safer=False, bounds=(-1, 1),
        of=compared.data["candidate_images"],
    )  # fmt: skip
    f, g = (model_[SETS[0]][:, -1] for model_ in (compared.f, compared.g))
    shown = show_samples(trust, compared.data[SETS[0]], f, g, scores, compared.drifts, top)
    choices = {"pairs": pairs, "augmentation": augmentation, "distance": distance, "normalize": normalize, "training_seeds": 1}
    share = trust.share_above(
        own, nobody, name="memorised_share", unit="share of candidates", higher_is_safer=False, quantile=1 - TAIL
    )
    return [
        mean.but(details={**mean.details, **choices}, evidence=shown),
        share.but(details={**share.details, "expected_without_memorization": TAIL}),
    ]
