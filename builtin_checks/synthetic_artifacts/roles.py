"""The sets that the checks need: texts and summaries of known origin, and models that somebody trained on them."""

from __future__ import annotations

import pytest_trustml as tm

_TEXT = ("content", "body", "sentence", "document", "post", "tweet")
_LABEL = ("class", "category", "intent", "target", "topic")

REAL = tm.Role(
    name="real_texts",
    help="labelled texts known to be written by people, of the task of the audited model but not its training data",
    columns={"text": "one text", "label": "its class, by the name that the model gives it"},
    aliases={"text": _TEXT, "label": _LABEL},
)
SYNTHETIC = tm.Role(
    name="synthetic_texts",
    help="labelled texts of the same task known to be written by a language model; a column generator names which",
    columns={"text": "one text", "label": "the class that it was written for"},
    aliases={"text": _TEXT, "label": _LABEL},
)
REFERENCES = tm.Role(
    name="reference_models",
    help="models of the audited one's kind whose training data are known: spec, origin (real or synthetic), optionally share",
    columns={"spec": "a model spec, such as a directory", "origin": "real, or synthetic if any training text was synthetic"},
    aliases={"spec": ("model", "path"), "origin": ("source",)},
)
REAL_PAIRS = tm.Role(
    name="real_pairs",
    help="documents with summaries known to be written by people",
    columns={"document": "what is summarised", "summary": "a person's summary"},
    aliases={"document": ("article", "source", "text"), "summary": ("highlights", "target", "reference")},
)
SYNTHETIC_PAIRS = tm.Role(
    name="synthetic_pairs",
    help="documents with summaries known to be written by a language model; a column generator names which",
    columns={"document": "what is summarised", "summary": "a language model's summary"},
    aliases={"document": ("article", "source", "text"), "summary": ("highlights", "target", "generated")},
)
