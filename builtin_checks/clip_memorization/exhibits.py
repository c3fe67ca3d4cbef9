"""What the report shows beside the number: the pairs themselves, the four distributions and the drift of the controls."""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.clip_memorization.score import scaled
from builtin_checks.clip_memorization.scoring import SETS, Scored, top_rows

BINS = 40


def show(trust: tm.Trust, scored: Scored, top: int) -> tuple[tm.Evidence, ...]:
    """Keep all evidence of a scoring in the record.

    The candidates are training data: the gallery and the table of captions are folded away until somebody opens them.
    """
    candidates = scored.data["candidates"]
    display = scaled(scored.raw("candidates"), scored.raw("independent"))
    images = candidates.column("image")
    gallery, rows = [], []
    for row, name, caption, raw, f, g in top_rows(scored, top):
        gallery.append(
            (images[row], f"{caption} (score {raw:.3f}; matched {f.pos:.3f} in the model, {g.pos:.3f} in the reference)")
        )
        rows.append([name, caption, raw, float(display[row]), *f, *g])
    exhibits = []
    if rows:
        exhibits += [
            trust.gallery(gallery, caption=f"The {len(rows)} most memorised candidates, worst first", sensitive=True),
            trust.table(
                ["id", "caption", "score", "scaled", *(f"{who} {term}" for who in ("model", "reference") for term in _TERMS)],
                rows,
                caption=f"The {len(rows)} most memorised candidates with the terms of both models (cosine); scaled by the "
                "largest magnitude among candidates and independent pairs",
                sensitive=True,
            ),
        ]
    exhibits += [
        trust.curve(densities(scored), "raw score", "share of pairs", caption="Scores of the four sets"),
        trust.table(
            ["set", "pairs", "mean score", "standard error", "expected", "holds"],
            [list(drift) for drift in scored.drifts],
            caption="Mean scores of the four sets",
        ),
    ]
    return tuple(exhibits)


_TERMS = ("matched", "unrelated captions", "unrelated images")


def densities(scored: Scored) -> dict[str, tuple[list[float], list[float]]]:
    """Histogram of every set over common bins: name -> (middle of the bin, share of the set's pairs)."""
    everything = np.concatenate([scored.raw(name) for name in SETS])
    edges = np.histogram_bin_edges(everything, bins=BINS)
    middles = ((edges[1:] + edges[:-1]) / 2).tolist()
    return {name: (middles, (np.histogram(scored.raw(name), edges)[0] / len(scored.raw(name))).tolist()) for name in SETS}
