"""The schema of ``run.json``, for programs that read it without this package."""

from __future__ import annotations

import json

import msgspec

from pytest_trustml.result.record import SCHEMA, RunRecord


def record_schema() -> bytes:
    """JSON Schema (2020-12) of a run record: what it must have, what it may have, and that nothing else is in it.

    Returns
    -------
    bytes
        The same bytes in every process.

    Examples
    --------
    >>> json.loads(record_schema())["title"]
    'Run record of pytest-trustml, schema 1'
    """
    found = msgspec.json.schema(RunRecord)
    found["$defs"]["RunRecord"]["properties"]["schema"] = {"const": SCHEMA, "default": SCHEMA}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:pytest-trustml:run-record:{SCHEMA}",
        "title": f"Run record of pytest-trustml, schema {SCHEMA}",
    }
    whole = head | {key: found[key] for key in sorted(found)}
    whole["$defs"] = {name: whole["$defs"][name] for name in sorted(whole["$defs"])}
    return json.dumps(whole, indent=2).encode()
