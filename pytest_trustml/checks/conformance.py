"""The laws that every check keeps, ours and those of third parties, as ready-made tests.

Three lines in the tests of a package::

    @pytest.mark.parametrize("law", tm.conformance.laws(SPECIMEN), ids=str)
    def test_conformance(law, tmp_path):
        law(tmp_path)

A `Specimen` plants the truth: a model that misbehaves, one that cannot, and useless ones. Models are small or scripted, so
that the laws cost seconds; they are run some twenty times.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_trustml.checks.check import Check
from pytest_trustml.checks.trial import run_check
from pytest_trustml.checks.trust import Trust
from pytest_trustml.errors import TrustmlError
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, decode_check, encode

if TYPE_CHECKING:
    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.subjects.subject import Subject

FEW = 5
"""Rows that decide nothing."""
_CLOSE = 1e-9


class Specimen(NamedTuple):
    """A check with models of which it is known what it has to say.

    Parameters
    ----------
    check : Check
    good, bad : Subject
        A model that must pass and one that must fail.
    data : dict
        Parameter of the check -> data set. Rows have ids of their own, or ids from their content.
    useless : sequence of Subject
        Models that answer nothing, always the same, or what they were asked: none of them may pass.
    companions : dict
        Parameter of the check -> model.
    options : dict
        Those that differ from the defaults.
    bad_data : dict
        What differs in the data that the bad model is judged on, where it is the data that misbehave.
    scarce : str
        The parameter of ``data`` of which five rows are to be too few; by default all of them are cut.
    """

    check: Check
    good: Subject
    bad: Subject
    data: Mapping[str, Dataset]
    useless: Sequence[Subject] = ()
    companions: Mapping[str, Subject] = {}
    options: Mapping[str, Any] = {}
    bad_data: Mapping[str, Dataset] = {}
    scarce: str = ""

    @property
    def planted(self) -> Iterator[tuple[str, Subject, dict[str, Dataset]]]:
        """The good and the bad model, each with its data."""
        yield "good", self.good, dict(self.data)
        yield "bad", self.bad, {**self.data, **self.bad_data}


class Law(NamedTuple):
    """One law about one specimen. Called with an empty folder, it raises AssertionError if the law is broken."""

    name: str
    specimen: Specimen
    holds: Callable[[Specimen, Path], None]

    def __call__(self, folder: Path) -> None:
        self.holds(self.specimen, folder)

    def __str__(self) -> str:
        return f"{self.specimen.check.id}-{self.name}"


def laws(*specimens: Specimen) -> list[Law]:
    """Every law about every specimen, to be run as tests.

    >>> laws()
    []
    """
    return [Law(name, specimen, holds) for specimen in specimens for name, holds in LAWS.items()]


def _explains_itself(specimen: Specimen, folder: Path) -> None:
    """The page has a summary, says what the check does not show, and names every option."""
    check = specimen.check
    assert check.summary.endswith("."), f"The first line of the docstring of {check.id} is no sentence: {check.summary!r}"
    assert "does not show" in check.page, f"The docstring of {check.id} does not say what the check does not show."
    unnamed = [name for name in check.options if name not in check.page]
    assert not unnamed, f"The docstring of {check.id} does not explain the option {unnamed[0]}."
    assert check.min_n > FEW, f"{check.id} decides with {check.min_n} rows: nothing can be told from so few."


def _finds_what_was_planted(specimen: Specimen, folder: Path) -> None:
    for (name, model, data), right in zip(specimen.planted, ("PASS", "FAIL"), strict=True):
        record = _run(specimen, folder / name, model=model, data=data)
        assert record.outcome == right, _told(f"the {name} model", record, right)


def _passes_nothing_useless(specimen: Specimen, folder: Path) -> None:
    for place, model in enumerate(specimen.useless):
        record = _run(specimen, folder / str(place), model=model)
        assert record.outcome != "PASS", _told(f"the useless model {model.id}", record, "anything but PASS")


def _decides_nothing_from_few_rows(specimen: Specimen, folder: Path) -> None:
    names = [specimen.scarce] if specimen.scarce else list(specimen.data)
    for name, model, data in specimen.planted:
        few = {parameter: data[parameter].rows(0, FEW) for parameter in names}
        try:
            record = _run(specimen, folder / name, model=model, data={**data, **few})
        except TrustmlError:
            continue  # too little to measure anything, and it says so
        right = ("INCONCLUSIVE", "INVALID")
        assert record.outcome in right, _told(f"the {name} model on {FEW} rows", record, " or ".join(right))


def _says_the_same_twice(specimen: Specimen, folder: Path) -> None:
    """Whatever the global random generators did before."""
    first = _run(specimen, folder / "first")
    _shake()
    second = _run(specimen, folder / "second")
    assert encode(first) == encode(second), f"{specimen.check.id} says something else when it is run again with the same seed."


def _does_not_depend_on_batches(specimen: Specimen, folder: Path) -> None:
    _alike(_run(specimen, folder / "whole"), _run(specimen, folder / "chopped", trust=_Chopped), "the size of batches")


def _does_not_depend_on_the_order_of_rows(specimen: Specimen, folder: Path) -> None:
    turned = {name: data.take(list(reversed(range(len(data))))) for name, data in specimen.data.items()}
    _alike(_run(specimen, folder / "first"), _run(specimen, folder / "turned", data=turned), "the order of rows")


def _can_be_written_and_read(specimen: Specimen, folder: Path) -> None:
    record = _run(specimen, folder)
    assert decode_check(encode(record), "the record") == record, f"The record of {specimen.check.id} changes when it is read."
    shown = [*record.evidence, *(one for measurement in record.measurements for one in measurement.evidence)]
    for evidence in shown:
        found = hashlib.sha256((folder / "report" / evidence.path).read_bytes()).hexdigest()
        assert found == evidence.sha256, f"{specimen.check.id}: the evidence {evidence.path} is not what its digest says."


def _keeps_observations_apart(specimen: Specimen, folder: Path) -> None:
    """A run with another option never gets what was observed for this one."""
    _run(specimen, folder / "first", cache=folder / "kept")
    for name, value in _others(specimen):
        changed = {**specimen.options, name: value}
        outcomes = []
        for place, cache in (("again", folder / "kept"), ("anew", folder / f"fresh-{name}")):
            try:
                outcomes.append(_run(specimen, folder / f"{place}-{name}", cache=cache, options=changed))
            except TrustmlError as refused:
                outcomes.append(str(refused))
        assert _plain(outcomes[0]) == _plain(outcomes[1]), (
            f"{specimen.check.id} with {name} = {value!r} says something else if observations of another run are at hand: the "
            "function that observes must be given everything that its answers depend on."
        )


LAWS: dict[str, Callable[[Specimen, Path], None]] = {
    "explains-itself": _explains_itself,
    "finds-what-was-planted": _finds_what_was_planted,
    "passes-nothing-useless": _passes_nothing_useless,
    "decides-nothing-from-few-rows": _decides_nothing_from_few_rows,
    "says-the-same-twice": _says_the_same_twice,
    "does-not-depend-on-batches": _does_not_depend_on_batches,
    "does-not-depend-on-the-order-of-rows": _does_not_depend_on_the_order_of_rows,
    "can-be-written-and-read": _can_be_written_and_read,
    "keeps-observations-apart": _keeps_observations_apart,
}
"""Name -> law."""


class _Chopped(Trust):
    """Asks models for three rows at a time."""

    def observe(self, function: Callable[..., Any], subject: Subject, dataset: Dataset, **params: Any) -> Any:
        return super().observe(function, subject, dataset, **{"batch_size": 3, **params})

    def summarise(self, function: Callable[..., Any], subject: Subject, dataset: Dataset, **params: Any) -> Any:
        return super().summarise(function, subject, dataset, **{"batch_size": 3, **params})


def _run(
    specimen: Specimen, folder: Path, *, model: Subject | None = None, data: Mapping[str, Dataset] | None = None,
    options: Mapping[str, Any] | None = None, cache: Path | None = None, trust: type[Trust] = Trust,
) -> CheckRecord:  # fmt: skip
    """The record of one run; with observations of its own unless a cache is named."""
    from pytest_trustml.work.cache import Cache

    return run_check(
        specimen.check, model or specimen.good, specimen.data if data is None else data, folder / "report",
        companions=specimen.companions, options=specimen.options if options is None else options,
        cache=Cache(cache or folder / "cache"), trust=trust,
    )  # fmt: skip


def _others(specimen: Specimen) -> Iterator[tuple[str, Any]]:
    """Every option that is a number or a switch, with another value."""
    for name, default in specimen.check.options.items():
        value = specimen.options.get(name, default)
        if isinstance(value, bool):
            yield name, not value
        elif isinstance(value, int):
            yield name, value + 1
        elif isinstance(value, float):
            yield name, value / 2 if value else 0.5


def _shake() -> None:
    """Leave the global random generators where no check expects them."""
    import numpy as np

    random.seed(random.random())
    np.random.seed(np.random.default_rng().integers(2**31))


def _alike(one: CheckRecord, other: CheckRecord, what: str) -> None:
    assert one.outcome == other.outcome, f"The verdict of {one.check} depends on {what}: {one.outcome}, then {other.outcome}."
    assert len(one.measurements) == len(other.measurements)
    for first, second in zip(one.measurements, other.measurements, strict=True):
        assert _close(first, second), f"{first.name} of {one.check} depends on {what}: {first.value}, then {second.value}."


def _close(one: MeasurementRecord, other: MeasurementRecord) -> bool:
    def equal(first: Any, second: Any) -> bool:
        if isinstance(first, str) or isinstance(second, str):
            return first == second
        return math.isclose(first, second, rel_tol=_CLOSE, abs_tol=_CLOSE)

    pairs = ((one.value, other.value), (one.low, other.low), (one.high, other.high))
    return one.n == other.n and all(equal(*pair) for pair in pairs)


def _plain(found: CheckRecord | str) -> Any:
    return found if isinstance(found, str) else [(m.name, m.n, m.value, m.low, m.high) for m in found.measurements]


def _told(what: str, record: CheckRecord, right: str) -> str:
    controls = "; ".join(f"{control.name}: {control.why}" for control in record.controls if not control.ok)
    return f"{record.check} says {record.outcome} of {what}, and {right} is right: {record.why}. {controls}".strip()
