"""WordNet as Princeton ships it: a folder with index and data files, read as they are."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

from pytest_trustml.errors import DataError

PARTS = ("noun", "verb", "adj", "adv")

# Endings to take off, and what stands there in the dictionary: morphy(7WN), "Rules of Detachment".
_ENDINGS = {
    "noun": "s: ses:s xes:x zes:z ches:ch shes:sh men:man ies:y",
    "verb": "s: ies:y es:e es: ed:e ed: ing:e ing:",
    "adj": "er: est: er:e est:e",
    "adv": "",
}
_RULES = {part: [tuple(rule.split(":")) for rule in rules.split()] for part, rules in _ENDINGS.items()}


class WordNet:
    """Synonyms and parts of speech from a WordNet folder.

    Parameters
    ----------
    folder : str or Path
        The ``dict`` folder: ``index.noun``, ``data.noun`` and the same for verb, adj and adv; ``noun.exc`` and the like for
        irregular forms if they are there.

    Raises
    ------
    DataError
        If a file is missing or is not in WordNet's format.

    References
    ----------
    Princeton University, wndb(5WN): format of the database files.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        missing = [f"{kind}.{part}" for part in PARTS for kind in ("index", "data") if not self._file(kind, part).is_file()]
        if missing:
            raise DataError(
                f"{self._folder} is not a WordNet folder: {', '.join(missing)} missing. Name the folder dict of WordNet 3."
            )
        self._index = functools.cache(self._read_index)
        self._irregular = functools.cache(self._read_irregular)
        self._synsets = functools.lru_cache(maxsize=2**16)(self._read_synset)

    def __call__(self, word: str) -> list[str]:
        """The single words that share a synset with ``word``: most frequent senses first, nouns before verbs.

        Inflected words are looked up by their dictionary form, and synonyms come in theirs.
        """
        word = word.lower()
        found: dict[str, None] = {}
        for part in PARTS:
            for lemma in self._lemmas(word, part):
                for offset in self._index(part)[lemma]:
                    own = {word, lemma}
                    found.update((other, None) for other in self._synsets(part, offset) if other.lower() not in own)
        return list(found)

    def parts(self, word: str) -> set[str]:
        """The parts of speech that a word can have: some of noun, verb, adj, adv."""
        return {part for part in PARTS if any(True for _ in self._lemmas(word.lower(), part))}

    def _file(self, kind: str, part: str) -> Path:
        return self._folder / f"{kind}.{part}"

    def _lemmas(self, word: str, part: str) -> Iterator[str]:
        index = self._index(part)
        guesses = [word, *self._irregular(part).get(word, ())]
        guesses += [
            word[: -len(ending)] + start for ending, start in _RULES[part] if word.endswith(ending) and len(word) > len(ending)
        ]
        yield from dict.fromkeys(guess for guess in guesses if guess in index)

    def _read_index(self, part: str) -> dict[str, tuple[int, ...]]:
        """Lemma to the places of its synsets in the data file."""
        table = {}
        path = self._file("index", part)
        with path.open(encoding="utf-8", errors="strict") as lines:
            for number, line in enumerate(lines, 1):
                if line.startswith(" "):  # the licence
                    continue
                fields = line.split()
                try:
                    senses = int(fields[2])
                    if senses < 1 or len(fields) < 6 + senses:
                        raise ValueError
                    table[fields[0]] = tuple(int(field) for field in fields[-senses:])
                except (ValueError, IndexError):
                    raise DataError(f"{path}, line {number}: not a line of a WordNet index: {line[:60]!r}.") from None
        return table

    def _read_irregular(self, part: str) -> dict[str, tuple[str, ...]]:
        path = self._folder / f"{part}.exc"
        if not path.is_file():
            return {}
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        return {row[0]: tuple(row[1:]) for row in rows if row}

    def _read_synset(self, part: str, offset: int) -> tuple[str, ...]:
        """The single words of one synset."""
        path = self._file("data", part)
        with path.open("rb") as file:
            file.seek(offset)
            fields = file.readline().decode("utf-8", "replace").split()
        try:
            if int(fields[0]) != offset:
                raise ValueError
            words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
        except (ValueError, IndexError):
            raise DataError(f"{path} has no synset at byte {offset}: index and data are of different releases.") from None
        # Adjectives carry where they may stand: galore(ip).
        return tuple(bare for bare in (word.partition("(")[0] for word in words) if bare and "_" not in bare)
