"""Models that a user's own function makes: ``py:module:function``.

The function takes no arguments and returns one of

- ``(model, tokenizer)`` or ``(model, image_processor)``: a model of transformers with what prepares its inputs,
- a transformers image model alone (pictures are then prepared as its configuration says),
- any object that offers capabilities by methods: ``generate(prompts, ...) -> list[str]`` (text), ``logits(inputs)`` or
  ``predict_proba(inputs)`` (classifier), ``embed(inputs)`` (encoder), ``embed_images(images)`` with ``embed_texts(texts)``
  (pairs); or by attributes called ``text``, ``classifier``, ``encoder``, ``pairs``, ``images``.

It is called when the model is first needed, and again whenever another model took its place in memory. Results are cached
only if the model can be recognised again: a torch module by its weights, another object by a string attribute ``fingerprint``.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_trustml.errors import SubjectError, TrustmlError, UsageError, unknown
from pytest_trustml.subjects import from_transformers
from pytest_trustml.subjects.architectures import NEEDS, Role, role_of
from pytest_trustml.subjects.fingerprint import combine, fingerprint_state
from pytest_trustml.subjects.residence import Loaded, Residence
from pytest_trustml.subjects.spec import Spec


class FactorySource:
    """A model that a function makes. What it offers and its fingerprint are known once it has been made."""

    kind = "factory"
    path: Path | None = None
    checkpoint_dtype = "float32"

    def __init__(self, spec: Spec, root: Path | None = None) -> None:
        self.spec = spec
        self.root = root
        self._known: tuple[tuple[str, ...], str, bool, Role | None] | None = None

    @property
    def description(self) -> str:
        return "what a factory makes"

    @property
    def offers(self) -> tuple[str, ...]:
        return self._learn()[0]

    @property
    def cacheable(self) -> bool:
        return self._learn()[2]

    def fingerprint(self) -> str:
        return self._learn()[1]

    def why_not(self, name: str) -> str | None:
        if name in self.offers:
            return None
        return (
            f"What {self.spec.text} makes offers {', '.join(self.offers)}; {name} needs {NEEDS[name]}, or a method of its own."
        )

    def load(self, device: str, dtype: str) -> Loaded:
        from pytest_trustml.subjects.given import offers_of

        thing = self._make()
        loaded, role = _opened(thing, device, self.spec.text)
        offers = role.offers if role else offers_of(thing)
        if not offers:
            raise SubjectError(
                f"The factory {self.spec.text} returned a {type(thing).__name__} that offers nothing to judge. Return "
                "(model, tokenizer), or an object with generate, logits, predict_proba, embed, or embed_images and embed_texts."
            )
        digest = _fingerprint(loaded)
        source = combine("factory", self.spec.text, digest or "", _source_digest(self.spec))
        if digest and self._known and self._known[1] != source:
            raise SubjectError(
                f"The factory {self.spec.text} made another model than the first time, so its answers cannot be put together. "
                "Load trained weights in it, or fix the seed of what it draws."
            )
        self._known = (offers, source if digest else f"unfingerprinted:{self.spec.text}", digest is not None, role)
        return loaded

    def capability(self, name: str, residence: Residence[Loaded]) -> Any:
        from pytest_trustml.subjects.given import given_capability

        role = self._learn()[3]
        return from_transformers.capability(name, residence, role.input) if role else given_capability(name, residence)

    def bind(self, residence: Residence[Loaded]) -> None:
        """The residence that loads this source, so that learning about the model keeps it for the first use."""
        self._residence = residence

    def _learn(self) -> tuple[tuple[str, ...], str, bool, Role | None]:
        if self._known is None:
            self._residence.get()
        assert self._known is not None
        return self._known

    def _make(self) -> Any:
        try:
            with _importable(self.root):
                thing = find_factory(self.spec, self.root)()
        except TrustmlError:
            raise
        except Exception as error:
            raise SubjectError(f"The factory {self.spec.text} failed: {type(error).__name__}: {error}") from error
        if thing is None:
            raise SubjectError(f"The factory {self.spec.text} returned nothing. Return the model.")
        return thing


def find_factory(spec: Spec, root: Path | None = None) -> Any:
    """The function that a spec names. Modules are looked for on ``sys.path`` and, last, in ``root``."""
    place = str(root or Path.cwd())
    try:
        with _importable(root):
            module = importlib.import_module(spec.module or "")
    except ImportError as error:
        missing = getattr(error, "name", None)
        if missing and (spec.module or "").startswith(missing):
            raise UsageError(
                f"The model spec {spec.text!r} names the module {spec.module!r}, which is neither installed nor in {place}. "
                "Check its name, install the package, or add its folder to PYTHONPATH."
            ) from error
        raise SubjectError(f"The module of {spec.text!r} cannot be imported: {error}") from error
    except Exception as error:
        raise SubjectError(f"The module of {spec.text!r} fails when imported: {type(error).__name__}: {error}") from error
    found: Any = module
    for name in (spec.function or "").split("."):
        if not hasattr(found, name):
            known = [one for one, value in vars(found).items() if callable(value) and not one.startswith("_")]
            raise UsageError(f"{unknown(f'factory in {spec.module}', name, known)} The model spec was {spec.text!r}.")
        found = getattr(found, name)
    if not callable(found):
        raise UsageError(f"{spec.text!r} is a {type(found).__name__}, not a function. Name a function that returns the model.")
    return found


@contextmanager
def _importable(root: Path | None) -> Iterator[None]:
    """``root`` at the end of ``sys.path`` while the factory's module is imported and its function runs."""
    place = str(root or Path.cwd())
    sys.path.append(place)
    try:
        yield
    finally:
        if place in sys.path:
            del sys.path[len(sys.path) - 1 - sys.path[::-1].index(place)]


def _opened(thing: Any, device: str, name: str) -> tuple[Loaded, Role | None]:
    """The thing ready for use; with a role if it is a model of transformers, without if it speaks for itself."""
    model, partner = thing if isinstance(thing, tuple) and len(thing) == 2 else (thing, None)
    if not (_is_module(model) and hasattr(model, "config") and hasattr(model.config, "to_dict")):
        if isinstance(thing, tuple):
            raise SubjectError(f"{name} returned a tuple, but not (model, tokenizer) with a model of transformers.")
        if _is_module(thing):
            thing.eval().requires_grad_(False).to(device)
            from_transformers.refuse_nan(thing, name)
        return Loaded(thing, device, name=name), None
    role = role_of(type(model).__name__, model.config.to_dict())
    if not role.offers:
        raise SubjectError(f"{name} returned {role.word} ({type(model).__name__}), which cannot be judged here.")
    if partner is None and role.input == "text":
        raise SubjectError(f"{name} returned {role.word} without its tokenizer. Return (model, tokenizer).")
    from_transformers.prepare(model, device, name)
    inner = getattr(partner, "tokenizer", None)
    tokenizer = inner or (partner if hasattr(partner, "encode") or hasattr(partner, "decode") else None)
    processor = getattr(partner, "image_processor", None) or (partner if tokenizer is None else None)
    return Loaded(model, device, tokenizer, processor, name), role


def _is_module(thing: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def _fingerprint(loaded: Loaded) -> str | None:
    own = getattr(loaded.model, "fingerprint", None)
    if isinstance(own, str) and own:
        return own
    if not _is_module(loaded.model):
        return None
    words = [fingerprint_state(loaded.model.state_dict().items()), type(loaded.model).__qualname__]
    if loaded.tokenizer is not None:
        inner = getattr(loaded.tokenizer, "backend_tokenizer", None)
        words.append(inner.to_str() if inner is not None else repr(loaded.tokenizer))
        words.append(str(getattr(loaded.tokenizer, "chat_template", "")))
    if loaded.processor is not None:
        words.append(str(loaded.processor))
    return combine(*words)


def _source_digest(spec: Spec) -> str:
    """The file of the factory counts: the code around the weights makes the answers too."""
    try:
        return hashlib.sha256(Path(inspect.getfile(sys.modules[spec.module or ""])).read_bytes()).hexdigest()
    except (KeyError, TypeError, OSError):
        return ""
