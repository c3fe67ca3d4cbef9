"""Drawn faces: every person is a row of numbers (shape, colours, hair, glasses), every picture of one is another moment.

They show nobody, so that a demo release needs no photograph and no consent. Turn, size, light, background, gaze and expression
change from picture to picture; what makes the person does not.
"""

from __future__ import annotations

import numpy as np

SIDE = 32
"""Height and width of a picture in pixels."""
TRAITS = 26
"""Numbers that make a person."""
_CHUNK = 256
_SOFT = 12.0
"""How sharp outlines are: pixels across which a part fades are about 2 SIDE / _SOFT."""


def draw_people(count: int, rng: np.random.Generator) -> np.ndarray:
    """Random people: (count, TRAITS) float64, each number from 0 to 1."""
    return rng.random((count, TRAITS))


def photograph(people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One picture of each person, at another moment each time.

    Parameters
    ----------
    people : array of shape (N, TRAITS), float
        A person stands in as many rows as pictures are wanted.
    rng : numpy.random.Generator

    Returns
    -------
    array of shape (N, 32, 32, 3), uint8

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> photograph(np.repeat(draw_people(2, rng), 3, axis=0), rng).shape
    (6, 32, 32, 3)
    """
    moments = rng.random((len(people), 16))
    noise = rng.normal(scale=0.02, size=(len(people), SIDE, SIDE, 3)).astype(np.float32)
    parts = [
        _paint(people[start : start + _CHUNK], moments[start : start + _CHUNK], noise[start : start + _CHUNK])
        for start in range(0, len(people), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty((0, SIDE, SIDE, 3), np.uint8)


def _paint(people: np.ndarray, moments: np.ndarray, noise: np.ndarray) -> np.ndarray:
    trait = [column[:, None, None] for column in people.T.astype(np.float32)]
    now = [column[:, None, None] for column in moments.T.astype(np.float32)]
    x, y = _sight(now)
    canvas = _background(now, x.shape)

    def oval(x0: object, y0: object, width: object, height: object) -> np.ndarray:
        away = np.sqrt(((x - x0) / width) ** 2 + ((y - y0) / height) ** 2)
        return 1 / (1 + np.exp(np.minimum(_SOFT * (away - 1), 30)))

    def put(mask: np.ndarray, *colour: object) -> None:
        for channel, value in enumerate(colour):
            canvas[..., channel] += mask * (value - canvas[..., channel])

    wide, tall = 0.48 + 0.2 * trait[0], 0.62 + 0.18 * trait[1]
    hair = [0.08 + 0.75 * trait[channel] for channel in (2, 3, 4)]
    skin = [0.42 + 0.52 * trait[5], 0.3 + 0.42 * trait[5] + 0.1 * trait[6], 0.22 + 0.34 * trait[5] + 0.14 * (1 - trait[6])]
    put(oval(0, -0.12 + 0.3 * trait[7], wide + 0.06 + 0.16 * trait[8], tall + 0.02 + 0.2 * trait[9]), *hair)
    put(oval(0, 0.08, wide, tall), *skin)
    put(oval(0, -0.72, wide, 0.18 + 0.34 * trait[10]), *hair)
    apart, level = 0.17 + 0.13 * trait[11], -0.16 + 0.16 * trait[12]
    size, gaze = 0.08 + 0.06 * trait[13], 0.03 * (now[6] - 0.5)
    iris = [0.05 + 0.6 * trait[channel] for channel in (14, 15, 16)]
    for side in (-1, 1):
        put(trait[24].round() * oval(side * apart, level, size + 0.13, size + 0.1), 0.1, 0.1 + 0.5 * trait[25], 0.15)
        put(oval(side * apart, level, size + 0.05, size), 0.97, 0.97, 0.97)
        put(oval(side * apart + gaze, level, 0.6 * size, 0.75 * size), *iris)
        brow = level - 0.2 + side * (0.35 * (trait[17] - 0.5)) * (x - side * apart) / apart
        put(oval(side * apart, brow, 0.15, 0.025 + 0.05 * trait[18]), *(0.6 * one for one in hair))
    put(oval(0, 0.16, 0.04 + 0.08 * trait[19], 0.1 + 0.1 * trait[20]), *(0.78 * one for one in skin))
    put(trait[21] * oval(0, 0.62, 0.72 * wide, 0.16), *(0.8 * one for one in hair))
    smile = 0.42 + 0.12 * trait[22] + 0.1 * (now[7] - 0.5) * (x / 0.3) ** 2
    put(oval(0, smile, 0.12 + 0.16 * trait[23], 0.05 + 0.05 * now[8]), 0.5 + 0.4 * trait[6], 0.18, 0.2 + 0.2 * trait[22])
    light = (0.8 + 0.35 * now[9] + 0.2 * (now[10] - 0.5) * x)[..., None]
    return (np.clip(canvas * light + noise, 0, 1) * 255).round().astype(np.uint8)


def _sight(now: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel lies on the face, which is turned, near or far, and not quite in the middle."""
    axis = ((np.arange(SIDE) + 0.5) / SIDE * 2 - 1).astype(np.float32)
    right, down = axis[None, None, :], axis[None, :, None]
    turn, near = 0.35 * (now[0] - 0.5), 0.92 + 0.2 * now[1]
    right, down = right - 0.16 * (now[2] - 0.5), down - 0.16 * (now[3] - 0.5)
    return (np.cos(turn) * right - np.sin(turn) * down) / near, (np.sin(turn) * right + np.cos(turn) * down) / near


def _background(now: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    canvas = np.empty((*shape, 3), np.float32)
    across = np.linspace(-0.5, 0.5, SIDE, dtype=np.float32)[None, None, :]
    for channel in range(3):
        canvas[..., channel] = 0.2 + 0.6 * now[11 + channel] + 0.3 * (now[14] - 0.5) * across
    return canvas
