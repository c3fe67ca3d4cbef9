"""What shadow models learn from, as files: so that another process trains on exactly the same tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pytest_trustml.shadows.material import Material

FILE = "material.safetensors"
TEXTS = "texts.json"


def save_material(material: Material, folder: Path) -> None:
    """Write rows and targets. Token ids of all rows stand in one line, with the place where each row ends."""
    import torch
    from safetensors.torch import save_file

    tensors = {"targets": torch.from_numpy(np.ascontiguousarray(material.targets)), "pad": torch.tensor([material.pad])}
    if material.tokens:
        tensors["ids"] = torch.tensor([token for row in material.rows for token in row], dtype=torch.int64)
        tensors["ends"] = torch.tensor(np.cumsum(material.sizes), dtype=torch.int64)
    else:
        tensors["rows"] = material.rows.detach().cpu().contiguous()
    save_file(tensors, str(folder / FILE))


def read_material(folder: Path) -> Material:
    """What `save_material` wrote."""
    from safetensors.torch import load_file

    from pytest_trustml.shadows.material import Material

    tensors = load_file(str(folder / FILE))
    targets, pad = tensors["targets"].numpy(), int(tensors["pad"][0])
    if "rows" in tensors:
        return Material(tensors["rows"], targets, pad)
    ids, ends = tensors["ids"].tolist(), tensors["ends"].tolist()
    return Material([ids[start:end] for start, end in zip([0, *ends], ends, strict=False)], targets, pad)


def save_texts(texts: list[str], targets: np.ndarray, folder: Path) -> None:
    """Write texts and the numbers of their classes, for linear models."""
    (folder / TEXTS).write_text(json.dumps({"texts": texts, "targets": targets.tolist()}), encoding="utf-8")


def read_texts(folder: Path) -> tuple[list[str], np.ndarray]:
    """What `save_texts` wrote."""
    found = json.loads((folder / TEXTS).read_text(encoding="utf-8"))
    return found["texts"], np.array(found["targets"], dtype=np.int64)
