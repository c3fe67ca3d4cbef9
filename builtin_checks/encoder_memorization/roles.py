"""The sets of images that the checks of the family need: who trained on them is what tells them apart."""

from __future__ import annotations

import pytest_trustml as tm

_COLUMNS = {"image": "the image, or its path relative to the file"}
_HELP = {
    "training_images": "images that the encoder trained on; a column label, if there is one, gives their classes",
    "heldout_images": "images of the same kind that neither the encoder nor the reference model trained on",
    "candidate_images": "images that the encoder trained on and the reference model did not; a column copies, if there is one, "
    "says how often each was in the training (canaries)",
    "shared_images": "images that both models trained on",
    "independent_images": "images that the reference model alone trained on, as many as candidate_images",
}

ROLES = {name: tm.Role(name=name, help=help, columns=_COLUMNS) for name, help in _HELP.items()}
"""Role name -> role."""

TRAINING, HELDOUT = ROLES["training_images"], ROLES["heldout_images"]
CANDIDATES, SHARED, INDEPENDENT = ROLES["candidate_images"], ROLES["shared_images"], ROLES["independent_images"]
