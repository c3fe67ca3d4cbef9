"""Objects that a user's factory returns, seen as capabilities: their answers are checked before they are believed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pytest_trustml.errors import SubjectError, Unsupported
from pytest_trustml.subjects.residence import Residence

# Methods by which an object shows that it has a capability; one is enough.
SIGNS = {
    "text": ("generate", "sequence_logprobs", "next_token_logprobs", "score_tokens"),
    "classifier": ("logits", "predict_proba"),
    "encoder": ("embed",),
    "pairs": ("embed_images",),
    "images": (),
    "adapter": (),
}


def offers_of(thing: Any) -> tuple[str, ...]:
    """The capabilities of an object: attributes called like them, or the methods in `SIGNS`.

    Examples
    --------
    >>> class Detector:
    ...     def predict_proba(self, texts): ...
    >>> offers_of(Detector())
    ('classifier',)
    """
    return tuple(
        name
        for name, methods in SIGNS.items()
        if getattr(thing, name, None) is not None or any(callable(getattr(thing, method, None)) for method in methods)
    )


def given_capability(name: str, residence: Residence[Any]) -> Any:
    """The capability ``name`` of the object in the residence."""
    return _KINDS[name](residence, name)


class _Given:
    def __init__(self, residence: Residence[Any], capability: str) -> None:
        self._residence = residence
        self._capability = capability

    def __getattr__(self, name: str) -> Any:
        """What is not checked here (``layers``, ``labels``, …) comes from the object itself."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self._has(name)

    def _object(self) -> Any:
        thing = self._residence.get().model
        inner = getattr(thing, self._capability, None)
        return thing if inner is None else inner

    def _has(self, name: str) -> Any:
        thing = self._object()
        if not hasattr(thing, name):
            raise Unsupported(f"The {type(thing).__name__} that the factory returned has no {name}. Add this method to it.")
        return getattr(thing, name)

    def _array(self, name: str, inputs: Sequence[Any], *args: Any, **kwargs: Any) -> np.ndarray:
        found = self._has(name)(inputs, *args, **kwargs)
        found = np.asarray(found.detach().float().cpu() if hasattr(found, "detach") else found, np.float32)
        if found.ndim != 2 or len(found) != len(inputs):
            shape = f"({len(inputs)}, d)"
            raise SubjectError(f"{name} of the factory's object must give shape {shape}, found {found.shape}.")
        if np.isnan(found).any():
            raise SubjectError(f"{name} of the factory's object gave NaN. Repair the model.")
        return found


class _Text(_Given):
    def generate(self, prompts: Sequence[str], **settings: Any) -> list[str]:
        function = self._has("generate")
        answers = function(prompts, **_accepted(function, settings))
        if not isinstance(answers, list) or len(answers) != len(prompts) or not all(isinstance(one, str) for one in answers):
            raise SubjectError(f"generate of the factory's object must return a list of {len(prompts)} texts, one per prompt.")
        return answers

    def next_token_logprobs(self, prompts: Sequence[str], tokens: Sequence[int], **settings: Any) -> np.ndarray:
        function = self._has("next_token_logprobs")
        return np.asarray(function(prompts, tokens, **_accepted(function, settings)), np.float64)

    def sequence_logprobs(self, prompts: Sequence[str], continuations: Sequence[str], **settings: Any) -> list[np.ndarray]:
        function = self._has("sequence_logprobs")
        return [np.asarray(one, np.float64) for one in function(prompts, continuations, **_accepted(function, settings))]

    def score_tokens(self, texts: Sequence[str], *, reference: Any = None, **settings: Any) -> dict[str, np.ndarray]:
        function = self._has("score_tokens")
        settings = {**settings, "reference": reference} if reference is not None else settings
        found = {name: np.asarray(sums, np.float64) for name, sums in function(texts, **settings).items()}
        if any(sums.shape != (len(texts),) or np.isnan(sums).any() for sums in found.values()):
            raise SubjectError(
                f"score_tokens of the factory's object must give {len(texts)} numbers, one per text, for each sum."
            )
        return found

    def hidden_states(self, prompts: Sequence[str], **settings: Any) -> np.ndarray:
        function = self._has("hidden_states")
        return np.asarray(function(prompts, **_accepted(function, settings)), np.float32)


class _Classifier(_Given):
    @property
    def labels(self) -> list[str]:
        """Names of the classes: ``labels`` or scikit-learn's ``classes_`` of the object, otherwise empty."""
        thing = self._object()
        found = getattr(thing, "labels", None)
        found = getattr(thing, "classes_", ()) if found is None else found
        return [str(label) for label in found]

    def logits(self, inputs: Sequence[Any]) -> np.ndarray:
        """The object's ``logits``, or the logarithm of its ``predict_proba``."""
        if hasattr(self._object(), "logits"):
            return self._array("logits", inputs)
        shares = self._array("predict_proba", inputs)
        if shares.min(initial=0) < 0 or shares.max(initial=0) > 1 + 1e-4:
            raise SubjectError("predict_proba of the factory's object must give probabilities between 0 and 1.")
        return np.log(np.maximum(shares, np.finfo(np.float32).tiny))


class _Encoder(_Given):
    def embed(self, inputs: Sequence[Any]) -> np.ndarray:
        return self._array("embed", inputs)


class _Pairs(_Given):
    def embed_images(self, images: Sequence[Any]) -> np.ndarray:
        return self._array("embed_images", images)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._array("embed_texts", texts)


_KINDS: dict[str, Callable[..., Any]] = {
    "text": _Text, "classifier": _Classifier, "encoder": _Encoder, "pairs": _Pairs, "images": _Given, "adapter": _Given,
}  # fmt: skip


def _accepted(function: Callable[..., Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that a method takes. ``chat`` may be left out silently; what would be ignored otherwise is an error."""
    parameters = inspect.signature(function).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return settings
    for name, value in settings.items():
        if name not in parameters and name in ("system", "temperature") and value:
            raise Unsupported(f"{name}={value!r} was asked for, but the factory's {function.__name__} takes no {name}. Add it.")
    return {name: value for name, value in settings.items() if name in parameters}
