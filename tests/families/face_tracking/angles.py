"""Planted embeddings: directions by angle, and populations of people with protections of known diversity."""

from __future__ import annotations

import numpy as np


def at(*degrees):
    """Unit vectors in the plane, one per angle: (N, 2)."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def simulated(seed):
    """The simulation of the method (T5): 400 impostors, one anchor, and 60 pictures that are clean, alike or diverse."""
    rng = np.random.default_rng(seed)
    impostors, anchor, common = unit(rng.normal(size=(400, 64))), unit(rng.normal(size=64)), unit(rng.normal(size=64))
    noise = unit(rng.normal(size=(60, 64)))
    pull = rng.uniform(0.05, 0.75, size=(60, 1))
    return {
        "impostors": impostors,
        "anchor": anchor[None],
        "clean": unit(anchor + 0.8 * noise),
        "alike": unit(pull * anchor + common + 0.5 * noise),
        "diverse": unit(pull * anchor + np.sqrt(1.25) * noise),
    }


def population(kind, *, people=40, pictures=10, clean=8, others=120, seed=0, width=64):
    """Columns of the sets ``protected``, ``gallery``, ``clean`` and ``strangers``, as embeddings.

    ``alike`` pictures share a shift of the person, ``diverse`` ones have nothing in common, ``none`` are not protected.
    """
    rng = np.random.default_rng(seed)

    def noise(count):
        return unit(rng.normal(size=(count, width)))

    sets = {name: {"embedding": [], "identity": []} for name in ("protected", "gallery", "clean")}
    for person in range(people):
        own, shift = noise(1), noise(1)
        pull = rng.uniform(0.05, 0.75 if kind == "alike" else 0.25, size=(pictures, 1))
        protected = {
            "none": own + 0.8 * noise(pictures),
            "alike": pull * own + shift + 0.5 * noise(pictures),
            "diverse": pull * own + np.sqrt(1.25) * noise(pictures),
        }[kind]
        for name, rows in (("protected", protected), ("clean", own + 0.8 * noise(clean))):
            sets[name]["embedding"].append(unit(rows))
            sets[name]["identity"] += [f"person {person}"] * len(rows)
    for person in range(others):
        sets["gallery"]["embedding"].append(unit(noise(1) + 0.8 * noise(3)))
        sets["gallery"]["identity"] += [f"somebody {person}"] * 3
    sets = {name: {**own, "embedding": np.concatenate(own["embedding"])} for name, own in sets.items()}
    sets["strangers"] = {"embedding": noise(30)}
    return sets
