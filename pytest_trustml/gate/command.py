"""The command line of the gate: reads, decides, prints one decision, and exits 0, 1 or 2."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_trustml.errors import TrustmlError, UsageError
from pytest_trustml.gate.deciding import decide_release
from pytest_trustml.gate.junit import merged
from pytest_trustml.gate.shards import Shards, read_shards
from pytest_trustml.release.manifest import NAME, read_manifest, read_project
from pytest_trustml.reports.gathering import gather
from pytest_trustml.reports.report import write_report
from pytest_trustml.reports.storage import write
from pytest_trustml.result.decision import EXIT_CODES, Decision
from pytest_trustml.result.plain import line, plain
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.record import RunRecord

_WORDS = {"released": "RELEASED", "blocked": "BLOCKED", "unjudged": "COULD NOT JUDGE"}


def main(arguments: Sequence[str]) -> int:
    """Decide about a release.

    Parameters
    ----------
    arguments : sequence of str
        As ``python -m pytest_trustml.gate --help`` explains.

    Returns
    -------
    int
        0: released. 1: blocked, something is surely bad. 2: nobody can tell, for whatever reason, mistakes included.
    """
    given = _parser().parse_args(arguments)
    try:
        return _run(given)
    except TrustmlError as problem:
        print(plain(f"COULD NOT JUDGE: {problem}"), file=sys.stderr)
        if given.github:
            _tell_github(Decision(answer="unjudged", why=str(problem), policy=given.policy or "none"), given.report)
        return EXIT_CODES["unjudged"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pytest_trustml.gate",
        description="Merge the reports of all shards, apply the policy, and decide whether a release may go out.",
        epilog="Exit codes: 0 released, 1 blocked, 2 could not judge.",
    )
    parser.add_argument("reports", nargs="+", metavar="REPORT", help="report folders, run.json files and JUnit files")
    parser.add_argument(
        "--policy", metavar="FILE", help=f"the {NAME} or pyproject.toml whose [gate] decides (default: the run's)"
    )
    parser.add_argument("--baseline", metavar="REPORT", help="run.json or report folder of the last release, to compare with")
    parser.add_argument(
        "--model", metavar="SPEC", help="the model or release directory that goes out: it must be what was judged"
    )
    parser.add_argument("--shards", metavar="N", type=int, help="how many run records there must be")
    parser.add_argument("--report", metavar="DIR", help="write the merged record and all its views to this folder")
    parser.add_argument("--github", action="store_true", help="write step summary, outputs and annotations of a GitHub job")
    return parser


def _run(given: argparse.Namespace) -> int:
    root = Path.cwd()
    policy, origin = _policy(given.policy)
    shards = read_shards(given.reports, given.shards)
    today = datetime.datetime.now(datetime.UTC).date()
    result = decide_release(shards, policy, origin=origin, baseline=given.baseline, model=given.model, root=root, today=today)
    decision = result if isinstance(result, Decision) else result.decision
    assert isinstance(decision, Decision)
    for text in lines(decision):
        print(text)
    if given.report:
        _write(result, decision, shards, Path(given.report))
    if given.github:
        _tell_github(result, given.report)
    return EXIT_CODES[decision.answer]


def _tell_github(result: RunRecord | Decision, folder: str | None) -> None:
    from pytest_trustml.gate.github import report

    report(result, Path(folder or "."), os.environ)


def _policy(name: str | None) -> tuple[Policy | None, str]:
    if name is None:
        return None, "the rules that the run recorded"
    path = Path(name)
    if path.name != "pyproject.toml":
        return read_manifest(path).policy, name
    manifest = read_project(path)
    if manifest is None:
        raise UsageError(f"{name} has no [tool.trustml]. Write the rules there, or name a {NAME} with --policy.")
    return manifest.policy, f"{name} [tool.trustml]"


def _write(result: RunRecord | Decision, decision: Decision, shards: Shards, folder: Path) -> None:
    junit = merged(shards.junit, decision)  # read before anything is written: the target may be one of the sources
    if not isinstance(result, Decision):
        gather(result, shards.folders, folder)
        write_report(result, folder)
    write(folder / "trust.xml", junit)


def lines(decision: Decision) -> list[str]:
    """The decision as lines for a terminal: the answer first, then every reason, what blocks before what does not.

    >>> from pytest_trustml.result.decision import Finding
    >>> missing = Finding(kind="unjudged", rule="required-missing", check="acme.rate", why="no report tells of it")
    >>> for text in lines(Decision(answer="unjudged", why="acme.rate: no report tells of it", policy="p", findings=(missing,))):
    ...     print(text)
    COULD NOT JUDGE: acme.rate: no report tells of it
      unjudged  acme.rate  no report tells of it [required-missing]
    policy: p
    """
    width = max((len(line(finding.check)) for finding in decision.findings), default=0)
    told = [f"{_WORDS[decision.answer]}: {line(decision.why, 600)}"]
    for finding in decision.findings:
        told.append(f"  {finding.kind:<9} {line(finding.check):<{width}}  {line(finding.why, 600)} [{finding.rule}]")
    return [*told, f"policy: {line(decision.policy)}", *(f"report: {line(source)}" for source in decision.sources)]
