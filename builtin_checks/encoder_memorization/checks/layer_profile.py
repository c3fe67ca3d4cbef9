"""The check that compares with a reference model: how much more does the encoder's last layer hold on to its own images?"""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.encoder_memorization.checks.unit_excess import PAPER
from builtin_checks.encoder_memorization.exhibits import show_layers
from builtin_checks.encoder_memorization.pairs import Settings, compare_models, nothing
from builtin_checks.encoder_memorization.roles import CANDIDATES, HELDOUT, INDEPENDENT, SHARED


@tm.check(
    id="encoder_memorization.layer_profile",
    version=1,
    limit=tm.AtMost(0.35),
    needs=[tm.Encoder],
    data={"candidates": CANDIDATES, "shared": SHARED, "independent": INDEPENDENT, "heldout": HELDOUT},
    companions={"reference": "reference_model"},
    min_n=100,
    cost="minutes",
    reference=PAPER,
)
def layer_profile(
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
) -> tm.Measurement:
    """Where along the network an encoder memorises its training images, and how much at its end.

    What is compared
        The encoder, which trained on the candidates, with a reference that was trained the same way without them. A model that
        memorised an image holds its views closer together: SSLMem' = (g - f) / (g + f), where f and g are the mean distances
        of two views under the model and the reference. LayerMem is its mean over images, for each layer. ``layer_profile``
        is LayerMem of the candidates minus that of the shared images in the embedding, which is what users get.

    What a high value means
        Ordinary self-supervised training gives 0.27 to 0.34 in the last layer (paper, table 1). More means that the encoder
        stores more of its images than that. To catch a change, set the limit to the last release's value plus 0.02.

    What it does not show
        Whether an image can be extracted, or which unit stores it (``unit_excess``). Distances of other layers, kinds or
        augmentations are not comparable. Untypical images are memorised first; whether that hurts depends on what they are.

    Smallest n that makes sense
        300 images of each set; below 100 it is INCONCLUSIVE.

    Controls
        The two models differ; no image stands in two sets; both embeddings tell views apart; shared and held-out images score
        zero on average, candidates not below and independent images not above (by more than three standard errors and
        ``drift_margin``). Where the candidates have a column ``copies``, how often each was in the training, those with most
        copies score above those with fewest: plant 50 untypical images once, 4 and 16 times (`pytest_trustml.draw_canaries`).
        Otherwise the verdict is INVALID.

    Cost
        Four passes per image, pair of views and model. One number per image and layer is kept.

    Options
        layers
            Patterns of module names, as in ``unit_excess``; ``name:input`` is what goes into a module. Empty: for vision
            transformers attention, fully connected layers and the residual stream behind each, else as ``unit_excess``. The
            rise from layer to layer depends on which are listed.
        pairs
            Pairs of views per image.
        augmentation
            ``weak``, ``normal``, ``strong`` or ``crop``: take the one the encoder trained with.
        distance
            ``l2``, ``l1``, ``cosine`` or ``angular``.
        normalize
            Bring outputs to length 1 first. The published code does, the paper's equation does not say.
        points
            How many images of each set are shown at most.
        drift_margin
            Mean score up to which two models count as trained alike, whatever its standard error.
        top
            How many candidates ``sample_score`` shows.

    References
        Wang et al., NeurIPS 2024, arXiv:2409.19069, equations 1 to 4.
    """
    settings = Settings(layers, pairs, augmentation, distance, normalize, points, drift_margin, top)
    sets = {
        "candidate_images": candidates, "shared_images": shared, "independent_images": independent, "heldout_images": heldout,
    }  # fmt: skip
    compared = compare_models(trust, model, reference, sets, settings)
    if compared is None:
        return nothing("layer_profile", "difference of LayerMem", min(points, len(candidates)))
    own, both = compared.ratio("candidate_images")[:, -1], compared.ratio("shared_images")[:, -1]
    measured = trust.bootstrap(
        lambda one, other: float(one.mean() - other.mean()), own, both, rng=trust.rng, name="layer_profile",
        unit="difference of LayerMem", higher_is_safer=False,
    )  # fmt: skip
    profiles = {name: compared.ratio(name).mean(axis=0) for name in sets} | extremes(compared.ratio("candidate_images"))
    choices = {
        "pairs": pairs, "augmentation": augmentation, "distance": distance, "normalize": normalize, "training_seeds": 1,
        "layers": compared.names,
    }  # fmt: skip
    return measured.but(
        n=min(len(own), len(both)),
        details={**measured.details, **choices},
        evidence=show_layers(trust, profiles, compared.names, compared.drifts),
    )


FEW = 50


def extremes(ratio: np.ndarray) -> dict[str, np.ndarray]:
    """LayerMem of the 50 candidates that score highest in the embedding, and of the 50 that score lowest (paper, table 1).

    At most a third of the candidates each. Chosen by their own scores, they show where along the network the two part; their
    difference at its end is no finding.

    Parameters
    ----------
    ratio : array of shape (candidates, layers)
        The last layer is the embedding.
    """
    few = min(FEW, len(ratio) // 3)
    order = np.argsort(ratio[:, -1], kind="stable")
    chosen = {f"{few} highest candidates": order[len(order) - few :], f"{few} lowest candidates": order[:few]}
    return {name: ratio[rows].mean(axis=0) for name, rows in chosen.items() if few}
