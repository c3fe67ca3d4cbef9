"""What became of a check since the last release: the comparison, and what it does to the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pytest_trustml.errors import UsageError
from pytest_trustml.result.comparison import Comparison, worst_change
from pytest_trustml.result.plain import line
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.record import CheckRecord

if TYPE_CHECKING:
    from pytest_trustml.comparison.recorded import Recorded

_JUDGED = ("PASS", "INCONCLUSIVE")


def open_baseline(spec: str, root: Path, fingerprint: str) -> Recorded:
    """The record of the last release.

    Raises
    ------
    UsageError
        If there is none at that place, it cannot be read, or it judged the very same model.
    """
    from pytest_trustml.comparison.recorded import open_recorded

    recorded = open_recorded(spec, root)
    if recorded.baseline.fingerprint == fingerprint:
        raise UsageError(
            f"The baseline {line(spec)} judged the very same model (fingerprint {fingerprint[:12]}). Comparing a release with "
            "itself shows nothing: name the record of the release before it."
        )
    return recorded


def since(record: CheckRecord, recorded: Recorded | None, folder: Path, policy: Policy) -> CheckRecord:
    """The record with its comparison. What became surely worse is a FAIL, whatever the limit says.

    Parameters
    ----------
    record : CheckRecord
    recorded : Recorded or None
        The baseline.
    folder : Path
        The report folder of this run, in which its examples lie.
    policy : Policy
        Its ``regression`` says whether a change that cannot be told counts as well.
    """
    if recorded is None or not record.measurements:
        return record
    from pytest_trustml.comparison.compare import compare

    comparisons = compare(record, folder, recorded, policy)
    record = msgspec.structs.replace(record, comparisons=comparisons)
    change = worst_change(comparisons)
    if change == "WORSE" and record.outcome in _JUDGED:
        return msgspec.structs.replace(record, outcome="FAIL", why=_why(comparisons, ("WORSE",)))
    if change in ("CANNOT_TELL", "NOT_COMPARED") and policy.regression == "unshown" and record.outcome == "PASS":
        return msgspec.structs.replace(record, outcome="INCONCLUSIVE", why=_why(comparisons, ("CANNOT_TELL", "NOT_COMPARED")))
    return record


def _why(comparisons: tuple[Comparison, ...], outcomes: tuple[str, ...]) -> str:
    found = next(comparison for comparison in comparisons if comparison.outcome in outcomes)
    return f"{found.measurement} beside the baseline: {found.why}"
