"""The sets of pictures that the checks of the family need. A column ``embedding`` may stand in for ``image`` in all of them."""

from __future__ import annotations

import pytest_trustml as tm

_NAMED = {"identity": "label of the person, the same word in all sets"}
_ALIASES = {"identity": ("label", "person", "name", "subject", "class", "artist")}
_ROLES = {
    "protected_images": (
        "the protected pictures as they are published: a column image (or embedding) and identity; original (the id of the "
        "clean picture that it was made from) and detected (whether a face is found) are used where they are there",
        _NAMED,
    ),
    "gallery_images": (
        "the tracker's gallery: image (or embedding) and identity, of 100 people or more besides the protected ones; entries "
        "under the name of a protected person are what the tracker knows of that person",
        _NAMED,
    ),
    "clean_images": ("unprotected pictures of the protected people: image (or embedding) and identity; 2 or more each", _NAMED),
    "stranger_images": ("pictures of other people that the tracker meets in the same stream: image (or embedding)", {}),
}

ROLES = {
    name: tm.Role(name=name, help=help, columns=columns, aliases=_ALIASES if columns else {})
    for name, (help, columns) in _ROLES.items()
}
"""Role name -> role."""

PROTECTED, GALLERY = ROLES["protected_images"], ROLES["gallery_images"]
CLEAN, STRANGERS = ROLES["clean_images"], ROLES["stranger_images"]
