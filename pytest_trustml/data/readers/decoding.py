"""Text files as lines of UTF-8, whatever wrote them."""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path

from pytest_trustml.errors import DataError
from pytest_trustml.result.plain import line

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path, origin: str) -> str:
    """The text of a file, gzip or not, without byte order mark; line ends are left as they are."""
    data = path.read_bytes()
    if path.suffix.lower() == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{line(origin)} is not a whole gzip file: {line(str(error))}. Fetch or pack it again.") from None
    data = data.removeprefix(codecs.BOM_UTF8)
    if data.startswith(_WIDE):
        raise DataError(f"{line(origin)} is UTF-16. Data must be UTF-8: save it again with that encoding.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{line(origin)}, line {number} is not UTF-8 (byte 0x{data[error.start]:02x}). Data must be UTF-8: save the "
            "file again with that encoding."
        ) from None


def lines(text: str) -> list[tuple[int, str]]:
    r"""Numbered lines without their ends, blank ones left out. Only line feeds end a line, as JSON text may hold other breaks.

    >>> lines("a\r\n\n  \nb\u2028c")
    [(1, 'a'), (4, 'b\u2028c')]
    """
    numbered = ((number, content.removesuffix("\r")) for number, content in enumerate(text.split("\n"), 1))
    return [(number, content) for number, content in numbered if content.strip()]
