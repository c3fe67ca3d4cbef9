"""Pipelines of the diffusers library: the only file that calls it."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytest_trustml.errors import SubjectError
from pytest_trustml.subjects.architectures import why_not
from pytest_trustml.subjects.files import Found
from pytest_trustml.subjects.fingerprint import fingerprint_directory
from pytest_trustml.subjects.from_transformers import refuse_nan
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.residence import Loaded, Residence

LIBRARIES = ("diffusers", "transformers")
EDITORS = ("Img2Img", "Inpaint", "ControlNet", "Upscale", "Depth2Img", "Pix2Pix", "Edit", "Variation", "Video")


class DiffusersSource:
    """A directory written by ``save_pretrained`` of a pipeline that draws: from texts, from classes, or from noise alone."""

    kind = "diffusers"
    cacheable = True
    offers = ("images",)

    def __init__(self, found: Found) -> None:
        self.found = found
        self.path = found.path
        self.checkpoint_dtype = found.dtype
        name = found.config.get("_class_name")
        if not isinstance(name, str):
            raise SubjectError(
                f"{found.path / 'model_index.json'} names a pipeline of its own ({name}), whose code is never run here. "
                "Save it as a pipeline of diffusers, or wrap it in a factory of yours: py:module:function."
            )
        for part, value in found.config.items():
            library = str(value[0] or "diffusers").partition(".")[0] if isinstance(value, list) and value else "diffusers"
            if library not in LIBRARIES and not _ships_with_diffusers(library):
                raise SubjectError(
                    f"The part {part!r} of {found.path} comes from {library!r}, whose code is never run here. "
                    "Save the pipeline with parts of diffusers and transformers."
                )
        self.name = name

    @property
    def description(self) -> str:
        return f"a text-to-image pipeline ({self.found.config['_class_name']})"

    def why_not(self, name: str) -> str | None:
        return why_not(name, f"an image pipeline ({self.name})", self.offers)

    def fingerprint(self) -> str:
        return fingerprint_directory(self.path, deep=True)

    def load(self, device: str, dtype: str) -> Loaded:
        import diffusers
        import torch

        kind = getattr(diffusers, self.name, None)
        if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)):
            raise SubjectError(f"diffusers {diffusers.__version__} does not know {self.name}. Update diffusers.")
        takes = set(inspect.signature(kind.__call__).parameters)
        asked = takes & {"prompt", "class_labels", "batch_size"}
        if "generator" not in takes or not asked or any(word in self.name for word in EDITORS):
            raise SubjectError(f"The pipeline {self.path} is a {self.name}, which does not draw images from prompts alone.")
        # A watermark of the library would be told from the model's own traces by any detector of fakes.
        bare = {"add_watermarker": False} if "add_watermarker" in inspect.signature(kind.__init__).parameters else {}
        with quiet():
            try:
                pipeline = kind.from_pretrained(
                    self.path, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True,
                    trust_remote_code=False, **bare,
                )  # fmt: skip
            except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                said = " ".join(str(error).split())[:400]
                raise SubjectError(f"The pipeline in {self.path} cannot be loaded: {said}") from error
            pipeline.set_progress_bar_config(disable=True)
            pipeline.to(device)
        for name, part in pipeline.components.items():
            if isinstance(part, torch.nn.Module):
                part.eval().requires_grad_(False)
                refuse_nan(part, f"{self.path}/{name}")
        return Loaded(pipeline, device, name=str(self.path))

    def capability(self, name: str, residence: Residence[Loaded]) -> Any:
        from pytest_trustml.subjects.images import DiffusersImages

        return DiffusersImages(residence)


def _ships_with_diffusers(library: str) -> bool:
    """Pipelines that ship with diffusers name their own folder, e.g. ``stable_diffusion`` for its safety checker."""
    diffusers = find_spec("diffusers")
    places = (diffusers.submodule_search_locations or []) if diffusers else []
    return library.isidentifier() and any((Path(place) / "pipelines" / library).is_dir() for place in places)
