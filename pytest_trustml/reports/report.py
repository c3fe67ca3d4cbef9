"""The report folder: one record and all views of it."""

from __future__ import annotations

from pathlib import Path

from pytest_trustml.reports.html.page import page
from pytest_trustml.reports.markdown import summary
from pytest_trustml.reports.model_card import model_index
from pytest_trustml.reports.sarif import sarif
from pytest_trustml.reports.schema import record_schema
from pytest_trustml.reports.storage import write
from pytest_trustml.reports.strict import strict
from pytest_trustml.result.record import RunRecord, encode

RECORD, SUMMARY, PAGE = "run.json", "summary.md", "index.html"
SCANNING, CARD, SCHEMA = "results.sarif", "model-index.yml", "record.schema.json"


def write_report(run: RunRecord, folder: Path | str) -> None:
    """Write the record and all its views, each whole or not at all. The record comes first.

    ``run.json``, ``summary.md``, ``index.html``, ``results.sarif``, ``model-index.yml`` and ``record.schema.json``.

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
    write(folder / SCANNING, sarif(run))
    write(folder / CARD, model_index(run))
    write(folder / SCHEMA, record_schema())
