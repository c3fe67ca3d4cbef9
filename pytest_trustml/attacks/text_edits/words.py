"""A text as words: what may be edited in it, and how it is put together again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

STOPLIST = frozenset(
    """
    a an the and but or nor if so than that this these those there here who whom whose which what when where why how
    i me my we us our you your yours he him his she her hers it its they them their theirs am is are was were be been
    being do does did done has have had having will would shall should can could may might must not no never of in on
    at by for from with without into over about after before because while until to up down out off as then just also
    """.split()
)
"""A hundred function words: editing them changes the grammar of a text, not what it is about."""

_PROTECTED = re.compile(
    r"\w://"  # a URL with its scheme
    r"|(?:^|\W)(?:www\.|mailto:)\w"
    r"|\w\.(?:com|org|net|edu|gov|info|io|co)\b"  # a bare domain
    r"|(?:^|\W)[@#]\w"  # a mention or a hashtag
    r"|\w@\w+\.\w",  # a mail address
    re.IGNORECASE,
)


class Words:
    """A text cut into its words, the maximal runs without white space, and the gaps around them.

    Examples
    --------
    >>> cut = Words("  you  muppet! ")
    >>> cut.words, cut.gaps
    (['you', 'muppet!'], ['  ', '  ', ' '])
    >>> cut.around(cut.words, 1)
    ('  you  ', ' ')
    >>> cut.without(0)
    '  muppet! '
    """

    def __init__(self, text: str) -> None:
        parts = re.split(r"(\S+)", text)
        self.words: list[str] = parts[1::2]
        self.gaps: list[str] = parts[0::2]

    def __len__(self) -> int:
        return len(self.words)

    def joined(self, words: Sequence[str]) -> str:
        """The text with other spellings of its words, in the same gaps."""
        return "".join(piece for pair in zip(self.gaps, [*words, ""], strict=True) for piece in pair)

    def around(self, words: Sequence[str], index: int) -> tuple[str, str]:
        """What stands before and after one word, so that many spellings of it can be tried."""
        head = "".join(piece for pair in zip(self.gaps, words[:index], strict=False) for piece in pair) + self.gaps[index]
        tail = "".join(piece for pair in zip(self.gaps[index + 1 :], [*words[index + 1 :], ""], strict=True) for piece in pair)
        return head, tail

    def without(self, index: int, words: Sequence[str] | None = None) -> str:
        """The text without one word and without the gap before it; the first word takes the gap behind it along."""
        kept = list(self.words if words is None else words)
        gaps = list(self.gaps)
        del kept[index]
        del gaps[index if index else min(1, len(gaps) - 1)]
        return "".join(piece for pair in zip(gaps, [*kept, ""], strict=True) for piece in pair)


def core(word: str) -> tuple[int, int]:
    """Where a word begins and ends without the punctuation, symbols and control characters at its edges.

    >>> core('"muppet!"'), core("don't"), core("...")
    ((1, 7), (0, 5), (3, 3))
    """
    first, last = 0, len(word)
    while first < last and unicodedata.category(word[first])[0] in "PSC":
        first += 1
    while last > first and unicodedata.category(word[last - 1])[0] in "PSC":
        last -= 1
    return first, last


def protected(word: str) -> bool:
    """Whether a word holds a URL, a domain, a mail address, a mention or a hashtag, which must stay as they are.

    >>> [protected(word) for word in ("(https://x.org/a)", "@friend,", "#fun", "b@stard", "me@home.net", "end.Then")]
    [True, True, True, False, True, False]
    """
    return _PROTECTED.search(word) is not None


def eligible(word: str, least_letters: int = 4, stopwords: frozenset[str] = STOPLIST) -> bool:
    """Whether a word may be edited: enough letters, not a function word, not protected.

    >>> [eligible(word) for word in ("muppet!", "They", "cat", "@muppet", "1234")]
    [True, False, False, False, False]
    """
    first, last = core(word)
    kernel = word[first:last]
    if sum(map(str.isalpha, kernel)) < least_letters or kernel.lower() in stopwords:
        return False
    return not protected(word)
