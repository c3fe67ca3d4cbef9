"""A run as Markdown: what a GitHub step summary or a pull-request comment shows."""

from __future__ import annotations

import re

from pytest_trustml.reports.strict import strict
from pytest_trustml.reports.wording import (
    command,
    decisive,
    failed_controls,
    headline,
    interval,
    overall,
    percent,
    shown,
    worst_first,
)
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, RunRecord

_MARKS = {"ERROR": "💥", "FAIL": "❌", "INVALID": "🚫", "INCONCLUSIVE": "❔", "PASS": "✅", "NOT_APPLICABLE": "➖"}
_PUNCTUATION = re.compile(r"[\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "@": "@&#8203;", "#": "#&#8203;"}
_LARGEST = 1_000_000


def summary(run: RunRecord, cap: int = 60_000) -> str:
    """One headline, the checks with what needs attention first, failed controls, and the commands that reproduce it.

    Parameters
    ----------
    run : RunRecord
    cap : int
        Most bytes of the text; never more than 1 000 000, because GitHub drops longer summaries whole. What was cut is said.

    Returns
    -------
    str
        Markdown in which no word of a model, a data set or a path can act as markup, HTML, mention or CI command.
    """
    run = strict(run)
    cap = max(1000, min(cap, _LARGEST))
    checks = worst_first(run.checks)
    judged = [check for check in checks if check.outcome != "NOT_APPLICABLE"]
    absent = [check for check in checks if check.outcome == "NOT_APPLICABLE"]
    facts = [f"model {code(run.model)}", f"seed {run.seed}", f"level {percent(run.level)}", escaped(run.created)]
    text = f"## {_MARKS[overall(run)]} {escaped(headline(run), 900)}\n\n{' · '.join(facts)}\n"
    table = [row for check in judged for row in _rows(check)]
    if table:
        text += "\n| | check | value | interval | n | limit | why |\n|---|---|--:|---|--:|---|---|\n"
        text = _within(text, table, cap * 6 // 10, "checks")
    broken = [f"- {code(check.check)}: {escaped(words, 400)}\n" for check in judged for words in failed_controls(check)]
    if broken:
        text = _within(text + "\n**Controls that failed**\n\n", broken, cap * 7 // 10, "failed controls")
    commands = [f"{command(check.reproduce)}\n" for check in judged if check.outcome != "PASS" and check.reproduce]
    commands = list(dict.fromkeys(commands))
    if commands:
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", "".join(commands))), default=0))
        rest = f"{fence}\n"
        text = _within(f"{text}\n**Reproduce**\n\n{fence}sh\n", commands, cap * 8 // 10, "commands", after=rest)
    if absent:
        needs = [f"- {code(check.check)}: {escaped(check.why, 300)}\n" for check in absent]
        opening = f"\n<details><summary>{len(absent)} not applicable: what to supply</summary>\n\n"
        text = _within(text + opening, needs, cap - 100, "checks", after="\n</details>\n")
    return text


def _within(text: str, pieces: list[str], cap: int, noun: str, after: str = "") -> str:
    """Add as many pieces as fit, then say how many did not."""
    size = len(text.encode())
    for count, piece in enumerate(pieces):
        size += len(piece.encode())
        if size > cap:
            return f"{text}{after}\n{len(pieces) - count} more {noun} did not fit here; `index.html` and `run.json` have all.\n"
        text += piece
    return text + after


def _rows(check: CheckRecord) -> list[str]:
    """The measurement that decided, then every other one that did not pass its limit."""
    first = decisive(check)
    rows = [_row(check.outcome, code(check.check), first, check.why)]
    others = [m for m in check.measurements if m is not first and m.outcome not in ("PASS", "REPORTED")]
    return rows + [_row(m.outcome, f"{code(check.check)} {code(m.name)}", m, m.why) for m in others]


def _row(outcome: str, name: str, m: MeasurementRecord | None, why: str) -> str:
    number, ends, n, limit = ("–", "–", "–", "–")
    if m is not None:
        number, ends, n, limit = shown(m.value), interval(m) or "–", str(m.n), escaped(m.limit)
        if interval(m):
            ends += f" ({percent(m.level)}, {escaped(m.method, 40)})"
    cells = [f"{_MARKS[outcome]} {outcome}", name, f"**{number}**", ends, n, limit, escaped(why, 300)]
    return f"| {' | '.join(cells)} |\n"


def escaped(text: str, limit: int = 160) -> str:
    r"""Text on one line in which Markdown and HTML find nothing to act on.

    >>> escaped("<b>|[x](http://y) @team `z` lora_safety")
    '&lt;b&gt;\\|\\[x\\](http&#58;//y) @&#8203;team \\`z\\` lora_safety'
    """
    safe = _PUNCTUATION.sub(lambda match: "\\" + match.group(), line(text, limit))
    return _linkless("".join(_ENTITIES.get(letter, letter) for letter in safe))


def code(text: str, limit: int = 160) -> str:
    r"""The same set as code.

    >>> code("a|b`c")
    '<code>a\\|b\\`c</code>'
    """
    return f"<code>{escaped(text, limit)}</code>"


def _linkless(text: str) -> str:
    """Addresses that Markdown would make clickable, taken apart."""
    return re.sub(r"(?i)\bwww\.", lambda match: match.group()[:-1] + "&#46;", text.replace("://", "&#58;//"))
