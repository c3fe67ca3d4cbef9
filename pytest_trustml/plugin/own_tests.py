"""The records of a project's own tests: the same words as those of checks, with the test itself in place of a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_trustml.checks.trust import Trust
from pytest_trustml.errors import TrustFailure
from pytest_trustml.result.record import CheckRecord, RecordedOutcome
from pytest_trustml.result.verdict import worst

if TYPE_CHECKING:
    from pytest_trustml.plugin.session import Session

TRUST = pytest.StashKey[Trust]()


def own_record(item: pytest.Item, call: pytest.CallInfo[None], session: Session) -> CheckRecord | None:
    """The record of a test about a model; None where it neither used the judge nor broke, so that there is nothing to say."""
    problem = call.excinfo.value if call.excinfo else None
    trust = item.stash.get(TRUST, None)
    if isinstance(problem, pytest.skip.Exception):
        if trust is None:
            return None
        outcome, why = "NOT_APPLICABLE", session.discretion.skipped(problem)
    elif problem is not None and not (isinstance(problem, TrustFailure) and trust is not None and trust.verdicts):
        outcome, why = "ERROR", session.discretion.error(problem, f"{type(problem).__name__}: {problem}")
    elif trust is None:
        return None
    elif trust.verdicts:
        outcome = worst(verdict.outcome for verdict in trust.verdicts).value
        why = next(v.why for v in trust.verdicts if v.outcome.value == outcome)
    else:
        outcome, why = "INCONCLUSIVE", "the test required nothing: no measurement was judged"
    measured = {}
    if trust is not None:
        measured = {
            "measurements": tuple(trust.recorded(v.measurement, v) for v in trust.verdicts),
            "controls": tuple(trust.controls),
            "evidence": tuple(trust.evidence),
        }
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or item.name).strip().splitlines()[0]
    location = f"{item.location[0]}:{(item.location[1] or 0) + 1}"
    return bare_own_record(item.nodeid, session, outcome, why, summary=doc, location=location, **measured)


def bare_own_record(nodeid: str, session: Session, outcome: RecordedOutcome, why: str, **more: object) -> CheckRecord:
    """The record of a test of which nothing is known but what became of it."""
    return CheckRecord(
        nodeid=nodeid,
        check=nodeid,
        version=1,
        outcome=outcome,
        why=why,
        subject=session.model.spec,
        fingerprint=session.model.fingerprint,
        seed=session.seed,
        level=session.level,
        device=session.device,
        **{"summary": nodeid.rpartition("::")[2], **more},
    )
