"""The one object that a check or a test works with: it observes, measures, shows and requires."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pytest_trustml.errors import TrustFailure, UsageError
from pytest_trustml.result.evidence import Evidence
from pytest_trustml.result.measurement import Measurement
from pytest_trustml.result.record import Control, MeasurementRecord, record_measurement
from pytest_trustml.result.verdict import AtLeast, AtMost, Limit, Outcome, Verdict, Within, check_direction, decide

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from pytest_trustml.checks.examples import ExampleValues
    from pytest_trustml.checks.falsification import Falsification
    from pytest_trustml.checks.veil import Veil
    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.reports.evidence import EvidenceStore
    from pytest_trustml.shadows.shadows import Shadows
    from pytest_trustml.shadows.training import Training
    from pytest_trustml.subjects.subject import Subject
    from pytest_trustml.work.cache import Cache
    from pytest_trustml.work.progress import Progress


class Trust:
    """What a check function gets as ``trust`` and a test as the ``trustml`` fixture.

    Every function of ``pytest_trustml.statistics`` is a method of it, with the confidence level of the run filled in:
    ``trust.proportion(events, name=..., higher_is_safer=...)``. Those that are means over examples also take ``of=``, the data
    set whose rows the values belong to: then the next release can be compared with this one on the same examples. Every
    drawing method of the evidence store is one as well: ``trust.table``, ``trust.text``, ``trust.image``, ``trust.gallery``,
    ``trust.curve``, ``trust.heatmap``.

    Parameters
    ----------
    name : str
        The check's id or the test's node id: together with the seed it decides every random draw.
    seed : int
    level : float
        Two-sided confidence level of every interval.
    veil : Veil, optional
        Learns what is read and observed, so that no report quotes it.
    """

    def __init__(
        self,
        *,
        name: str,
        seed: int,
        level: float,
        cache: Cache,
        store: EvidenceStore,
        progress: Progress,
        open_data: Callable[[str], Dataset] | None = None,
        veil: Veil | None = None,
    ) -> None:
        self.name = name
        self.seed = seed
        self.level = level
        self.controls: list[Control] = []
        self.evidence: list[Evidence] = []
        self.verdicts: list[Verdict] = []
        self.sources: dict[str, Dataset] = {}
        self.examples: dict[str, ExampleValues] = {}
        self._cache = cache
        self._store = store
        self._progress = progress
        self._open_data = open_data
        self._veil = veil

    @property
    def rng(self) -> np.random.Generator:
        """A new random generator, the same one for every run with this seed on any machine."""
        from pytest_trustml.work.randomness import generator

        return generator(self.seed, self.name)

    def data(self, spec: str) -> Dataset:
        """A data set by its spec, or by the role under which it was given on the command line or in trustml.toml."""
        if self._open_data is None:
            raise UsageError("This Trust object was made without a way to open data. Pass open_data=.")
        dataset = self._open_data(spec)
        self.sources[spec] = dataset
        return dataset

    def observe(self, function: Callable[..., Any], subject: Subject, dataset: Dataset, **params: Any) -> Any:
        """Run the model over a data set in batches, once: the same question is answered from the cache next time.

        ``function(subject, batch, **params)`` is a function at the top level of a module; it returns one text or array row
        per row of the batch, or a dict of those. The result is in the order of the data set.
        """
        from pytest_trustml.work.observe import observe

        if self._veil is not None:
            self._veil.know(dataset.column(name) for name in dataset.columns)
        found = observe(function, subject, dataset, cache=self._cache, progress=self._progress, **params)
        if self._veil is not None:
            self._veil.know([found])
        return found

    def summarise(
        self, function: Callable[..., Any], subject: Subject, dataset: Dataset, *, merge: Callable[..., Any], **params: Any
    ) -> Any:
        """Run the model over a data set in batches and keep a summary alone, whose size does not grow with the rows.

        ``function(subject, batch, **params)`` returns a dict of arrays that sum a batch up, e.g. counts, sums and maxima;
        ``merge(one, other)`` makes one summary of two and is associative and commutative, so that batches and parts may come
        in any order. Both are functions at the top level of a module.
        """
        from pytest_trustml.work.summarise import summarise

        if self._veil is not None:
            self._veil.know(dataset.column(name) for name in dataset.columns)
        return summarise(function, subject, dataset, merge=merge, cache=self._cache, progress=self._progress, **params)

    def build(self, label: str, build: Callable[[Path], None], *key: str | int | float) -> Path:
        """A folder that ``build`` fills once and that later runs find again: reference plots, for example. Never change it.

        ``key`` is everything that its content depends on besides the seed, the libraries and the source of ``build``'s module:
        fingerprints of data, options. If ``build`` raises or is killed, nothing is kept.
        """
        import sys

        from pytest_trustml.work.builds import built_once
        from pytest_trustml.work.sources import code_digest, engine

        # A refreshing run may not read what an earlier one built.
        cache = self._cache.private() if self._cache.mode == "refresh" else self._cache
        everything = [*key, self.seed, code_digest(sys.modules[build.__module__]), engine()]
        return built_once(cache.folder / "built", label, everything, build)

    def train_shadows(
        self, training: Training, dataset: Dataset, members: Sequence[Any], *, seeds: Sequence[int], **how: Any
    ) -> Shadows:
        """Train many models alike on different rows of a data set, once: see `pytest_trustml.train_shadows`."""
        from pytest_trustml.shadows.train import train_shadows

        if self._veil is not None:
            self._veil.know(dataset.column(name) for name in dataset.columns)
        return train_shadows(training, dataset, members, seeds=seeds, cache=self._cache, progress=self._progress, **how)

    def progress(self, label: str, total: int) -> Any:
        """Show progress of long work: ``with trust.progress("fitting", 10) as step: step(1)``."""
        return self._progress(label, total)

    def control(self, name: str, ok: bool, why: str) -> bool:
        """Record a test of the instrument itself. One that fails makes the check's verdict INVALID."""
        self.controls.append(Control(name=name, ok=bool(ok), why=why))
        return bool(ok)

    def require(
        self,
        measurement: Measurement,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        within: tuple[float, float] | None = None,
        min_n: int = 1,
    ) -> Verdict:
        """Judge a measurement and raise `TrustFailure` unless it passes. A failed control makes it INVALID."""
        limit = _one_limit(at_most, at_least, within)
        check_direction(limit, measurement.higher_is_safer, measurement.name)
        verdict = self.judge(measurement, limit, min_n)
        if verdict.outcome is not Outcome.PASS:
            raise TrustFailure(f"{verdict.outcome.value}: {measurement}, limit {limit}: {verdict.why}", verdict)
        return verdict

    def holds(self, strategy: Any, property: Callable[..., Any], *, name: str, **how: Any) -> Falsification:
        """Search for an input on which ``property`` does not hold; raise `TrustFailure` with the smallest one if there is any.

        Otherwise the verdict reads "not falsified in N tries". Takes what `pytest_trustml.falsify` takes except the seed, and
        ``reveal=True`` to keep the counterexample unmasked. For tests; a check returns ``trust.falsify(...).measurement()``.
        """
        __tracebackhide__ = True
        from pytest_trustml.checks import falsification

        return falsification.holds(self, strategy, property, name=name, **how)

    def falsify(self, strategy: Any, property: Callable[..., Any], *, name: str, **how: Any) -> Falsification:
        """The same search without a verdict; what it found is judged by at most 0 of its ``measurement()``."""
        from pytest_trustml.checks import falsification

        return falsification.search(self, strategy, property, name=name, **how)

    def judge(self, measurement: Measurement, limit: Limit, min_n: int = 1) -> Verdict:
        """The verdict without raising; it is kept for the record."""
        verdict = decide(self.trusted(measurement), limit, min_n)
        self.verdicts.append(verdict)
        return verdict

    def trusted(self, measurement: Measurement) -> Measurement:
        """The measurement, marked invalid if a control of the instrument failed."""
        broken = [control for control in self.controls if not control.ok]
        if broken and measurement.invalid is None:
            reasons = "; ".join(f"{control.name}: {control.why}" for control in broken)
            return measurement.but(invalid=f"the instrument is broken ({reasons})")
        return measurement

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from pytest_trustml import statistics

        if name in _DRAWINGS:
            return self._drawing(name)
        if name in statistics.__all__:
            return self._statistic(name, _at_level(getattr(statistics, name), self.level))
        raise AttributeError(
            f"trustml has no {name!r}. It has the functions of pytest_trustml.statistics and {', '.join(_DRAWINGS)}."
        )

    def _statistic(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def measure(*args: Any, of: Dataset | None = None, **kwargs: Any) -> Any:
            if of is None:
                return function(*args, **kwargs)
            from pytest_trustml.checks.examples import example_values

            found = function(*args, **kwargs)
            self.examples[found.name] = example_values(name, args, of, kwargs.get("cluster"))
            return found

        return measure

    def recorded(self, measurement: Measurement, verdict: Verdict | None) -> MeasurementRecord:
        """A measurement as it is reported, with what was kept of its examples."""
        kept = self.examples.get(measurement.name)
        return record_measurement(self.trusted(measurement), verdict, "none" if kept is None else kept.keep(self._store))

    def _drawing(self, name: str) -> Callable[..., Evidence]:
        def draw(*args: Any, **kwargs: Any) -> Evidence:
            evidence = getattr(self._store, name)(*args, **kwargs)
            self.evidence.append(evidence)
            return evidence

        return draw


_DRAWINGS: Sequence[str] = ("table", "text", "image", "gallery", "curve", "heatmap")


def _one_limit(at_most: float | None, at_least: float | None, within: tuple[float, float] | None) -> Limit:
    given = [
        *([AtMost(at_most)] if at_most is not None else []),
        *([AtLeast(at_least)] if at_least is not None else []),
        *([Within(*within)] if within is not None else []),
    ]
    if len(given) != 1:
        raise UsageError(f"require() takes exactly one of at_most=, at_least=, within=; {len(given)} were given.")
    return given[0]


def _at_level(function: Callable[..., Any], level: float) -> Callable[..., Any]:
    """Fill in the level of the run where the function takes one."""
    import functools
    import inspect

    if "level" in inspect.signature(function).parameters:
        return functools.partial(function, level=level)
    return function
