"""The subject: a model as a promise. What it is and can do is known at once, its weights are read when they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from pytest_trustml.errors import SubjectError, Unsupported, UsageError, unknown
from pytest_trustml.subjects.architectures import NEEDS
from pytest_trustml.subjects.device import check_device, choose_device, choose_dtype, device_class
from pytest_trustml.subjects.files import detect, picture_files
from pytest_trustml.subjects.from_diffusers import DiffusersSource
from pytest_trustml.subjects.from_factory import FactorySource, find_factory
from pytest_trustml.subjects.from_openai import EndpointSource
from pytest_trustml.subjects.from_peft import BaseArmSource, PeftSource
from pytest_trustml.subjects.from_pictures import PictureSource
from pytest_trustml.subjects.from_transformers import TransformersSource
from pytest_trustml.subjects.hub import snapshot
from pytest_trustml.subjects.residence import Loaded, Residence
from pytest_trustml.subjects.spec import parse_spec


class Source(Protocol):
    """Where a model comes from: one class per library."""

    kind: str
    path: Path | None
    checkpoint_dtype: str

    @property
    def description(self) -> str: ...
    @property
    def offers(self) -> tuple[str, ...]: ...
    @property
    def cacheable(self) -> bool: ...
    def why_not(self, name: str) -> str | None: ...
    def fingerprint(self) -> str: ...
    def load(self, device: str, dtype: str) -> Loaded: ...
    def capability(self, name: str, residence: Residence[Loaded]) -> Any: ...


class Subject:
    """A model that is judged. Its capabilities are attributes: ``text``, ``classifier``, ``encoder``, ``pairs``, …

    Only one subject has its weights in memory at a time: using another one frees the first. A capability that was taken
    earlier stays usable, its weights are read again. Make subjects with `open_subject`.

    Parameters
    ----------
    spec : str
        What the user wrote.
    name : str
        Its part in the run: ``model``, ``base_model``, ….
    label : str
        Short name of the place, for reports.
    """

    def __init__(
        self, source: Source, *, spec: str, name: str, label: str, device: str | None, dtype: str | None,
        residence: Residence[Loaded] | None = None,
    ) -> None:  # fmt: skip
        self.spec, self.name, self.label = spec, name, label
        self._source, self._asked_device, self._asked_dtype = source, device, dtype
        self._residence = residence or Residence(lambda: source.load(self.device, self.dtype))
        self._fingerprint: str | None = None
        self._base: Subject | None = None
        if isinstance(source, FactorySource):
            source.bind(self._residence)

    @property
    def kind(self) -> str:
        """``transformers``, ``peft``, ``diffusers``, ``endpoint``, ``factory`` or ``pictures``."""
        return self._source.kind

    @property
    def path(self) -> Path | None:
        """The directory of the model; None for a factory."""
        return self._source.path

    @property
    def id(self) -> str:
        """Short name and the beginning of the fingerprint, e.g. ``chat@3fa94c0d21be``."""
        return f"{self.label}@{self.fingerprint[:12]}" if self.cacheable else f"{self.label}@unfingerprinted"

    @property
    def fingerprint(self) -> str:
        """Digest of everything that can change the model's answers; the same for the same content in another place."""
        if self._fingerprint is None:
            self._fingerprint = self._source.fingerprint()
        return self._fingerprint

    @property
    def cacheable(self) -> bool:
        """Whether the fingerprint recognises the model, so that its observations may be stored."""
        return self._source.cacheable

    @property
    def part_size(self) -> int | None:
        """How many observed rows are stored together; None leaves it to whoever stores them."""
        return getattr(self._source, "part_size", None)

    @property
    def usage(self) -> str:
        """What asking it has cost so far, in words; empty for a model on this machine."""
        return getattr(self._source, "usage", "")

    @property
    def device(self) -> str:
        """Where it runs. Unless the user named the CPU, asking loads torch."""
        return choose_device(self._asked_device)

    @property
    def device_class(self) -> str:
        """``cpu``, ``cuda`` or ``mps``."""
        return device_class(self.device)

    @property
    def dtype(self) -> str:
        """The number format of its weights in memory, e.g. ``float32``."""
        return choose_dtype(self._asked_dtype, self.device, self._source.checkpoint_dtype)

    @property
    def description(self) -> str:
        """What it is, in words: ``a LoRA adapter on a language model (LlamaForCausalLM)``."""
        return self._source.description

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Names of what it can do."""
        return self._source.offers

    def why_not(self, name: str) -> str | None:
        """Why it lacks a capability, in a sentence; None if it has it."""
        if name not in NEEDS:
            raise UsageError(unknown("capability", name, NEEDS))
        return self._source.why_not(name)

    def load(self) -> Subject:
        """Read the weights now, freeing those of any other subject."""
        self._residence.get()
        return self

    def close(self) -> None:
        """Free the weights. Using the subject again reads them again."""
        self._residence.free()

    @property
    def loaded(self) -> bool:
        """Whether its weights are in memory now."""
        return self._residence.resident

    @property
    def text(self) -> Any:
        """See `TextModel`."""
        return self._capability("text")

    @property
    def classifier(self) -> Any:
        """See `Classifier`."""
        return self._capability("classifier")

    @property
    def encoder(self) -> Any:
        """See `Encoder`."""
        return self._capability("encoder")

    @property
    def pairs(self) -> Any:
        """See `PairEncoder`."""
        return self._capability("pairs")

    @property
    def images(self) -> Any:
        """See `ImageGenerator`."""
        return self._capability("images")

    @property
    def pictures(self) -> Any:
        """See `PictureSet`."""
        return self._capability("pictures")

    @property
    def adapter(self) -> Any:
        """See `Adapter`."""
        if isinstance(self._source, PeftSource):
            from pytest_trustml.subjects.adapter import LoraAdapter

            return LoraAdapter(self._residence, self._base_arm(self._source))
        return self._capability("adapter")

    def _capability(self, name: str) -> Any:
        why = self.why_not(name)
        if why is not None:
            raise Unsupported(why)
        return self._source.capability(name, self._residence)

    def _base_arm(self, source: PeftSource) -> Subject:
        if self._base is None:
            self._base = Subject(
                BaseArmSource(source), spec=str(source.base.path), name="base_model", label=source.base.path.name,
                device=self._asked_device, dtype=self._asked_dtype, residence=self._residence,
            )  # fmt: skip
        return self._base

    def __repr__(self) -> str:
        return f"<Subject {self.name}: {self.spec} ({self.kind})>"


def open_subject(
    spec: str, *, base: str | None = None, device: str | None = None, dtype: str | None = None, name: str = "model",
    root: Path | None = None,
) -> Subject:  # fmt: skip
    """Open a model for judging. No weights are read and no model library is loaded.

    Parameters
    ----------
    spec : str
        A directory, ``hf:org/name@revision``, ``openai:MODEL@http://host/v1``, ``py:module:function``, or pictures: a PNG or
        JPEG file or a folder of such files.
    base : str or None
        Spec of the base model that an adapter goes on; without meaning for other models.
    device : str or None
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    dtype : str or None
        ``auto`` (float32 on a CPU, that of the checkpoint on a GPU), ``float32``, ``float16`` or ``bfloat16``.
    name : str
        Its part in the run, for messages and reports.
    root : Path or None
        Where relative paths start; by default the current directory.

    Raises
    ------
    UsageError
        If the spec, device or dtype cannot be meant as written, or an adapter comes without its base.
    SubjectError
        If the files are no model that can be judged: missing, pickle, GGUF, foreign code, a lying header.
    """
    check_device(device)
    choose_dtype(dtype, "cpu", "float32")
    place = parse_spec(spec, root)
    source: Source
    if place.form == "factory":
        find_factory(place, root)  # a misspelt name is told now, not when the model is first used
        source = FactorySource(place, root)
    elif place.form == "endpoint":
        # It runs elsewhere: no device or number format of this machine may change what is kept of its answers.
        source, device, dtype = EndpointSource(place), "cpu", "float32"
    elif place.path is not None and (files := picture_files(place.path)):
        source, device, dtype = PictureSource(place.path, files), "cpu", "float32"
    else:
        found = detect(_folder(spec, root))
        if found.kind == "peft":
            source = PeftSource(found, detect(_base_folder(spec, base, root, found.config.get("base_model_name_or_path"))))
        else:
            source = DiffusersSource(found) if found.kind == "diffusers" else TransformersSource(found)
    return Subject(source, spec=spec, name=name, label=place.label, device=device, dtype=dtype)


def _folder(spec: str, root: Path | None) -> Path:
    place = parse_spec(spec, root)
    if place.form == "hub":
        return snapshot(place)
    assert place.path is not None
    return place.path


def _base_folder(spec: str, base: str | None, root: Path | None, stored: Any) -> Path:
    if base is None:
        raise UsageError(
            f"{spec!r} is a LoRA adapter and needs its base model. Give it with --trustml-base-model=SPEC, or base_model in "
            f"trustml.toml. (The adapter itself names {stored!r}, which is not followed.)"
        )
    if parse_spec(base, root).form in ("factory", "endpoint"):
        raise UsageError(f"The base model of an adapter is a directory or hf:org/name@revision, found {base!r}.")
    folder = _folder(base, root)
    if (folder / "adapter_config.json").is_file():
        raise SubjectError(f"The base {folder} is an adapter itself. Merge it into its base first (merge_and_unload).")
    return folder
