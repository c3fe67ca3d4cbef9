"""Asking an OpenAI-compatible server: several requests at once, patiently, and never more than allowed."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pytest_trustml.errors import SubjectError, UsageError, unknown
from pytest_trustml.result.plain import line

_BUSY = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_FILTERED = ("content_filter", "content_policy_violation")
_LONGEST_PAUSE = 60.0
_LARGEST = 2**24  # bytes of one reply
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Manners:
    """How an endpoint is asked: what stands behind the ``?`` of its spec.

    Parameters
    ----------
    key : str
        Name of the environment variable that holds the key; without such a variable none is sent.
    parallel : int
        Requests at the same time.
    rate : float
        Requests per minute at most; 0 for no limit.
    most : int
        Requests that this process may make in all, repetitions included.
    timeout : float
        Seconds to wait for a reply.
    attempts : int
        How often a request is made before it is given up.
    pause : float
        Seconds before the first repetition; doubled each time, unless the server says how long.
    """

    key: str = "OPENAI_API_KEY"
    parallel: int = 4
    rate: float = 0.0
    most: int = 20_000
    timeout: float = 120.0
    attempts: int = 6
    pause: float = 1.0

    @classmethod
    def read(cls, settings: Mapping[str, str]) -> Manners:
        """From the words of a spec.

        >>> Manners.read({"parallel": "8", "rate": "30"}).parallel
        8
        """
        fields = {name: type(default) for name, default in vars(cls()).items()}
        values: dict[str, Any] = {}
        for name, text in settings.items():
            if name not in fields:
                raise UsageError(unknown("setting of an endpoint", name, fields))
            try:
                values[name] = fields[name](text)
            except ValueError:
                raise UsageError(f"The endpoint's setting {name} is {text!r}. It takes a number.") from None
        found = cls(**values)
        if min(found.parallel, found.most, found.attempts) < 1 or found.timeout <= 0 or min(found.rate, found.pause) < 0:
            raise UsageError(
                f"The endpoint's settings {dict(settings)} cannot be meant: parallel, most and attempts are at least 1, "
                "timeout is above 0, rate and pause are not negative."
            )
        return found


class Blocked(Exception):
    """The server's own content filter refused the request: an answer of its kind, not a fault."""


class Endpoint:
    """One server and one model on it. Safe to use from several threads.

    Parameters
    ----------
    address : str
        Up to and including the version, e.g. ``http://localhost:8000/v1``.
    manners : Manners
    sleep, clock : callable
        For tests.
    """

    def __init__(
        self, address: str, manners: Manners, *, sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.address = address
        self.manners = manners
        self.requests = 0
        self.repeated = 0
        self._key = os.environ.get(manners.key, "").strip()
        self._sleep, self._clock = sleep, clock
        self._lock = threading.Lock()
        self._free = 0.0
        self._opener = urllib.request.build_opener(_NoRedirects)
        where = urlsplit(address)
        if self._key and where.scheme == "http" and where.hostname not in _LOCAL:
            raise UsageError(
                f"The key in {manners.key} would go to {where.hostname} without encryption. Write https://, or unset "
                f"{manners.key} if the server needs no key."
            )

    def ask(self, path: str, body: Mapping[str, Any] | None, read: Callable[[Any], Any]) -> Any:
        """What ``read`` finds in the JSON of the reply; GET without a body, POST with one.

        A server that is busy, silent or talks garbage is asked again; ``read`` raises KeyError, IndexError, TypeError or
        ValueError for a reply that is not what was asked for.

        Raises
        ------
        SubjectError
            If it refuses, stays unusable, or the allowed number of requests is used up.
        Blocked
            If its content filter refuses.
        """
        pause, why = self.manners.pause, ""
        for attempt in range(self.manners.attempts):
            if attempt:
                with self._lock:
                    self.repeated += 1
                self._sleep(min(pause, _LONGEST_PAUSE))
                pause *= 2
            self._wait_for_turn()
            try:
                return read(json.loads(self._once(path, body)))
            except urllib.error.HTTPError as error:
                why, told = self._refusal(error), error.headers.get("Retry-After", "")
                if error.code not in _BUSY:
                    raise SubjectError(f"{self._name()} refuses {path}: {why}") from None
                if told.replace(".", "", 1).isdigit():
                    pause = max(pause, float(told))
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", None) or error
                why = f"{type(reason).__name__}: {self._hidden(str(reason))}" if str(reason) else type(reason).__name__
            except (ValueError, KeyError, IndexError, TypeError) as error:
                why = f"its reply is not what was asked for ({type(error).__name__}: {self._hidden(str(error))})"
        raise SubjectError(
            f"{self._name()} did not answer {path} in {self.manners.attempts} attempts: {why}. Check that it runs and how much "
            "it can take (parallel=, rate=, timeout= behind a ? in the spec). What was answered so far is kept."
        )

    def _once(self, path: str, body: Mapping[str, Any] | None) -> str:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}{path}", data, {"Content-Type": "application/json"})
        if self._key:
            request.add_header("Authorization", f"Bearer {self._key}")
        with self._opener.open(request, timeout=self.manners.timeout) as reply:
            raw = reply.read(_LARGEST + 1)
            if len(raw) > _LARGEST:
                raise ValueError(f"more than {_LARGEST} bytes")
            promised = reply.headers.get("Content-Length", "")
            if promised.isdigit() and len(raw) < int(promised):
                raise http.client.IncompleteRead(raw, int(promised) - len(raw))
        return raw.decode("utf-8")

    def _wait_for_turn(self) -> None:
        """Count the request; wait until the rate allows it."""
        with self._lock:
            if self.requests >= self.manners.most:
                raise SubjectError(
                    f"{self._name()} was asked {self.requests} times, all that this run may (most={self.manners.most}). Raise "
                    "most= behind the ? of the spec, or judge on fewer rows. What was answered so far is kept."
                )
            self.requests += 1
            start = max(self._free, self._clock())
            self._free = start + (60 / self.manners.rate if self.manners.rate else 0)
            delay = start - self._clock()
        if delay > 0:
            self._sleep(delay)

    def _refusal(self, error: urllib.error.HTTPError) -> str:
        """What the server says about its refusal, in one line."""
        try:
            text = error.read(20_000).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            text = ""
        try:
            detail = json.loads(text)["error"]
            if isinstance(detail, dict):
                if detail.get("code") in _FILTERED:
                    raise Blocked(str(detail["code"]))
                text = str(detail.get("message", ""))
            else:
                text = str(detail)
        except (ValueError, KeyError, TypeError):
            pass
        advice = {
            401: f" The key comes from the environment variable {self.manners.key}.",
            403: f" The key comes from the environment variable {self.manners.key}.",
            404: " Check the address (it usually ends in /v1) and the name of the model.",
        }
        if 300 <= error.code < 400:
            text = f"it points to {error.headers.get('Location', 'another place')}; give that address if it is the right one"
        return f"HTTP {error.code} {self._hidden(text)}".rstrip() + "." + advice.get(error.code, "")

    def _hidden(self, text: str) -> str:
        """Server text in one line, without the key."""
        return line(text.replace(self._key, "***") if self._key else text, 200)

    def _name(self) -> str:
        return f"The endpoint {self.address}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Following one would carry the key to another host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None
