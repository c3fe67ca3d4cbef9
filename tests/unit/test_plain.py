"""Hostile text is shown, never obeyed."""

from __future__ import annotations

import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.result.plain import line, plain

anything = st.text(st.characters(categories=None) | st.sampled_from(":#[\r\n\x1b\u202e"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("::error file=x::y", ": :error file=x: :y"),
        (":::::", ": : : : :"),
        ("##[group]", "## [group]"),
        ("a\r\nb\rc", "a\nb\\rc"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\u061cx", "\\u061cx"),
        ("\U000e0041", "\\U000e0041"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\ud800", "\\ud800"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("Grüße 你好 🙂", "Grüße 你好 🙂"),
    ],
)
def test_what_is_obeyed_elsewhere_is_only_shown(text, shown):
    assert plain(text) == shown


@given(anything)
def test_nothing_is_left_that_a_terminal_a_parser_or_a_log_obeys(text):
    shown = plain(text)
    assert "::" not in shown
    assert "##[" not in shown
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert not [
        c for c in shown if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI")
    ]
    shown.encode("utf-8")
    element = ElementTree.Element("a")
    element.text = shown
    assert ElementTree.fromstring(ElementTree.tostring(element)).text == (shown or None)
    assert plain(shown) == shown


@given(anything, st.integers(1, 30))
def test_a_line_is_one_line_of_limited_length(text, limit):
    shown = line(text, limit)
    assert len(shown.splitlines()) <= 1
    assert len(plain(text[:limit])) <= 10 * limit
    if len(text) <= limit:
        assert "…" not in shown or "…" in text


def test_long_text_is_cut_visibly():
    assert plain("abcdef", 3) == "abc…"
    assert plain("abc", 3) == "abc"
    assert line("a\nb\tc\r\nd") == "a⏎b c⏎d"
