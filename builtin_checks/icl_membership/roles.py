"""The demonstrations, and the options that both checks share."""

from __future__ import annotations

import pytest_trustml as tm
from builtin_checks.icl_membership.prompt import Format

DEMONSTRATIONS = tm.Role(
    name="demonstrations",
    help="the labelled records from which the demonstrations of prompts are taken; optional column: replacement (what stands "
    "in the prompt instead of the text, such as a paraphrase or a synthetic record)",
    columns={"text": "one record", "label": "its label"},
    aliases={"text": ("question", "content", "prompt"), "label": ("category", "answer", "intent")},
)


def read_format(data: tm.Dataset, instruction: str, record: str, separator: str, labels: str, rule: bool) -> Format:
    """The prompt's format from the options; labels are those of the data unless they are named."""
    found = [label.strip() for label in labels.split(",") if label.strip()]
    known = sorted({str(label).strip() for label in data.column("label")})
    strange = [label for label in known if found and label not in found]
    if strange:
        raise tm.UsageError(
            f"The demonstrations have the label {strange[0]!r}, which the option labels ({', '.join(found)}) does not name."
        )
    unescaped = {"record": record.replace("\\n", "\n"), "separator": separator.replace("\\n", "\n")}
    return Format(instruction=instruction, labels=tuple(found or known), rule=rule, **unescaped).checked()
