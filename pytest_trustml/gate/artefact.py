"""Whether the record is that of the files which are about to be released."""

from __future__ import annotations

from pathlib import Path

from pytest_trustml.errors import TrustmlError
from pytest_trustml.release.demos import demo_directory
from pytest_trustml.release.release import open_release
from pytest_trustml.result.decision import Finding
from pytest_trustml.result.record import RunRecord
from pytest_trustml.subjects import open_subject
from pytest_trustml.work.folders import cache_root
from pytest_trustml.work.progress import Progress


def fingerprint_of(spec: str, root: Path) -> str:
    """The fingerprint of a model or a release directory. Its weights are read, not loaded.

    Raises
    ------
    TrustmlError
        If there is no such model, or it cannot be judged as it is.
    """
    release = open_release(
        {"model": spec},
        data={},
        limits={},
        options={},
        config=None,
        cwd=root,
        demo=lambda name: demo_directory(name, home=cache_root() / "demos", progress=Progress()),
    )
    places = release.models
    base = places["base_model"].anywhere if "base_model" in places else None
    subject = open_subject(str(places["model"].spec), root=places["model"].root, device="cpu", name="model", base=base)
    try:
        return subject.fingerprint
    finally:
        subject.close()


def same_artefact(run: RunRecord, spec: str, root: Path) -> list[Finding]:
    """A finding for every check that judged other files than these."""
    try:
        fingerprint = fingerprint_of(spec, root)
    except TrustmlError as problem:
        return [Finding(kind="unjudged", rule="artefact-unreadable", check="", why=str(problem))]
    others = sorted({record.fingerprint for record in run.checks if record.fingerprint != fingerprint})
    if not others:
        return []
    why = f"{spec} has the fingerprint {fingerprint[:12]}, and the record judged {', '.join(o[:12] or 'none' for o in others)}"
    return [Finding(kind="unjudged", rule="another-artefact", check="", why=f"{why}: judge the files that are to be released")]
