"""One check on one model, outside of any release: what the tests of a check are written with."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_trustml.checks.bound import BoundCheck, set_limits, set_options
from pytest_trustml.checks.check import Check
from pytest_trustml.checks.trust import Trust
from pytest_trustml.result.record import CheckRecord
from pytest_trustml.result.verdict import Limit

if TYPE_CHECKING:
    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.subjects.subject import Subject
    from pytest_trustml.work.cache import Cache


def run_check(
    check: Check, model: Subject, data: Mapping[str, Dataset], report: Path, *, companions: Mapping[str, Subject] | None = None,
    options: Mapping[str, Any] | None = None, limits: Mapping[str, Limit] | None = None, seed: int = 0,
    cache: Cache | None = None, trust: type[Trust] = Trust,
) -> CheckRecord:  # fmt: skip
    """The record of a check, as a run of pytest would write it.

    Parameters
    ----------
    check : Check
    model : Subject
        Anything with what the check needs: `open_subject`, or an object of a test.
    data : dict
        Parameter of the check -> data set; those that the check does not take are left out.
    report : Path
        The folder that evidence is written to.
    companions : dict, optional
        Parameter of the check -> model.
    options, limits : dict, optional
        Those that differ from the check's own.
    seed : int
    cache : Cache, optional
        Where observations are kept; by default nowhere.

    Raises
    ------
    UsageError
        For an option or a limit that the check does not have.

    Examples
    --------
    >>> import tempfile
    >>> from pytest_trustml import AtMost, check
    >>> @check(id="acme.tails", version=1, limit=AtMost(0.6), min_n=10)
    ... def tails(trust, model):
    ...     '''How often a coin falls.'''
    ...     return trust.proportion([True, False] * 100, name="tails", higher_is_safer=False)
    >>> from types import SimpleNamespace
    >>> model = SimpleNamespace(spec="coin", fingerprint="coin", device="cpu")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run_check(tails, model, {}, Path(folder)).outcome
    'PASS'
    """
    from pytest_trustml.reports.evidence import EvidenceStore
    from pytest_trustml.work.cache import Cache
    from pytest_trustml.work.progress import Progress

    bound = BoundCheck(
        check=check,
        model=model,
        companions=dict(companions or {}),
        data={name: data[name] for name in check.data if name in data},
        options=set_options(check, options or {}),
        limits=set_limits(check, limits or {}),
    )
    with Cache(report, "off") if cache is None else nullcontext(cache) as store:
        judge = trust(name=check.id, seed=seed, level=0.95, cache=store, store=EvidenceStore(report), progress=Progress())
        return bound.run(judge)[0]
