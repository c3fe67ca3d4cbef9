"""A run as Markdown: what a GitHub step summary or a pull-request comment shows."""

from __future__ import annotations

import re

from pytest_trustml.reports.judgement import (
    ANSWERS,
    FINDINGS,
    REDACTED,
    change_interval,
    change_verdict,
    changes,
    findings,
    signed,
    waiver_state,
)
from pytest_trustml.reports.lines import exhibits
from pytest_trustml.reports.strict import UNDEFINED, strict
from pytest_trustml.reports.wording import (
    command,
    decisive,
    failed_controls,
    headline,
    interval,
    model_name,
    overall,
    percent,
    shown,
    worst_first,
)
from pytest_trustml.result.comparison import Comparison
from pytest_trustml.result.decision import Decision
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, RunRecord

_MARKS = {"ERROR": "💥", "FAIL": "❌", "INVALID": "🚫", "INCONCLUSIVE": "❔", "PASS": "✅", "NOT_APPLICABLE": "➖"}
_PUNCTUATION = re.compile(r"[\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "@": "@&#8203;", "#": "#&#8203;"}
_ANSWER_MARKS = {"released": "✅", "blocked": "⛔", "unjudged": "❔"}
_FINDING_MARKS = {"blocks": "⛔", "unjudged": "❔", "waived": "🤝", "notes": "ℹ️"}
_CHANGE_MARKS = {"WORSE": "❌", "CANNOT_TELL": "❔", "NOT_COMPARED": "➖", "NO_WORSE": "✅", "BETTER": "✅"}
_WAIVER_MARKS = {"holds": "🤝", "expired": "⛔"}
_WAIVERS = "**Waivers**\n\n| | check | owner | reason | last day |\n|---|---|---|---|---|\n"
_SMALLEST, _LARGEST = 4000, 1_000_000


def summary(run: RunRecord, cap: int = 60_000) -> str:
    """The gate's decision or one headline, then the checks with what needs attention first, then everything else.

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
    cap = max(_SMALLEST, min(cap, _LARGEST))
    checks = worst_first(run.checks)
    judged = [check for check in checks if check.outcome != "NOT_APPLICABLE"]
    absent = [check for check in checks if check.outcome == "NOT_APPLICABLE"]
    text = _opening(run)
    if not isinstance(run.decision, str):
        text = _section(text, "", _reasons(run.decision), cap * 25 // 100, "reasons")
    table = [row for check in judged for row in _rows(check)]
    heads = "| | check | value | interval | n | limit | why |\n|---|---|--:|---|--:|---|---|\n"
    text = _section(text, heads, table, cap * 55 // 100, "checks")
    text = _section(text, _since(run), _change_rows(checks), cap * 68 // 100, "changes")
    text = _section(text, _WAIVERS, _waiver_rows(run), cap * 76 // 100, "waivers")
    broken = [f"- {code(check.check)}: {escaped(words, 400)}\n" for check in judged for words in failed_controls(check)]
    text = _section(text, "**Controls that failed**\n\n", broken, cap * 81 // 100, "failed controls")
    commands = [f"{command(check.reproduce)}\n" for check in judged if check.outcome != "PASS" and check.reproduce]
    commands = list(dict.fromkeys(commands))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", "".join(commands))), default=0))
    text = _section(text, f"**Reproduce**\n\n{fence}sh\n", commands, cap * 88 // 100, "commands", after=f"{fence}\n")
    text = _section(text, "**Withheld evidence**\n\n", _withheld(checks), cap * 92 // 100, "pieces of evidence")
    needs = [f"- {code(check.check)}: {escaped(check.why, 300)}\n" for check in absent]
    opening = f"<details><summary>{len(absent)} not applicable: what to supply</summary>\n\n"
    return _section(text, opening, needs, cap - 200, "checks", after="\n</details>\n")


def _opening(run: RunRecord) -> str:
    """The heading: the decision where there is one, else the run in a sentence; then what was judged."""
    facts = [f"model {code(run.model)}", f"seed {run.seed}", f"level {percent(run.level)}", escaped(run.created)]
    words = f"{_MARKS[overall(run)]} {escaped(headline(run), 900)}"
    if not isinstance(run.decision, str):
        decided = f"{ANSWERS[run.decision.answer]}: {line(run.decision.why, 600)}"
        words = f"{_ANSWER_MARKS[run.decision.answer]} {escaped(decided, 700)}\n\n{words}"
        facts.append(f"policy {code(run.decision.policy)}")
    redacted = f"\n{REDACTED}\n" if run.redacted else ""
    return f"## {words}\n\n{' · '.join(facts)}\n{redacted}"


def _reasons(decision: Decision) -> list[str]:
    """Why the gate decided as it did, what blocks first."""
    return [
        f"- {_FINDING_MARKS[found.kind]} {FINDINGS[found.kind]}: {code(found.rule)} "
        f"{code(found.check) if found.check else 'the whole run'}: {escaped(found.why, 400)}\n"
        for found in findings(decision)
    ]


def _since(run: RunRecord) -> str:
    """What the run was compared with, and the head of the table."""
    b = run.baseline
    words = "" if isinstance(b, str) else f" {code(model_name(b.model))} of {escaped(b.created)}, {code(b.fingerprint, 12)}"
    heads = "| | check | measurement | before → after | change | interval | n | margin | verdict |\n"
    return f"**Since the baseline**{words}\n\n{heads}|---|---|---|---|--:|---|--:|--:|---|\n"


def _change_rows(checks: list[CheckRecord]) -> list[str]:
    return [f"| {' | '.join(_change_cells(check, comparison))} |\n" for check, comparison in changes(checks)]


def _change_cells(check: CheckRecord, c: Comparison) -> list[str]:
    ends = change_interval(c)
    sure = f"{ends} ({percent(c.level)}, {escaped(c.method, 40)})" if ends else "–"
    moved = "–" if c.before == c.after == UNDEFINED else f"{shown(c.before)} → {shown(c.after)}"
    names = [code(check.check), code(c.measurement)]
    verdict = escaped(change_verdict(c), 400)
    return [_CHANGE_MARKS[c.outcome], *names, moved, f"**{signed(c.change)}**", sure, str(c.n), shown(c.margin), verdict]


def _waiver_rows(run: RunRecord) -> list[str]:
    """Every waiver of the policy, and whether it held on the day of the run."""
    return [
        f"| {_WAIVER_MARKS.get(waiver_state(w, run.created), '❔')} {waiver_state(w, run.created)} | {code(w.check)} "
        f"| {escaped(w.owner)} | {escaped(w.reason, 400)} | {w.expires.isoformat()} |\n"
        for w in run.policy.waivers
    ]


def _withheld(checks: list[CheckRecord]) -> list[str]:
    return [
        f"- {code(check.check)}: {escaped(piece.caption)}: withheld: sha256 {code(piece.sha256)}\n"
        for check in checks
        for piece in exhibits(check)
        if piece.withheld
    ]


def _section(text: str, opening: str, pieces: list[str], cap: int, noun: str, after: str = "") -> str:
    """Add a part with as many of its pieces as fit; a part without pieces is not there at all."""
    return _within(f"{text}\n{opening}", pieces, cap, noun, after) if pieces else text


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
