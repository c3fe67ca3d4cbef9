"""What the report shows beside the numbers: all strata, the most and the least important records, what was drawn."""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.data_importance.roles import Pictures
from builtin_checks.data_importance.scene import Exposure, Scene

_LONGEST = 200


def show_strata(trust: tm.Trust, scene: Scene, exposure: Exposure | str, logits: np.ndarray) -> tuple[tm.Evidence, ...]:
    """Importance, accuracy and loss of every stratum, with the attack score where there is one."""
    valued = scene.valued
    loss = -tm.membership_signal(logits, valued.member_labels, "loss")
    right = logits.argmax(axis=1) == valued.member_labels
    scores = None if isinstance(exposure, str) else exposure.scores
    threshold = None if isinstance(exposure, str) else exposure.details.get("threshold")
    columns = ["stratum", "records", "mean importance", "accuracy", "mean loss (nat)"]
    columns += [] if scores is None else ["mean attack score"]
    columns += [] if threshold is None else ["flagged"]
    rows = []
    for number in range(scene.groups):
        own = scene.stratum == number
        row = [number + 1, int(own.sum()), float(valued.values[own].mean()), float(right[own].mean()), float(loss[own].mean())]
        row += [] if scores is None else [float(scores[own].mean())]
        row += [] if scores is None or threshold is None else [float((scores[own] > threshold).mean())]
        rows.append(row)
    shown = [trust.table(columns, rows, caption="Members by importance, from the least (1) to the most important stratum")]
    if scores is not None:
        order = np.argsort(valued.values, kind="stable")
        parts = [part for part in np.array_split(order, min(40, len(order))) if len(part)]
        line = ([float(valued.values[part].mean()) for part in parts], [float(scores[part].mean()) for part in parts])
        shown.append(
            trust.curve({"members": line}, "importance", "mean attack score", caption="Attack score along the importance")
        )
    return tuple(shown)


def show_boundary(trust: tm.Trust, scene: Scene, count: int) -> tuple[tm.Evidence, ...]:
    """How far records of every stratum lie from another class of the model: what also tells easy from hard ones.

    ``count`` records of each stratum, chosen by their ids; nothing where it is 0.

    Raises
    ------
    UsageError
        If the model is no folder with an image classifier: the distance needs its gradient.
    """
    if not count:
        return ()
    if scene.valued.column != "image" or scene.model.path is None:
        raise tm.UsageError(
            "boundary asks for distances to another class, which need the gradient of an image classifier. Judge a folder of "
            "the transformers library, or set boundary to 0."
        )
    network = tm.open_image_network(scene.model.path, device=scene.model.device)
    ids = scene.valued.members.ids
    rows = []
    with trust.progress("distances to the boundary", count * scene.groups) as step:
        for number in range(scene.groups):
            own = sorted(np.flatnonzero(scene.stratum == number).tolist(), key=ids.__getitem__)[:count]
            found = tm.boundary_distance(network, Pictures(scene.valued.members, np.array(own)), step=step)
            rows.append([number + 1, len(own), float(found.changed.mean()), found.median()])
    caption = "Distance to another class, in 100 steps of 0.1 / 255 per pixel: the median, if half of the records changed"
    return (trust.table(["stratum", "records", "changed their class", "median distance"], rows, caption=caption),)


def show_records(trust: tm.Trust, scene: Scene, top: int) -> tuple[tm.Evidence, ...]:
    """The most and the least important records: training data, so they are folded away until somebody opens them."""
    if top < 1:
        return ()
    valued = scene.valued
    chosen = [("most important", row) for row in scene.rows(True)[:top]]
    chosen += [("least important", row) for row in scene.rows(False)[:top]]
    labels = valued.members.column("label")
    if valued.column == "image":
        pictures = Pictures(valued.members)
        items = [(pictures[int(row)], f"{words}: {valued.values[row]:.5f}, label {labels[row]}") for words, row in chosen]
        return (trust.gallery(items, caption="The most and the least important members", sensitive=True),)
    texts = valued.members.column("text")
    rows = [[words, float(valued.values[row]), str(labels[row]), str(texts[row])[:_LONGEST]] for words, row in chosen]
    caption = "The most and the least important members"
    return (trust.table(["which", "importance", "label", "text"], rows, caption=caption, sensitive=True),)


def show_drawn(trust: tm.Trust, exposure: Exposure) -> tuple[tm.Evidence, ...]:
    """Records beside what was drawn out of a model that learnt them."""
    if not exposure.pictures:
        return ()
    return (trust.gallery(exposure.pictures, caption="Records and the closest pictures that were drawn", sensitive=True),)
