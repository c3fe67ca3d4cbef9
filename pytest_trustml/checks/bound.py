"""A check with everything it needs at hand: the model, its companions, the data, the options and the limits of this run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.checks.check import Check
from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.result.measurement import Measurement
from pytest_trustml.result.record import CheckRecord, RecordedOutcome, Source
from pytest_trustml.result.verdict import Limit, Verdict, check_direction, worst

if TYPE_CHECKING:
    from pytest_trustml.checks.trust import Trust
    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.subjects.subject import Subject


class BoundCheck(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What `bind` returns: running it gives the record, whatever the outcome."""

    check: Check
    model: Subject
    companions: dict[str, Subject]
    data: dict[str, Dataset]
    options: dict[str, Any]
    limits: dict[str, Limit]

    def run(self, trust: Trust, nodeid: str = "") -> tuple[CheckRecord, tuple[Verdict, ...]]:
        """Call the check's function and judge what it measured, each measurement by its limit."""
        check = self.check
        arguments: dict[str, Any] = dict.fromkeys(check.optional)
        arguments |= self.companions | self.data
        found = check.run(trust, self.model, **arguments, **self.options)
        measurements = _measurements(found, check)
        unnamed = set(self.limits) - {measurement.name for measurement in measurements}
        if unnamed:
            raise UsageError(
                f"{check.id}: {unknown('measurement', min(unnamed), [m.name for m in measurements])} "
                "A limit names a measurement that the check returns."
            )
        verdicts, records = [], []
        for measurement in measurements:
            verdict = None
            if measurement.name in self.limits:
                check_direction(self.limits[measurement.name], measurement.higher_is_safer, f"{check.id}:{measurement.name}")
                verdict = trust.judge(measurement, self.limits[measurement.name], check.min_n)
                verdicts.append(verdict)
            records.append(trust.recorded(measurement, verdict))
        outcome = worst(verdict.outcome for verdict in verdicts)
        decisive = next(verdict for verdict in verdicts if verdict.outcome is outcome)
        which = "" if decisive is verdicts[0] else f"{decisive.measurement.name}: "
        roles = {check.data[name].name: dataset for name, dataset in self.data.items()}
        partners = {check.companions[name]: subject for name, subject in self.companions.items()}
        record = bare_record(
            check,
            self.model,
            nodeid=nodeid,
            seed=trust.seed,
            level=trust.level,
            outcome=outcome.value,
            why=which + decisive.why,
        )
        return (
            msgspec.structs.replace(
                record,
                companions={role: Source(spec=s.spec, fingerprint=s.fingerprint) for role, s in sorted(partners.items())},
                data={role: Source(spec=d.spec, fingerprint=d.fingerprint, n=len(d)) for role, d in sorted(roles.items())},
                options=self.options,
                measurements=tuple(records),
                controls=tuple(trust.controls),
                evidence=tuple(trust.evidence),
            ),
            tuple(verdicts),
        )


def _measurements(found: Any, check: Check) -> Sequence[Measurement]:
    measurements = [found] if isinstance(found, Measurement) else found
    if (
        not isinstance(measurements, list | tuple)
        or not all(isinstance(m, Measurement) for m in measurements)
        or not measurements
    ):
        raise UsageError(f"{check.id} returned {type(found).__name__}. A check returns one Measurement or a list of them.")
    names = [measurement.name for measurement in measurements]
    if len(set(names)) != len(names):
        raise UsageError(f"{check.id} returned two measurements of the same name ({', '.join(names)}). Give each its own.")
    if names[0] != check.headline:
        raise UsageError(f"{check.id} returned {names[0]!r} first, but its headline limit is for {check.headline!r}.")
    return measurements


def missing(check: Check, model: Subject, companions: Mapping[str, Subject], roles: Mapping[str, Any]) -> str | None:
    """Why the check does not apply to what was given, and what to supply; None if it does.

    ``companions`` and ``roles`` hold what was given, by ``base_model`` etc. and by role name.
    """
    why = _lacking(check, model)
    if why is not None:
        return why
    for name, companion in check.companions.items():
        if companion in companions:
            why = _lacking(check, companions[companion])
            if why is not None:
                return f"the {companion.replace('_', ' ')} is of the wrong kind: {why}"
        elif name not in check.optional:
            return f"it compares with a {companion.replace('_', ' ')}: supply --trustml-{companion.replace('_', '-')}=SPEC"
    for name, role in check.data.items():
        if role.name not in roles and role.default is None and name not in check.optional:
            what = f" ({role.help})" if role.help else ""
            return f"it needs the data role {role.name}{what}: supply --trustml-data {role.name}=PATH"
    return None


def _lacking(check: Check, subject: Subject) -> str | None:
    """Why a model does not offer what the check needs; of capabilities that stand for each other one is enough."""
    for need in check.needs:
        whys = [subject.why_not(kind) for kind in need.split("|")]
        if None not in whys:
            return "; ".join(str(why) for why in whys)
    return None


def set_options(check: Check, given: Mapping[str, Any]) -> dict[str, Any]:
    """The check's options with the given values in place of defaults, each of the default's type.

    Raises
    ------
    UsageError
        For an option that the check does not have, or a value of the wrong type.
    """
    options = dict(check.options)
    for name, value in given.items():
        if name not in options:
            raise UsageError(f"{check.id}: {unknown('option', name, options)}")
        options[name] = _typed(value, type(options[name]), f"{check.id}:{name}")
    return options


_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def _typed(value: Any, kind: type, where: str) -> Any:
    try:
        if kind is bool:
            return value if isinstance(value, bool) else _WORDS[str(value).lower()]
        if isinstance(value, bool) or (kind is int and isinstance(value, float) and value != int(value)):
            raise ValueError
        if kind is str and not isinstance(value, str):
            raise ValueError
        return kind(value)
    except (KeyError, ValueError, TypeError):
        raise UsageError(f"The option {where} is {value!r}. It takes {_KINDS[kind]}.") from None


def set_limits(check: Check, given: Mapping[str, Limit]) -> dict[str, Limit]:
    """The check's limits with the given ones in place; '' stands for the headline measurement.

    Raises
    ------
    UsageError
        For a limit in the other direction than the check's own.
    """
    limits = dict(check.limits)
    for name, limit in given.items():
        key = name or check.headline
        if key in limits:
            own = type(limits[key]).__name__
            if {own, type(limit).__name__} == {"AtMost", "AtLeast"}:
                check_direction(limit, own == "AtLeast", f"{check.id}:{key}")
        limits[key] = limit
    return limits


def bare_record(
    check: Check, model: Subject, *, nodeid: str, seed: int, level: float, outcome: RecordedOutcome, why: str
) -> CheckRecord:
    """The record of a check without anything measured: it did not apply, or it broke off. It is never absent from a report."""
    return CheckRecord(
        nodeid=nodeid,
        check=check.id,
        version=check.version,
        summary=check.summary,
        outcome=outcome,
        why=why,
        subject=model.spec,
        fingerprint=model.fingerprint,
        seed=seed,
        level=level,
        device=model.device,
        min_n=check.min_n,
        reference=check.reference,
    )
