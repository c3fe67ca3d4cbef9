"""Drawing images from prompts, one random generator per image."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from pytest_trustml.errors import DataError, SubjectError, Unsupported, UsageError, unknown
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.residence import Loaded, Residence
from pytest_trustml.subjects.tokens import check_texts

_OURS = ("prompt", "class_labels", "batch_size", "generator", "output_type", "return_dict", "num_images_per_prompt", "latents")


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

    def generate(
        self, prompts: Sequence[str], seeds: Sequence[int], *, checked: bool = True, **settings: Any
    ) -> list[Image.Image]:
        """One image per prompt and seed.

        A pipeline of classes takes their names, or their numbers, as prompts; one without any condition takes empty prompts.
        With ``checked=False`` its safety checker stays out: images come as the model draws them, without ``flagged``.
        ``settings`` go to the pipeline: ``num_inference_steps``, ``guidance_scale``, ``height``, ``width``, ….

        Raises
        ------
        UsageError
            For a setting that the pipeline does not have, or another number of seeds than of prompts.
        DataError
            For a prompt that means nothing to a pipeline without text.
        """
        check_texts(prompts)
        if len(prompts) != len(seeds):
            raise UsageError(f"Every prompt needs one seed: found {len(prompts)} prompts and {len(seeds)} seeds.")
        if not len(prompts):
            return []
        pipeline = self._residence.get().model
        takes = inspect.signature(pipeline.__call__).parameters
        known = [name for name in takes if name not in _OURS]
        for name in settings:
            if name not in known:
                raise UsageError(unknown("setting of the pipeline", name, known))
        asked = _asked(pipeline, takes, prompts)
        generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
        checker = getattr(pipeline, "safety_checker", None)
        try:
            if checker is not None and not checked:
                pipeline.safety_checker = None
            with torch.inference_mode(), quiet():
                output = pipeline(**asked, generator=generators, output_type="pil", **settings)
        finally:
            if checker is not None:
                pipeline.safety_checker = checker
        images = list(output.images)
        if len(images) != len(prompts):
            raise SubjectError(f"The pipeline drew {len(images)} images for {len(prompts)} prompts.")
        flags = getattr(output, "nsfw_content_detected", None)
        for image, flag in zip(images, flags or [None] * len(images), strict=True):
            if flag is not None:
                image.info["flagged"] = bool(flag)
        return images

    def judge(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Whether the pipeline's own safety checker would withhold each of these images: (B,) bool. They are not changed.

        Raises
        ------
        Unsupported
            If the pipeline has no safety checker.
        """
        loaded = self._residence.get()
        checker, extractor = (getattr(loaded.model, part, None) for part in ("safety_checker", "feature_extractor"))
        if checker is None or extractor is None:
            raise Unsupported(f"The pipeline {loaded.name} has no safety checker with its feature extractor.")
        if not len(images):
            return np.zeros(0, bool)
        pictures = [image.convert("RGB") for image in images]
        with torch.inference_mode(), quiet():
            seen = extractor(pictures, return_tensors="pt")["pixel_values"].to(loaded.device, checker.dtype)
            # The checker blackens what it is given, so it is given copies.
            found = checker(images=[np.asarray(picture, np.float32) / 255 for picture in pictures], clip_input=seen)
        return np.array([bool(flag) for flag in found[1]])


def _asked(pipeline: Any, takes: Any, prompts: Sequence[str]) -> dict[str, Any]:
    """The prompts as the pipeline takes them: as texts, as numbers of classes, or not at all."""
    if "prompt" in takes:
        return {"prompt": list(prompts)}
    if "class_labels" in takes:
        return {"class_labels": [_class_number(pipeline, prompt) for prompt in prompts]}
    for prompt in prompts:
        if prompt:
            raise DataError(
                f"A {type(pipeline).__name__} draws without any condition and cannot be asked for {prompt!r}. Leave its "
                "prompts empty, one row with an id of its own per group of pictures."
            )
    return {"batch_size": len(prompts)}


def _class_number(pipeline: Any, prompt: str) -> int:
    names = getattr(pipeline, "labels", None) or {}
    if prompt in names:
        return int(names[prompt])
    if prompt.isascii() and prompt.isdigit() and (not names or int(prompt) in names.values()):
        return int(prompt)
    if names:
        raise DataError(unknown(f"class of the {type(pipeline).__name__}", prompt, names))
    raise DataError(f"A {type(pipeline).__name__} without names of classes takes their numbers, found {prompt!r}.")
