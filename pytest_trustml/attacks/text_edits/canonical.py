"""Undoing the edits that nobody sees: one spelling for everything that looks alike."""

from __future__ import annotations

import re
import unicodedata

HOMOGLYPHS = dict(
    zip(
        "acdehijlopqsuvwxyABCEHIJKMNOPSTXYZ",
        "асԁеһіјӏорԛѕυνԝхуАВСЕНІЈКМΝОРЅТХΥΖ",
        strict=True,
    )
)
"""Latin letters and the Cyrillic or Greek letter that looks the same in most fonts."""

CONFUSABLES = {look: letter for letter, look in HOMOGLYPHS.items()} | dict(
    zip(
        "αοριкγΑΒΕΗΙΚΜΟΡΤΧУІıɑɡøØđĐłŁħĦŧŦ",
        "aopikyABEHIKMOPTXYIiagoOdDlLhHtT",
        strict=True,
    )
)
"""What `canonicalise` reads as which Latin letter, after compatibility decomposition."""

_TABLE = str.maketrans(CONFUSABLES)

# Combining marks that belong to no script: those of Indic, Thai, Hebrew or Arabic spelling are letters of their own and stay.
_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
# Unicode's Default_Ignorable_Code_Point: what is never drawn.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_DROPPED = re.compile(f"[{_MARKS}{_INVISIBLE}]+")


def canonicalise(text: str) -> str:
    """One spelling for every text that looks the same: put it in front of a detector to stop invisible evasion.

    Compatibility forms are folded (NFKC: full-width and mathematical letters, ligatures), characters that are never drawn and
    diacritics are dropped, and Cyrillic and Greek letters that look like Latin ones become Latin. Inserted spaces, punctuation,
    digits for letters and misspellings are visible and stay. Text in Cyrillic or Greek loses the difference as well, so train
    and run the detector on canonical text alike.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Canonicalising it once more changes nothing.

    References
    ----------
    Unicode Standard Annex 15 (normal forms) and Technical Standard 39, section 4 (confusables).

    Examples
    --------
    >>> canonicalise("you st\\u200bup\\u0456d mu\\u0301ppet"), canonicalise("Ｆｕｌｌ ﬁne"), canonicalise("st upid 5tupid")
    ('you stupid muppet', 'Full fine', 'st upid 5tupid')
    """
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", _DROPPED.sub("", decomposed).translate(_TABLE))
