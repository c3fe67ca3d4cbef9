"""Image-text encoders with a joint space, such as CLIP and SigLIP."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pytest_trustml.errors import Unsupported
from pytest_trustml.subjects.encoder import encoded, rows
from pytest_trustml.subjects.pictures import image_size
from pytest_trustml.subjects.residence import Loaded, Residence


class TransformersPairs:
    """``subject.pairs``. The embeddings are projected but not normalised."""

    def __init__(self, residence: Residence[Loaded]) -> None:
        self._residence = residence

    @property
    def image_size(self) -> int:
        """Side of the square image that the model sees, in pixels."""
        loaded = self._residence.get()
        size = image_size(loaded.model.config)
        if size is None:
            raise Unsupported(f"The configuration of {loaded.name} names no image size.")
        return size

    def embed_images(self, images: Sequence[Any]) -> np.ndarray:
        """Embeddings of the images: (B, d) float32."""
        loaded = self._residence.get()
        with torch.inference_mode():
            return rows(loaded.model.get_image_features(**encoded(loaded, images, "image")))

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings of the texts: (B, d) float32. SigLIP was trained on texts padded to its full length, and gets them so."""
        loaded = self._residence.get()
        batch = encoded(loaded, texts, "text")
        if "siglip" in loaded.model.config.model_type:
            batch = _full_length(loaded, batch["input_ids"], batch["attention_mask"])
        known = inspect.signature(loaded.model.get_text_features).parameters
        with torch.inference_mode():
            return rows(loaded.model.get_text_features(**{key: value for key, value in batch.items() if key in known}))


def _full_length(loaded: Loaded, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    length = loaded.model.config.text_config.max_position_embeddings
    pad = loaded.tokenizer.pad_token_id
    full = torch.full((ids.shape[0], length), 0 if pad is None else pad, dtype=ids.dtype, device=ids.device)
    full[:, : ids.shape[1]] = torch.where(mask.bool(), ids, full[:, : ids.shape[1]])
    return {"input_ids": full}
