"""The report folder: one record and two views of it."""

from __future__ import annotations

from pathlib import Path

from pytest_trustml.reports.html.page import page
from pytest_trustml.reports.markdown import summary
from pytest_trustml.reports.storage import write
from pytest_trustml.reports.strict import strict
from pytest_trustml.result.record import RunRecord, encode

RECORD, SUMMARY, PAGE = "run.json", "summary.md", "index.html"


def write_report(run: RunRecord, folder: Path | str) -> None:
    """Write ``run.json``, ``summary.md`` and ``index.html``, each whole or not at all. The record comes first.

    Parameters
    ----------
    run : RunRecord
    folder : Path
        The report folder, in which the evidence already lies.

    Raises
    ------
    CacheError
        If the folder cannot be written.
    """
    run, folder = strict(run), Path(folder)
    write(folder / RECORD, encode(run))
    write(folder / SUMMARY, summary(run).encode())
    write(folder / PAGE, page(run, folder).encode())
