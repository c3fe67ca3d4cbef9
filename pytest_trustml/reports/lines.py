"""A verdict as lines for the terminal: four for a failure, one per check for the summary."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from pytest_trustml.reports.judgement import CHANGES, worsening
from pytest_trustml.reports.strict import strict
from pytest_trustml.reports.wording import command, decisive, failed_controls, interval, percent, sample, shown, worst_first
from pytest_trustml.result.comparison import worst_change
from pytest_trustml.result.evidence import Evidence
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import CheckRecord, MeasurementRecord

_SPACE = "  "


def failure_text(record: CheckRecord) -> str:
    """What a failure says: the measured value, the limit and why, where the evidence is, the command that reproduces it.

    Where the model is worse than the baseline, the second line says by how much and since which value.

    Parameters
    ----------
    record : CheckRecord

    Returns
    -------
    str
        Four lines. Evidence files are named relative to the report folder.
    """
    record = strict(record)
    return "\n".join(
        [_measured(record), _judged(record), _shown(record), f"reproduce: {command(record.reproduce) or 'unknown'}"]
    )


def _measured(record: CheckRecord) -> str:
    m = decisive(record)
    return f"{line(record.check)}: {'nothing was measured' if m is None else measured(m)}"


def measured(m: MeasurementRecord) -> str:
    """One measurement as a phrase: name, value, unit, and how sure it is."""
    unit = f" {line(m.unit, 40)}" if m.unit and m.value != "undefined" else ""
    if interval(m):
        sureness = f"{percent(m.level)} interval {interval(m)}, {line(m.method, 60)}, {sample(m)}"
    else:
        sureness = f"no interval, {sample(m)}"
    return f"{line(m.name)} = {shown(m.value)}{unit} ({sureness})"


def _judged(record: CheckRecord) -> str:
    m = decisive(record)
    limit = [f"the limit is {line(m.limit)}"] if m is not None and m.limit != "none" else []
    worse = [worsening(comparison) for comparison in record.comparisons if comparison.outcome == "WORSE"]
    why = [line(record.why, 600)]
    if worse and record.outcome == "FAIL" and not any(m.outcome == "FAIL" for m in record.measurements):
        parts = worse + why  # no limit is broken: the baseline alone makes it fail
    else:
        parts = limit + why + worse
    controls = failed_controls(record)
    if controls and controls[0] not in record.why:
        parts.append(f"failed control: {'; '.join(controls)}")
    others = [line(o.name) for o in record.measurements if o is not m and o.outcome in ("FAIL", "INVALID", "INCONCLUSIVE")]
    if others:
        parts.append(f"see also {', '.join(others)}")
    return f"{record.outcome}: {'; '.join(parts)}"


def _shown(record: CheckRecord, most: int = 3) -> str:
    pieces = exhibits(record)
    if not pieces:
        return "evidence: none was kept"
    words = [f"{_place(piece)} ({line(piece.caption, 60)})" for piece in pieces[:most]]
    more = f" and {len(pieces) - most} more in index.html" if len(pieces) > most else ""
    return f"evidence: {', '.join(words)}{more}"


def _place(piece: Evidence) -> str:
    return f"withheld: sha256 {line(piece.sha256, 64)}" if piece.withheld else line(piece.path)


def exhibits(record: CheckRecord) -> list[Evidence]:
    """All evidence of a check, that of its measurements first, each piece once."""
    pieces = [piece for measurement in record.measurements for piece in measurement.evidence]
    return list(dict.fromkeys([*pieces, *record.evidence]))


def table_lines(records: Sequence[CheckRecord], width: int = 100) -> list[str]:
    """The checks of a run as aligned columns, what needs attention first; what was not applicable in one line per family.

    Parameters
    ----------
    records : sequence of CheckRecord
    width : int
        Columns of the terminal. The names of checks are shortened first, then every line is cut.

    A run that was compared with a baseline has one more column at the end, which a narrow terminal leaves out first.

    Examples
    --------
    >>> record = CheckRecord(nodeid="t.py::t", check="acme.rate", version=1, summary="", outcome="ERROR", why="", subject="m",
    ...                      fingerprint="0", seed=7, level=0.95, device="cpu")
    >>> for text in table_lines([record]): print(text)
    outcome  check      value  interval  n  limit
    ERROR    acme.rate  -      -         -  -
    """
    checks = worst_first([strict(record) for record in records])
    judged = [check for check in checks if check.outcome != "NOT_APPLICABLE"]
    heads: tuple[str, ...] = ("outcome", "check", "value", "interval", "n", "limit")
    rows = [_cells(check) for check in judged]
    if any(check.comparisons for check in judged):
        heads = (*heads, "change")
        rows = [(*row, _changed(check)) for row, check in zip(rows, judged, strict=True)]
    lines = _aligned([heads, *rows], width) if judged else []
    families: dict[str, list[CheckRecord]] = {}
    for check in checks:
        if check.outcome == "NOT_APPLICABLE":
            families.setdefault(check.check.partition(".")[0], []).append(check)
    for family, members in families.items():
        names = ", ".join(line(check.check.partition(".")[2] or check.check) for check in members)
        reasons = list(dict.fromkeys(line(check.why) for check in members))
        more = f" (and {len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
        lines.append(_cut(f"NOT_APPLICABLE  {line(family)}: {names}: {reasons[0]}{more}", width))
    return lines


def _cells(check: CheckRecord) -> tuple[str, ...]:
    m = decisive(check)
    if m is None:
        return check.outcome, line(check.check), "-", "-", "-", "-"
    return check.outcome, line(check.check), shown(m.value), interval(m) or "-", str(m.n), line(m.limit, 40)


def _changed(check: CheckRecord) -> str:
    change = worst_change(check.comparisons)
    return "-" if change is None else CHANGES[change].removesuffix(" than the margin")


def _aligned(rows: list[tuple[str, ...]], width: int) -> list[str]:
    widths = [max(_columns(row[index]) for row in rows) for index in range(len(rows[0]))]
    while (excess := sum(widths) + len(_SPACE) * (len(widths) - 1) - width) > 0:
        if widths[1] - excess >= 24 or len(widths) == 3:
            widths[1] = max(min(widths[1], 8), widths[1] - excess)
            break
        widths.pop()  # a narrow terminal shows no change, limit, n, interval, in this order: names and values matter most
    lines = []
    for row in rows:
        row = row[: len(widths)]
        cells = [_cut(cell, room, index == 1) for index, (cell, room) in enumerate(zip(row, widths, strict=True))]
        padded = [cell + " " * (room - _columns(cell)) for cell, room in zip(cells, widths, strict=True)]
        lines.append(_cut(_SPACE.join(padded).rstrip(), width))
    return lines


def _columns(text: str) -> int:
    """Terminal columns of a text: East Asian characters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _cut(text: str, room: int, keep_end: bool = False) -> str:
    """Shortened to so many columns; of the name of a check the end says more than the beginning."""
    if _columns(text) <= room:
        return text
    while text and _columns(text) > room - 1:
        text = text[1:] if keep_end else text[:-1]
    return "…" + text if keep_end else text + "…"
