from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_trustml.attacks.text_edits.candidates import Spot, in_the_capitals_of
from pytest_trustml.attacks.text_edits.edits import Draw
from pytest_trustml.attacks.text_edits.synonyms import open_synonyms
from pytest_trustml.attacks.text_edits.vectors import WordVectors
from pytest_trustml.attacks.text_edits.wordnet import WordNet
from pytest_trustml.errors import DataError, UsageError

LICENCE = "  1 This software and database is being provided to you  \n"
SYNSETS = {
    "noun": [["muppet", "fool", "silly_person"], ["person", "individual"]],
    "verb": [["fool", "gull"], ["person"]],
    "adj": [["stupid", "dim(a)", "slow-witted"], ["London", "dull"]],
    "adv": [["well"]],
}


def save_wordnet(folder: Path) -> Path:
    """A small WordNet in the format of wndb(5WN): offsets are bytes, counts of words hexadecimal."""
    for part, synsets in SYNSETS.items():
        data, index = LICENCE.encode(), {}
        for words in synsets:
            for word in words:
                index.setdefault(word.partition("(")[0].lower(), []).append(len(data))
            spelled = " ".join(f"{word} 0" for word in words)
            data += f"{len(data):08d} 18 {part[0]} {len(words):02x} {spelled} 001 @ 00001740 n 0000 | glossed ö\n".encode()
        (folder / f"data.{part}").write_bytes(data)
        lines = [
            f"{lemma} {part[0]} {len(places)} 1 @ {len(places)} 0 {' '.join(f'{place:08d}' for place in places)}  \n"
            for lemma, places in sorted(index.items())
        ]
        (folder / f"index.{part}").write_text(LICENCE + "".join(lines))
    (folder / "noun.exc").write_text("people person\n")
    return folder


def test_wordnet_gives_single_words_of_all_senses(tmp_path: Path):
    net = WordNet(save_wordnet(tmp_path))
    assert net("fool") == ["muppet", "gull"]  # the noun before the verb; silly_person is two words
    assert net("stupid") == ["dim", "slow-witted"]  # without the marker of where the adjective stands
    assert net("London") == net("london") == ["dull"]
    assert net("table") == []


def test_wordnet_finds_inflected_words(tmp_path: Path):
    net = WordNet(save_wordnet(tmp_path))
    assert net("muppets") == ["fool"]
    assert net("people") == ["individual"]  # from the list of irregular forms
    assert net("fooling") == net("fooled") == ["gull"]
    assert net("dullest") == ["London"]


def test_wordnet_knows_parts_of_speech(tmp_path: Path):
    net = WordNet(save_wordnet(tmp_path))
    assert net.parts("Fool") == {"noun", "verb"}
    assert net.parts("stupid") == {"adj"}
    assert net.parts("zzz") == set()


def test_two_folders_are_two_wordnets(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = WordNet(save_wordnet(tmp_path / "a")), WordNet(save_wordnet(tmp_path / "b"))
    assert one("fool") == other("fool")
    (tmp_path / "b" / "index.verb").write_text(LICENCE)
    assert WordNet(tmp_path / "b")("fool") == ["muppet"]


def test_a_folder_that_is_no_wordnet(tmp_path: Path):
    with pytest.raises(DataError, match=r"index\.noun, data\.noun.* missing"):
        WordNet(tmp_path)
    save_wordnet(tmp_path)
    (tmp_path / "index.adj").write_text("stupid a x\n")
    with pytest.raises(DataError, match=r"index\.adj, line 1"):
        WordNet(tmp_path)("stupid")
    save_wordnet(tmp_path)
    (tmp_path / "data.adj").write_text(" " * 500)
    with pytest.raises(DataError, match="no synset at byte"):
        WordNet(tmp_path)("stupid")


TABLE = {"stupid": (1, 0), "silly": (0.8, 0.6), "daft": (0.96, 0.28), "table": (0, 1), "smart": (-1, 0), "nothing": (0, 0)}


def test_vectors_as_text_and_as_arrays(tmp_path: Path):
    rows = "".join(f"{word} {x} {y}\n" for word, (x, y) in TABLE.items())
    (tmp_path / "glove.txt").write_text(rows)
    (tmp_path / "word2vec.vec").write_text(f"{len(TABLE)} 2\n" + rows)
    np.savez(tmp_path / "vectors.npz", words=np.array(list(TABLE)), vectors=np.array(list(TABLE.values())))
    for name in ("glove.txt", "word2vec.vec", "vectors.npz"):
        near = open_synonyms(tmp_path / name)
        assert near("stupid") == ["daft", "silly"]  # by falling cosine: .96, .8
        assert near("table") == ["silly"]
        assert near("nothing") == near("unknown") == []
    assert WordVectors.read(tmp_path / "glove.txt", most=1)("stupid") == ["daft"]
    assert WordVectors.read(tmp_path / "glove.txt", least_cosine=-1)("stupid")[-1] == "smart"


def test_vectors_that_are_none(tmp_path: Path):
    path = tmp_path / "vectors.txt"
    for text, words in (
        ("stupid 1 0\nsilly 1\n", "line 2: 1 fields after 'silly'"),
        ("stupid 1 x\n", "line 1"),
        ("stupid\n", "line 1"),
        ("", "0 words"),
        ("stupid nan 1\n", "finite"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=words):
            open_synonyms(path)
    np.savez(tmp_path / "bad.npz", words=np.array(["stupid"], object), vectors=np.ones((1, 2)))
    with pytest.raises(DataError, match="no word vectors"):
        open_synonyms(tmp_path / "bad.npz")
    with pytest.raises(UsageError, match="least_cosine"):
        WordVectors(["a"], [[1.0]], least_cosine=2)


def test_sources_that_cannot_be_meant(tmp_path: Path):
    with pytest.raises(UsageError, match="There is no"):
        open_synonyms(tmp_path / "absent")
    with pytest.raises(UsageError, match="Give a list of words"):
        open_synonyms({"stupid": "silly"})
    with pytest.raises(UsageError, match="found a list"):
        open_synonyms(["silly"])


def test_a_function_is_a_source():
    assert open_synonyms(lambda word: [word[::-1]])("abc") == ["cba"]


def test_capitals_are_kept():
    assert in_the_capitals_of("I", "me") == "Me"
    assert in_the_capitals_of("McStupid", "silly") == "silly"
    assert Spot("x", 0, Draw(0, "t")).choose("p", 1) == 0
