"""The parts that data plays in a check: training members, harmful prompts, held-out pairs."""

from __future__ import annotations

import msgspec


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A part that a data set plays, e.g. ``harmful_prompts``.

    ``columns`` are the columns that every row must have, with what each holds; ``aliases`` are names under which well-known
    data sets carry the same column. ``default`` is the spec of a data set that ships with the family, if there is one.
    """

    name: str
    help: str = ""
    columns: dict[str, str] = {}
    aliases: dict[str, tuple[str, ...]] = {}
    default: str | None = None


_LABELLED = {"label": "the true class, by its name or its number in the model"}
_ALSO_LABELS = {"label": ("class", "target", "y", "labels")}

MEMBERS = Role(
    name="members",
    help="records that the classifier was trained on, or a random sample of them: a label and a text (column text) or a "
    "picture (column image, or a folder of pictures)",
    columns=_LABELLED,
    aliases=_ALSO_LABELS,
)
"""Labelled training records of a classifier. Families share it, so that a release names its data once."""
NONMEMBERS = Role(
    name="nonmembers",
    help="records from the same source that were left out of the training at random; 100 at least",
    columns=_LABELLED,
    aliases=_ALSO_LABELS,
)
"""Labelled records of the same source that the classifier was not trained on."""
POPULATION = Role(
    name="population",
    help="further records of the same source that no model was trained on, to compare with",
    columns=_LABELLED,
    aliases=_ALSO_LABELS,
)
"""Labelled records that neither the classifier nor a reference model was trained on."""
