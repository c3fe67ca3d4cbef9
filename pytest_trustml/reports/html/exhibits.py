"""Evidence made ready for the page: verified, bounded in size, pictures inlined, every word safe."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from pytest_trustml.reports.evidence import load
from pytest_trustml.reports.html import figures
from pytest_trustml.reports.pictures import preview
from pytest_trustml.reports.strict import UNDEFINED
from pytest_trustml.reports.wording import exact, shown
from pytest_trustml.result.evidence import Evidence
from pytest_trustml.result.plain import line, plain

MOST_ROWS, MOST_COLUMNS, MOST_LETTERS, MOST_PICTURES = 200, 24, 20_000, 60
_TOO_MUCH = "Not shown here, because the page would grow too large. The file is kept beside the report."


class Exhibits:
    """Makes exhibits of evidence, and keeps count of how large the page has grown.

    Parameters
    ----------
    folder : Path
        The report folder.
    budget : int
        Bytes of pictures, drawings and words that all exhibits together may add to the page.
    """

    def __init__(self, folder: Path, budget: int = 16_000_000) -> None:
        self.folder = folder
        self.budget = budget
        self.made = 0

    def make(self, evidence: Evidence) -> dict[str, Any]:
        """One piece of evidence as the template wants it. Whatever is wrong with it becomes its ``problem``."""
        self.made += 1
        view: dict[str, Any] = {
            "kind": evidence.kind,
            "caption": line(evidence.caption, 400),
            "path": line(evidence.path),
            "sensitive": evidence.sensitive,
            "withheld": line(evidence.sha256, 64) if evidence.withheld else "",
            "problem": "",
            "cut": "",
        }
        if evidence.withheld:
            return view
        loaded = load(self.folder, evidence)
        if loaded.problem:
            return view | {"problem": loaded.problem}
        if self.budget <= 0:
            return view | {"problem": _TOO_MUCH}
        try:
            return view | getattr(self, f"_{evidence.kind}")(loaded.content)
        except Exception as problem:  # a broken exhibit must not take the whole report with it
            return view | {"problem": line(f"It cannot be shown: {type(problem).__name__}: {problem}", 300)}

    def _table(self, content: dict[str, Any]) -> dict[str, Any]:
        columns, rows = content["columns"], content["rows"]
        cut = []
        if len(rows) > MOST_ROWS:
            cut.append(f"the first {MOST_ROWS} of {len(rows)} rows")
        if len(columns) > MOST_COLUMNS:
            cut.append(f"the first {MOST_COLUMNS} of {len(columns)} columns")
        shown_rows = [[_cell(cell) for cell in row[:MOST_COLUMNS]] for row in rows[:MOST_ROWS]]
        self.budget -= sum(len(cell["text"]) + 40 for row in shown_rows for cell in row)
        numeric = [all(row[index]["number"] for row in shown_rows) for index in range(min(len(columns), MOST_COLUMNS))]
        names = [line(str(name), 80) for name in columns[:MOST_COLUMNS]]
        heads = [{"text": name, "number": number} for name, number in zip(names, numeric, strict=True)]
        return {"columns": heads, "rows": shown_rows, "cut": _cut(cut)}

    def _text(self, content: str) -> dict[str, Any]:
        cut = [f"the first {MOST_LETTERS} of {len(content)} letters"] if len(content) > MOST_LETTERS else []
        self.budget -= min(len(content), MOST_LETTERS)
        return {"text": plain(content, MOST_LETTERS), "cut": _cut(cut)}

    def _image(self, content: bytes) -> dict[str, Any]:
        return {"pictures": [self._picture(content, "", side=1280)]}

    def _gallery(self, content: dict[str, Any]) -> dict[str, Any]:
        items = content["items"]
        cut = [f"the first {MOST_PICTURES} of {len(items)} pictures"] if len(items) > MOST_PICTURES else []
        pictures = []
        for item in items[:MOST_PICTURES]:
            piece = Evidence(kind="image", path=item["path"], sha256=item["sha256"], caption=item["caption"])
            loaded = load(self.folder, piece)
            caption = line(piece.caption, 240)
            if loaded.problem or self.budget <= 0:
                pictures.append({"caption": caption, "problem": loaded.problem or _TOO_MUCH})
                continue
            try:
                pictures.append(self._picture(loaded.content, caption, side=360))
            except (OSError, ValueError):
                pictures.append({"caption": caption, "problem": "The file is no readable picture."})
        return {"pictures": pictures, "cut": _cut(cut)}

    def _picture(self, content: bytes, caption: str, side: int) -> dict[str, Any]:
        media, small, width, height = preview(content, side)
        address = f"data:{media};base64,{base64.b64encode(small).decode('ascii')}"
        self.budget -= len(address)
        coarse = max(width, height) <= 96
        return {"src": address, "width": width, "height": height, "coarse": coarse, "caption": caption, "problem": ""}

    def _curve(self, content: dict[str, Any]) -> dict[str, Any]:
        drawing, legend = figures.curve(content, f"e{self.made}")
        self.budget -= len(drawing)
        more = len(content["series"]) - figures.MOST_SERIES
        names = ", ".join(entry["name"] for entry in legend)
        alt = f"{line(content['ylabel'], 80)} against {line(content['xlabel'], 80)} for {names}"
        cut = [f"the first {figures.MOST_SERIES} of {len(content['series'])} series"] if more > 0 else []
        return {"drawing": drawing, "legend": legend, "alt": alt, "cut": _cut(cut)}

    def _heatmap(self, content: dict[str, Any]) -> dict[str, Any]:
        drawing, colors = figures.heatmap(content, f"e{self.made}")
        self.budget -= len(drawing)
        rows, columns = content["rows"], content["columns"]
        cut = []
        if len(rows) > figures.MOST_ROWS:
            cut.append(f"the first {figures.MOST_ROWS} of {len(rows)} rows")
        if len(columns) > figures.MOST_COLUMNS:
            cut.append(f"the first {figures.MOST_COLUMNS} of {len(columns)} columns")
        cells = [(c, i, j) for i, row in enumerate(content["values"]) for j, c in enumerate(row) if c != UNDEFINED]
        peak = ""
        if cells:
            value, row, column = max(cells)
            unit = f" {line(content['unit'], 60)}" if content["unit"] else ""
            peak = f"Highest: {shown(value)}{unit} at {line(str(rows[row]), 60)}, {line(str(columns[column]), 60)}."
        alt = f"Grid of {len(rows)} by {len(columns)} numbers. {peak}"
        return {"drawing": drawing, "colors": colors, "peak": peak, "alt": alt, "cut": _cut(cut)}


def _cell(cell: Any) -> dict[str, Any]:
    if isinstance(cell, bool):
        return {"text": "yes" if cell else "no", "number": False, "exact": "", "missing": False}
    if isinstance(cell, int):
        return {"text": str(cell), "number": True, "exact": str(cell), "missing": False}
    if isinstance(cell, float):
        return {"text": shown(cell), "number": True, "exact": exact(cell), "missing": False}
    missing = cell == UNDEFINED
    return {"text": line(str(cell), 400), "number": missing, "exact": "", "missing": missing}


def _cut(parts: list[str]) -> str:
    return f"Shown: {' and '.join(parts)}. The file beside the report has all." if parts else ""
