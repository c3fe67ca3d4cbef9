"""The canonical spelling inside a tokenizer: what nobody sees is undone before the model reads a text, wherever it runs.

It is saved with the tokenizer, so nobody who uses the model can forget it.
"""

from __future__ import annotations

from typing import Any

LOOKALIKES = dict(
    zip(
        "асԁеһіјӏорԛѕυνԝхуαοιкγвмтнАВСЕНІЈКМΝОРЅТХΥΖΑΒΕΗΙΚΜΟΡΤΧУ",
        "acdehijlopqsuvwxyaoikybmthABCEHIJKMNOPSTXYZABEHIKMOPTXY",
        strict=True,
    )
)
"""Cyrillic and Greek letters -> the Latin letter that they are mistaken for."""

_INVISIBLE = "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
_DIGITS = dict(zip("431057", "aeiost", strict=True))


def normaliser() -> Any:
    """NFKC, no marks, no invisible characters, lower case, look-alikes, digits for letters, no points inside of words; then the
    skeleton of the text: its consonants, none twice in a row, without spaces.

    Most of what a text says is in its skeleton, and a missing, doubled or misplaced vowel, or a space anywhere, leaves it as it
    was.

    Returns
    -------
    tokenizers.normalizers.Sequence

    Examples
    --------
    >>> normaliser().normalize_str("St\\u200bup\\u0456d  mu\\u0301pp.et, 5tup1d in 1999")
    'stpdmpt,stpdn1999'
    """
    from tokenizers import Regex, normalizers

    steps = [
        normalizers.NFKC(),
        normalizers.NFD(),
        normalizers.StripAccents(),
        normalizers.Replace(Regex(_INVISIBLE), ""),
        *(normalizers.Replace(look, letter) for look, letter in LOOKALIKES.items()),
        normalizers.Lowercase(),
        # From both sides, twice, because a run of digits is reached from its ends: l047h3, 5tup1d.
        *(
            normalizers.Replace(Regex(f"(?<=[a-z]){digit}|{digit}(?=[a-z])"), letter)
            for _ in range(2)
            for digit, letter in _DIGITS.items()
        ),
        normalizers.Replace(Regex(r"(?<=[a-z])[.\-_*·](?=[a-z])"), ""),
        normalizers.Replace(Regex(r"\s+"), ""),
        normalizers.Replace(Regex("(?<=[a-z])[aeiou]"), ""),
        normalizers.Replace(Regex(r"([a-z])(?=\1)"), ""),
    ]
    return normalizers.Sequence(steps)
