"""Models behind an OpenAI-compatible endpoint: ``openai:MODEL@http://host/v1``. They answer in text and show nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pytest_trustml.errors import SubjectError, Unsupported, UsageError
from pytest_trustml.subjects.architectures import NEEDS
from pytest_trustml.subjects.endpoint import Blocked, Endpoint, Manners
from pytest_trustml.subjects.fingerprint import combine
from pytest_trustml.subjects.residence import Loaded, Residence
from pytest_trustml.subjects.spec import Spec

BLOCKED = "I cannot help with that. (The endpoint's own filter refused the request.)"
"""Stands for an answer where the provider's content filter came first: censored, not dropped."""


class EndpointSource:
    """A model that runs elsewhere. What it says about itself in its list of models is its fingerprint.

    The server may put other weights behind the same name without telling: answers that are kept from an earlier run are then
    stale, and ``--trustml-cache=refresh`` asks again.
    """

    kind = "endpoint"
    path: Path | None = None
    checkpoint_dtype = "float32"
    offers = ("text",)
    cacheable = True
    part_size = 16
    """Answers are kept in small parts: they cost money, and a run that breaks off should lose few."""

    def __init__(self, spec: Spec) -> None:
        assert spec.model is not None and spec.address is not None
        self.spec = spec
        self.model = spec.model
        self.endpoint = Endpoint(spec.address, Manners.read(spec.settings))

    @property
    def description(self) -> str:
        return f"the model {self.model} behind {self.spec.address}"

    @property
    def usage(self) -> str:
        """How often it was asked, in words; empty if it was not."""
        requests, repeated = self.endpoint.requests, self.endpoint.repeated
        return f"{requests} requests, {repeated} of them repetitions" if requests else ""

    def why_not(self, name: str) -> str | None:
        if name in self.offers:
            return None
        return f"This is {self.description}, which answers in text and shows nothing else; {name} needs {NEEDS[name]}."

    def fingerprint(self) -> str:
        """Name, address, and what the server's list of models says about it.

        Raises
        ------
        SubjectError
            If the server cannot be reached or does not know the model.
        """
        try:
            about = self.endpoint.ask("/models", None, _listed)
        except SubjectError as error:
            if "HTTP 404" not in str(error):
                raise
            about = {}  # a server without a list: its name has to do
        if about and self.model not in about:
            known = ", ".join(sorted(about)[:10])
            raise SubjectError(f"The endpoint {self.spec.address} has no model {self.model!r}. It has {known}.")
        said = about.get(self.model, {})
        words = [f"{name}={said[name]}" for name in sorted(said) if name in ("id", "created", "owned_by", "root", "version")]
        return combine("openai", self.model, str(self.spec.address), *words)

    def load(self, device: str, dtype: str) -> Loaded:
        return Loaded(self, device, name=self.description)

    def capability(self, name: str, residence: Residence[Loaded]) -> Any:
        return EndpointText(self.endpoint, self.model)


class EndpointText:
    """``subject.text`` of an endpoint: answers alone."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self._endpoint = endpoint
        self._model = model
        self._limit = "max_tokens"

    def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int = 64, chat: bool = True, system: str | None = None,
        temperature: float = 0.0, seed: int = 0,
    ) -> list[str]:  # fmt: skip
        """Answers to the prompts: as a conversation with ``chat``, otherwise as plain text to be continued.

        At temperature 0 servers are asked to be greedy; few promise to be so to the last token.
        """
        if max_new_tokens < 1 or temperature < 0:
            raise UsageError(f"max_new_tokens is at least 1 and temperature at least 0, found {max_new_tokens}, {temperature}.")
        settings = {"temperature": temperature, "seed": seed, "limit": max_new_tokens}
        threads = ThreadPoolExecutor(self._endpoint.manners.parallel)
        try:
            return list(threads.map(lambda prompt: self._answer(prompt, chat, system, settings), prompts))
        finally:
            threads.shutdown(cancel_futures=True)  # after the first that fails, no further ones are made

    def _answer(self, prompt: str, chat: bool, system: str | None, settings: Mapping[str, Any]) -> str:
        asked: dict[str, Any] = {"model": self._model, "temperature": settings["temperature"], "seed": settings["seed"]}
        if chat:
            asked["messages"] = [
                *([{"role": "system", "content": system}] if system else []),
                {"role": "user", "content": prompt},
            ]
        else:
            asked["prompt"] = f"{system}\n\n{prompt}" if system else prompt
        path, read = ("/chat/completions", _said) if chat else ("/completions", _continued)
        try:
            name = self._limit  # requests run side by side: another one may learn the newer name meanwhile
            try:
                return self._endpoint.ask(path, {**asked, name: settings["limit"]}, read)
            except SubjectError as error:
                if not (chat and name == "max_tokens" and "max_completion_tokens" in str(error)):
                    raise
                self._limit = "max_completion_tokens"  # what newer models of the inventor call it
                return self._endpoint.ask(path, {**asked, self._limit: settings["limit"]}, read)
        except Blocked:
            return BLOCKED

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise Unsupported(
            f"A model behind an endpoint answers in text and shows nothing else: it has no {name}. Give the model itself "
            "(a directory or hf:org/name), or leave out the check."
        )


def _listed(reply: Any) -> dict[str, dict[str, Any]]:
    return {str(entry["id"]): entry for entry in reply["data"]}


def _said(reply: Any) -> str:
    message = reply["choices"][0]["message"]
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content)
    if content is None:
        content = message.get("refusal") or ""
    if not isinstance(content, str):
        raise TypeError(f"an answer of the kind {type(content).__name__}")
    return content


def _continued(reply: Any) -> str:
    text = reply["choices"][0]["text"]
    if not isinstance(text, str):
        raise TypeError(f"an answer of the kind {type(text).__name__}")
    return text
