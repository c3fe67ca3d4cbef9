"""How far long work has come, for people who wait. Silent unless somebody asked for it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from pytest_trustml.result.plain import line

_WIDTH = 79
_TTY_SECONDS = 0.25
_LINE_SECONDS = 10.0


class Step(Protocol):
    """Reports that this much more is done."""

    def __call__(self, done: int = 1) -> None: ...


class Progress:
    """Progress that nobody sees: ``with progress("embedding", 100) as step: step(8)``.

    >>> with Progress()("embedding", 2) as step:
    ...     step(2)
    """

    @contextlib.contextmanager
    def __call__(self, label: str, total: int) -> Iterator[Step]:
        """Show that work called ``label`` goes on, until ``total`` is done."""

        def step(done: int = 1) -> None:
            pass

        yield step

    def note(self, text: str) -> None:
        """Say something about the work that is to come, such as what it will cost."""


class TerminalProgress(Progress):
    """Progress on a terminal: one line that is rewritten, or a new line now and then where lines cannot be rewritten.

    Parameters
    ----------
    write : callable
        Takes text, e.g. ``sys.stderr.write``.
    tty : bool
        Whether carriage returns work. If so, at most four updates a second, and the line is removed at the end; if not, a line
        every ten seconds and none for work that is shorter.
    clock : callable
        Seconds from any fixed moment.
    """

    def __init__(
        self, write: Callable[[str], object], *, tty: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._tty = tty
        self._clock = clock

    @contextlib.contextmanager
    def __call__(self, label: str, total: int) -> Iterator[Step]:
        bar = _Bar(line(label, 44), total, self._write, self._tty, self._clock)
        try:
            yield bar.step
        except BaseException:
            bar.erase()
            raise
        bar.finish()

    def note(self, text: str) -> None:
        """One line that stays."""
        self._write(f"{line(text)}\n")


class _Bar:
    def __init__(self, label: str, total: int, write: Callable[[str], object], tty: bool, clock: Callable[[], float]) -> None:
        self.label, self.total, self.write, self.tty, self.clock = label, total, write, tty, clock
        self.done = 0
        self.started = self.shown = clock()
        self.width = 0
        self.last = 0

    def step(self, done: int = 1) -> None:
        self.done += done
        now = self.clock()
        if now - self.shown >= (_TTY_SECONDS if self.tty else _LINE_SECONDS):
            self.shown = now
            self.show(self.text(now))

    def text(self, now: float) -> str:
        elapsed = now - self.started
        share = f" ({100 * self.done // self.total} %)" if self.total > 0 else ""
        if 0 < self.done < self.total:
            left = f", {_clock(elapsed / self.done * (self.total - self.done))} left"
        else:
            left = f", took {_clock(elapsed)}" if self.done >= self.total else ""
        return line(f"{self.label}: {self.done:,}/{self.total:,}{share}{left}")

    def show(self, text: str) -> None:
        self.last = self.done
        if not self.tty:
            self.write(text + "\n")
            return
        text = text[:_WIDTH]
        self.write("\r" + text.ljust(self.width))
        self.width = len(text)

    def erase(self) -> None:
        if self.tty and self.width:
            self.write("\r" + " " * self.width + "\r")
            self.width = 0

    def finish(self) -> None:
        if self.tty:
            self.erase()
        elif self.last and self.done != self.last:
            self.show(self.text(self.clock()))


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> _clock(59.4), _clock(3700)
    ('0:59', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
