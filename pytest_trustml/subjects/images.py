"""Drawing images from prompts, one random generator per image."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from pytest_trustml.errors import SubjectError, UsageError, unknown
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.residence import Loaded, Residence
from pytest_trustml.subjects.tokens import check_texts

_OURS = ("prompt", "generator", "output_type", "return_dict", "num_images_per_prompt", "latents")


class DiffusersImages:
    """``subject.images``.

    Every image starts from a generator of its own on the CPU, so a seed gives the same image in any batch and on any device
    (up to rounding). Where the pipeline has a safety checker, ``image.info["flagged"]`` says what it found; a flagged image
    is returned as the checker left it, usually black.
    """

    def __init__(self, residence: Residence[Loaded]) -> None:
        self._residence = residence

    @property
    def has_safety_checker(self) -> bool:
        """Whether the pipeline judges its own images."""
        return getattr(self._residence.get().model, "safety_checker", None) is not None

    def generate(self, prompts: Sequence[str], seeds: Sequence[int], **settings: Any) -> list[Image.Image]:
        """One image per prompt and seed.

        ``settings`` go to the pipeline: ``num_inference_steps``, ``guidance_scale``, ``height``, ``width``, ….
        """
        check_texts(prompts)
        if len(prompts) != len(seeds):
            raise UsageError(f"Every prompt needs one seed: found {len(prompts)} prompts and {len(seeds)} seeds.")
        if not len(prompts):
            return []
        pipeline = self._residence.get().model
        known = [name for name in inspect.signature(pipeline.__call__).parameters if name not in _OURS]
        for name in settings:
            if name not in known:
                raise UsageError(unknown("setting of the pipeline", name, known))
        generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
        with torch.inference_mode(), quiet():
            output = pipeline(prompt=list(prompts), generator=generators, output_type="pil", **settings)
        images = list(output.images)
        if len(images) != len(prompts):
            raise SubjectError(f"The pipeline drew {len(images)} images for {len(prompts)} prompts.")
        flags = getattr(output, "nsfw_content_detected", None)
        for image, flag in zip(images, flags or [None] * len(images), strict=True):
            if flag is not None:
                image.info["flagged"] = bool(flag)
        return images
