"""Reading a model spec: what the user wrote after ``--trustml-model=``, turned into a place on disk or a function."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pytest_trustml.errors import UsageError, unknown

PREFIXES = ("hf", "openai", "py", "demo")
ELSEWHERE = ("hf:", "openai:", "py:")
"""How the spec of a model begins that is no path of this machine."""
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_FACTORY = re.compile(rf"({_NAME}(?:\.{_NAME})*):({_NAME}(?:\.{_NAME})*)")


@dataclass(frozen=True)
class Spec:
    """A parsed spec. ``form`` is ``directory``, ``hub``, ``endpoint`` or ``factory``; only its own fields are filled.

    Parameters
    ----------
    text : str
        What the user wrote.
    path : Path or None
        The directory, absolute.
    repository, revision : str or None
        Hub repository ``org/name`` and its revision; without one the default branch is meant.
    module, function : str or None
        Module and function of a factory.
    model, address : str or None
        Name of a model behind an endpoint, and the endpoint's address.
    settings : mapping of str to str
        How to ask the endpoint.
    """

    text: str
    form: str
    path: Path | None = None
    repository: str | None = None
    revision: str | None = None
    module: str | None = None
    function: str | None = None
    model: str | None = None
    address: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """A short name for reports: the last part of the place."""
        if self.path is not None:
            return self.path.name or self.path.as_posix()
        return (self.repository or self.function or self.model or self.text).rpartition("/")[2]


def parse_spec(text: str, root: Path | None = None) -> Spec:
    """Read a model spec; touches neither the network nor any library.

    Parameters
    ----------
    text : str
        A local directory, ``hf:org/name@revision``, ``openai:MODEL@http://host/v1`` or ``py:module:factory``.
    root : Path or None
        Where relative paths start; by default the current directory.

    Raises
    ------
    UsageError
        Naming what was found and what a spec looks like.

    Examples
    --------
    >>> parse_spec("hf:acme/chat@v2").revision
    'v2'
    >>> parse_spec("py:acme.models:detector").module
    'acme.models'
    >>> parse_spec("openai:acme/chat@http://localhost:8000/v1?parallel=8").address
    'http://localhost:8000/v1'
    >>> parse_spec("weights/chat", Path("/data")).path.as_posix()
    '/data/weights/chat'
    """
    if not isinstance(text, str) or not text.strip():
        raise UsageError(
            "A model spec is a directory, hf:org/name@revision, openai:MODEL@http://host/v1 or py:module:factory; "
            f"found {text!r}."
        )
    text = text.strip()
    prefix, colon, rest = text.partition(":")
    if colon and prefix in PREFIXES:
        return _PARSERS[prefix](text, rest)
    path = Path(text).expanduser()
    path = path if path.is_absolute() else Path(root or Path.cwd()) / path
    if colon and len(prefix) > 1 and prefix.isalnum() and not path.exists():
        raise UsageError(f"{unknown('prefix', prefix, PREFIXES)} The model spec was {text!r}; a directory has no prefix.")
    return Spec(text=text, form="directory", path=path)


def _hub(text: str, rest: str) -> Spec:
    repository, at, revision = rest.partition("@")
    if not _REPOSITORY.fullmatch(repository) or (at and not revision.strip()) or any(c.isspace() for c in revision):
        raise UsageError(f"The model spec {text!r} names no repository of the hub. Write hf:org/name or hf:org/name@revision.")
    return Spec(text=text, form="hub", repository=repository, revision=revision or None)


def _endpoint(text: str, rest: str) -> Spec:
    model, at, place = rest.rpartition("@")
    parts = urlsplit(place)
    if not at or not model.strip() or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise UsageError(
            "A model behind an endpoint is written openai:MODEL@http://host/v1, without a key or password in it: the key comes "
            f"from the environment. Found {_shown(text)!r}."
        )
    address = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
    settings = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Spec(text=text, form="endpoint", model=model, address=address, settings=settings)


def _shown(text: str) -> str:
    """The spec without what may be a password."""
    return re.sub(r"//[^/@]*@", "//***@", text)


def _factory(text: str, rest: str) -> Spec:
    found = _FACTORY.fullmatch(rest)
    if found is None:
        raise UsageError(
            f"The model spec {text!r} names no factory. Write py:module:function, for example py:acme.models:detector, where "
            "the module can be imported (python -c 'import acme.models') and the function takes no arguments."
        )
    return Spec(text=text, form="factory", module=found[1], function=found[2])


def _demo(text: str, rest: str) -> Spec:
    raise UsageError(
        f"The demo {rest!r} is a whole release, not a model. Give it as the release (--trustml-model={text}); inside a release "
        "or as a companion name a directory, hf:org/name@revision or py:module:factory."
    )


_PARSERS = {"hf": _hub, "openai": _endpoint, "py": _factory, "demo": _demo}
