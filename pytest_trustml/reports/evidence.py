"""What a check shows, kept as files beside the report: named by their content, verified when they are read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_trustml.errors import UsageError
from pytest_trustml.reports.pictures import png
from pytest_trustml.reports.storage import write
from pytest_trustml.reports.strict import UNDEFINED, sound, strict_value
from pytest_trustml.result.comparison import Examples
from pytest_trustml.result.evidence import Evidence, Kind

FOLDER = "evidence"
EXAMPLES = "examples"
_LARGEST = 64 * 1024 * 1024
_OURS = re.compile(r"(table|text|image|gallery|curve|heatmap)-[0-9a-f]{32}\.(json|txt|png)")


class EvidenceStore:
    """Writes evidence files under ``folder/evidence``. Equal content is one file, however many processes write it.

    Parameters
    ----------
    folder : Path
        The report folder. It is made with the first piece of evidence.
    redact : bool
        Write nothing that is sensitive, and no text and no picture at all: only their digests are told.
    quotes : callable, optional
        Tells whether words quote the data or the model. A piece that does is sensitive, whatever the check said of it.

    Examples
    --------
    >>> import tempfile
    >>> store = EvidenceStore(Path(tempfile.mkdtemp()))
    >>> shown = store.table(["prompt", "answered"], [["How do I …", True]], caption="Answered after fine-tuning")
    >>> shown.kind, shown.path.startswith("evidence/table-"), load(store.folder, shown).problem
    ('table', True, '')
    """

    def __init__(
        self, folder: Path | str, *, redact: bool = False, quotes: Callable[[str], bool] = lambda words: False
    ) -> None:
        self.folder = Path(folder)
        self.redact = redact
        self._quotes = quotes

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str, sensitive: bool = False
    ) -> Evidence:
        """Keep a table. A cell is a word, a number, true or false; NaN and None become ``undefined``."""
        names = [sound(str(column)) for column in columns]
        kept = []
        for index, row in enumerate(rows):
            if len(row) != len(names):
                raise UsageError(f"Row {index} of the table {caption!r} has {len(row)} cells for {len(names)} columns.")
            kept.append([_cell(cell, f"row {index} of the table {caption!r}") for cell in row])
        return self._listing("table", {"columns": names, "rows": kept}, caption, sensitive)

    def text(self, text: str, *, caption: str, sensitive: bool = False) -> Evidence:
        """Keep a text as it is; only lone surrogates, which no file can hold, become escapes."""
        return self._keep("text", "txt", sound(text).encode(), caption, sensitive or self._quotes(text))

    def image(self, image: Any, *, caption: str, sensitive: bool = False) -> Evidence:
        """Keep a PIL picture or an array, (height, width) or (height, width, channels), uint8 or float from 0 to 1."""
        return self._keep("image", "png", png(image), caption, sensitive)

    def gallery(self, items: Sequence[tuple[Any, str]], *, caption: str, sensitive: bool = False) -> Evidence:
        """Keep several pictures, each with its own caption."""
        sensitive = sensitive or self._quotes("\n".join(words for _, words in items))
        kept = [self.image(image, caption=words, sensitive=sensitive) for image, words in items]
        listing = [{"path": item.path, "sha256": item.sha256, "caption": sound(item.caption)} for item in kept]
        return self._listing("gallery", {"items": listing}, caption, sensitive)

    def curve(
        self,
        series: Mapping[str, tuple[Any, Any]],
        xlabel: str,
        ylabel: str,
        *,
        caption: str,
        log: bool | str = False,
        sensitive: bool = False,
    ) -> Evidence:
        """Keep one or several curves, name -> (x, y).

        Parameters
        ----------
        series : mapping of str to (array, array)
            Each array of shape (points,). NaN leaves a gap.
        log : False, 'x', 'y' or 'xy'
            Axes that are logarithmic.
        """
        axes = "xy" if log is True else (log or "")
        if axes not in ("", "x", "y", "xy"):
            raise UsageError(f"The curve {caption!r} has log={log!r}. Use False, 'x', 'y' or 'xy'.")
        kept = []
        for name, (x, y) in series.items():
            across, up = strict_value(list(x)), strict_value(list(y))
            if len(across) != len(up):
                raise UsageError(f"The series {name!r} of the curve {caption!r} has {len(across)} x for {len(up)} y.")
            kept.append({"name": sound(str(name)), "x": across, "y": up})
        content = {"series": kept, "xlabel": sound(xlabel), "ylabel": sound(ylabel), "log": axes}
        return self._listing("curve", content, caption, sensitive)

    def heatmap(
        self,
        values: Any,
        rows: Sequence[Any],
        columns: Sequence[Any],
        unit: str = "",
        *,
        caption: str,
        sensitive: bool = False,
    ) -> Evidence:
        """Keep a grid of numbers, shape (rows, columns), with a name for each row and column. NaN stays an empty cell."""
        grid = [strict_value(list(row)) for row in values]
        if len(grid) != len(rows) or any(len(row) != len(columns) for row in grid):
            widths = sorted({len(row) for row in grid})
            raise UsageError(
                f"The heat map {caption!r} has {len(grid)} rows of {widths} cells for {len(rows)} row names and "
                f"{len(columns)} column names. Give one name for each."
            )
        names = {"rows": [sound(str(row)) for row in rows], "columns": [sound(str(column)) for column in columns]}
        return self._listing("heatmap", {"values": grid, **names, "unit": sound(unit)}, caption, sensitive)

    def examples(self, keys: Sequence[str], values: Any, clusters: Any = None) -> Examples:
        """Keep what every single example measured, so that the next release can be compared on the same ones.

        Parameters
        ----------
        keys : sequence of str, length n
            `Dataset.keys` of the rows: hashes.
        values : array of float, shape (n,)
            Their mean is the value of the measurement.
        clusters : array of int, shape (n,), optional
            Which examples depend on each other.
        """
        content = {"kind": "examples", "keys": list(keys), "values": [float(value) for value in values]}
        if clusters is not None:
            content["clusters"] = [int(code) for code in clusters]
        encoded = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
        digest = hashlib.sha256(encoded).hexdigest()
        path = f"{EXAMPLES}/examples-{digest[:32]}.json"
        write(self.folder / path, encoded)
        return Examples(path=path, sha256=digest, n=len(keys))

    def _listing(self, kind: Kind, content: dict[str, Any], caption: str, sensitive: bool) -> Evidence:
        text = json.dumps({"kind": kind, **content}, ensure_ascii=False, allow_nan=False, indent=1)
        return self._keep(kind, "json", text.encode(), caption, sensitive or self._quotes("\n".join(_words(content))))

    def _keep(self, kind: Kind, ending: str, content: bytes, caption: str, sensitive: bool) -> Evidence:
        digest = hashlib.sha256(content).hexdigest()
        if self.redact and (sensitive or kind in ("text", "image", "gallery")):
            return Evidence(kind=kind, path="", sha256=digest, caption=sound(caption), sensitive=True, withheld=True)
        path = f"{FOLDER}/{kind}-{digest[:32]}.{ending}"
        write(self.folder / path, content)
        return Evidence(kind=kind, path=path, sha256=digest, caption=sound(caption), sensitive=sensitive)


def forget(folder: Path | str) -> None:
    """Remove the evidence files of earlier runs: a redacted report must not lie beside what it withholds.

    Only files that are named as this store names them are removed.
    """
    places = [path for path in (Path(folder) / FOLDER).glob("*") if _OURS.fullmatch(path.name)]
    for path in places:
        path.unlink(missing_ok=True)


def _words(content: Any) -> Iterator[str]:
    """Every text in nested lists and dicts."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for name, entry in content.items():
            yield from (name, *_words(entry))
    elif isinstance(content, list):
        for entry in content:
            yield from _words(entry)


def _cell(cell: Any, where: str) -> str | int | float | bool:
    """One table cell, or an error that names it."""
    value = strict_value(cell) if cell is None or hasattr(cell, "tolist") or isinstance(cell, str | int | float) else cell
    if isinstance(value, str | int | float):
        return value
    raise UsageError(
        f"A table cell is a word, a number, true or false. In {where} stands a {type(cell).__name__}. Write it as words."
    )


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence read back: its content (dict, text or PNG bytes), or the problem in one sentence."""

    content: Any = None
    problem: str = ""


def load(folder: Path | str, evidence: Evidence) -> Loaded:
    """Read one piece of evidence and verify that it is what the check wrote. Never raises: a report says what is wrong.

    Parameters
    ----------
    folder : Path
        The report folder; nothing outside of it is read.
    evidence : Evidence

    Returns
    -------
    Loaded
        ``content`` is a dict (table, gallery, curve, heatmap), a str (text) or bytes (image); undefined numbers are the
        word ``undefined``. ``problem`` is empty if all is well.
    """
    root = Path(folder)
    try:
        path = (root / evidence.path).resolve()
        if not path.is_relative_to(root.resolve()):
            return Loaded(problem="The file lies outside of the report folder and was not read.")
        if path.stat().st_size > _LARGEST:
            return Loaded(problem="The file is larger than any evidence and was not read.")
        content = path.read_bytes()
    except FileNotFoundError:
        return Loaded(problem="The file is missing.")
    except (OSError, ValueError) as problem:
        return Loaded(problem=f"The file could not be read: {getattr(problem, 'strerror', None) or problem}.")
    if hashlib.sha256(content).hexdigest() != evidence.sha256:
        return Loaded(problem="The file is not what the check wrote: its digest differs. It is not shown.")
    if evidence.kind == "image":
        return Loaded(content=content)
    try:
        text = content.decode()
        return Loaded(content=text if evidence.kind == "text" else _listed(text, evidence.kind))
    except (ValueError, RecursionError):
        return Loaded(problem="The file cannot be read as what it claims to be.")


def _listed(text: str, kind: str) -> dict[str, Any]:
    content = json.loads(text, parse_constant=lambda word: UNDEFINED)
    if not isinstance(content, dict) or content.get("kind") != kind:
        raise ValueError(kind)
    return content
