"""The table ``[icl]`` of ``trustml.toml``: the prompt that is deployed around a model, in the words of those who deploy it."""

from __future__ import annotations

from typing import Any

from pytest_trustml.errors import UsageError, unknown

FAMILY = "icl_membership"
KINDS = {
    "demonstrations": (str, dict), "template": str, "instruction": str, "separator": str, "labels": list, "shots": int,
    "chat": bool, "defences": list,
}  # fmt: skip
DEFENCES = ("data", "instruction", "output")


def read_prompt(table: dict[str, Any], origin: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the table says, as data by role and as options of the checks of prompts.

    Parameters
    ----------
    table : dict
        ``demonstrations`` (the spec of a data set), ``template`` of one demonstration, with ``{text}`` and, last, ``{label}``,
        ``instruction``, ``separator``, ``labels`` (the label words), ``shots`` (demonstrations in a prompt), ``chat``,
        ``defences`` (those in use, of `DEFENCES`).
    origin : str
        The file, for messages.

    Raises
    ------
    UsageError
        If a key or value cannot be meant.

    Examples
    --------
    >>> read_prompt({"demonstrations": "d.jsonl", "labels": ["spam", "no spam"], "shots": 8}, "trustml.toml")
    ({'demonstrations': 'd.jsonl'}, {'labels': 'spam,no spam', 'shots': 8})
    """
    for key, value in table.items():
        if key not in KINDS:
            raise UsageError(f"{origin}: {unknown('key', f'icl.{key}', tuple(f'icl.{one}' for one in KINDS))}")
        if not isinstance(value, KINDS[key]) or (isinstance(value, bool) and key != "chat"):
            raise UsageError(f"{origin}: icl.{key} is {value!r}. Write {_EXAMPLES[key]}.")
    labels = table.get("labels", [])
    bad = [label for label in labels if not isinstance(label, str) or "," in label or not label.strip()]
    if bad:
        raise UsageError(f"{origin}: icl.labels holds {bad[0]!r}. Label words are texts without commas: {_EXAMPLES['labels']}.")
    data = {"demonstrations": table["demonstrations"]} if "demonstrations" in table else {}
    options = {_OPTIONS.get(key, key): value for key, value in table.items() if key not in ("demonstrations", "defences")}
    if "labels" in table:
        options["labels"] = ",".join(labels)
    return data, options | {f"{kind}_defence": True for kind in _defences(table.get("defences", []), origin)}


def _defences(names: list[Any], origin: str) -> list[str]:
    for name in names:
        if name not in DEFENCES:
            raise UsageError(f"{origin}: {unknown('defence', str(name), DEFENCES)}")
    return names


_OPTIONS = {"template": "record"}
_EXAMPLES = {
    "demonstrations": 'demonstrations = "demonstrations.jsonl"',
    "template": r'template = "Text: {text}\nLabel: {label}"',
    "instruction": 'instruction = "Name the topic of the text."',
    "separator": r'separator = "\n\n"',
    "labels": 'labels = ["luggage", "ticket"]',
    "shots": "shots = 4",
    "chat": "chat = true",
    "defences": 'defences = ["data", "output"]',
}
