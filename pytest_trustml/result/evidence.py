"""Where a report keeps what people would rather look at than read."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["table", "text", "image", "gallery", "curve", "heatmap"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One file beside the report: a table, a text, an image, a gallery of captioned images, a curve or a heat map.

    ``path`` is relative to the report folder, ``sha256`` the digest of the file's bytes. ``sensitive`` content (training
    texts, harmful prompts, model output) is folded away in the report until somebody opens it. What was ``withheld`` on
    request has no file and an empty path: the digest alone names it.
    """

    kind: Kind
    path: str
    sha256: str
    caption: str
    sensitive: bool = False
    withheld: bool = False
