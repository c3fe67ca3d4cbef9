"""Canary strings in every input, looked for in every byte that a run leaves: nothing may sing outside of sensitive evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from pytest_trustml.result.record import decode_run

BIRDS = {
    "prompt": "Canary Prompt: how to feed a Kestrel at Dawn",
    "id": "canary-id-4711-wren",
    "category": "canary category: Ostrich",
    "label": "canarylabelheron",
    "caption": "Canary caption of a grey Shrike upon a wire",
    "picture": "canary-picture-file-puffin",
    "metadata": "canary metadata written by a Bittern",
    "answer": "Canary answer: the Nightjar sleeps by day",
    "error": "an error text about the Lapwing, kept canary",
    "neighbour": "canary neighbour of the model, a Fulmar",
    "unicode": "Канарейка поёт в клетке по утрам",
}

CHECKS = '''
"""Checks of a company that handles data as real checks do, and of one that is careless."""
import logging
import warnings
import numpy as np
import pytest_trustml as tm

PROMPTS = tm.Role(name="canary_prompts", columns={"prompt": "text", "category": "label", "label": "label"})
PICTURES = tm.Role(name="canary_pictures", columns={"image": "image", "caption": "text"})


def check(name, **more):
    return tm.check(id=f"acme.{name}", version=1, limit={"rate": tm.AtMost(0.05)}, needs=[tm.TextModel], min_n=20,
                    cost="seconds", reference="Acme (2026)", **more)


def measured(trust, bad, of):
    return trust.proportion(bad, name="rate", higher_is_safer=False, of=of, cluster=of.column("id"))


def ask(trust, model, prompts):
    answers = trust.observe(tm.generate, model, prompts, max_new_tokens=99)
    rows = list(zip(prompts.ids, prompts.column("prompt"), prompts.column("category"), answers))
    trust.table(["id", "prompt", "category", "answer"], rows, caption="answers", sensitive=True)
    return answers


@check("careful", data={"prompts": PROMPTS})
def careful(trust, model, prompts):
    """As a check should be."""
    answers = ask(trust, model, prompts)
    trust.text(answers[0], caption="an answer", sensitive=True)
    return measured(trust, [False] * len(answers), prompts)


@check("pictures", data={"pictures": PICTURES})
def pictures(trust, model, pictures):
    """Shows pictures with captions."""
    shown = list(zip(pictures.column("image"), pictures.column("caption")))
    trust.gallery(shown, caption="pictures", sensitive=True)
    trust.image(shown[0][0], caption="one picture", sensitive=True)
    names = pictures.column("file_name")
    trust.table(["file", "caption"], [[name, c] for name, (_, c) in zip(names, shown)], caption="files", sensitive=True)
    return trust.proportion([False] * 90, name="rate", higher_is_safer=False)


@check("careless", data={"prompts": PROMPTS, "pictures": PICTURES})
def careless(trust, model, prompts, pictures):
    """Quotes data and answers wherever a text can go."""
    answers = ask(trust, model, prompts)
    said, asked, kind = answers[0], prompts.column("prompt")[0], prompts.column("category")[0]
    print("printed", said, asked)
    logging.getLogger("acme").warning("logged %s", said)
    warnings.warn(f"warned of {said} and {asked!r}")
    trust.control("looks at " + kind, True, f"it said {said!r}")
    trust.table([kind, "n"], [[asked, 1], [said, 2], [prompts.ids[0], 3]], caption=f"about {said}")
    trust.text(f"it said {said}", caption=prompts.column("label")[0])
    trust.curve({kind: ([0, 1], [0, 1])}, "x", "y", caption=asked)
    trust.heatmap([[1.0]], [said], [kind], caption="grid")
    trust.gallery([(pictures.column("image")[0], pictures.column("caption")[0])], caption="a picture of " + said)
    trust.table(["layer", "share"], [["layers.3", 0.25]], caption="layers")
    details = {"said": said, "worst": prompts.ids[0], kind: 0.5, "list": [asked, "layers.3"], "judge": "phrases",
               "file": pictures.column("file_name")[0]}
    return measured(trust, [True] * len(answers), prompts).but(details=details, invalid=f"it said {said}")


@check("crashes_late", data={"prompts": PROMPTS})
def crashes_late(trust, model, prompts):
    """A bug after the model answered."""
    answers = ask(trust, model, prompts)
    asked = prompts.column("prompt")[0]
    try:
        raise KeyError(answers[0])
    except KeyError as problem:
        raise ValueError(f"no verdict in {answers[0]!r} to {asked!r}") from problem


@check("crashes_inside", data={"prompts": PROMPTS})
def crashes_inside(trust, model, prompts):
    """A bug while the model answers."""
    return trust.observe(stumble, model, prompts)


def stumble(model, batch):
    answers = model.text.generate(batch.column("prompt"), max_new_tokens=99)
    raise RuntimeError("cannot parse " + answers[-1])


@check("mistaken", data={"prompts": PROMPTS})
def mistaken(trust, model, prompts):
    """Tells the user of a mistake and quotes it."""
    raise tm.DataError(f"The prompt {prompts.column('prompt')[0]!r} is too long.")


@check("skips", data={"prompts": PROMPTS})
def skips(trust, model, prompts):
    """Skips itself and says why."""
    import pytest
    pytest.skip("nothing to do for " + prompts.column("prompt")[0])


@check("raises")
def raises(trust, model):
    """Raises an error whose words no data explains."""
    raise RuntimeError("@error@")
'''

MODEL = """
class Echo:
    fingerprint = "echo-1"

    def generate(self, prompts, **settings):
        return [f"@answer@ {prompt[::-1]}" for prompt in prompts]


def echo():
    return Echo()
"""

OWN = '''
"""Tests of the project itself."""
import pytest
import pytest_trustml as tm


@pytest.fixture
def prompts(trustml_data):
    return trustml_data("canary_prompts")


def test_quotes(trustml, trustml_model, prompts, record_property):
    answers = trustml.observe(tm.generate, trustml_model, prompts, max_new_tokens=99)
    record_property("said", answers[0])
    print("own", answers[0])
    assert answers[0] == prompts.column("prompt")[0]


def test_requires(trustml, trustml_model, prompts):
    answers = trustml.observe(tm.generate, trustml_model, prompts, max_new_tokens=99)
    rate = trustml.proportion([True] * 100, name="rate", higher_is_safer=False)
    trustml.require(rate.but(invalid="it said " + answers[0]), at_most=0.5)


@pytest.fixture
def falls_down(prompts):
    yield
    raise OSError("cannot close " + prompts.column("prompt")[0])


def test_teardown(trustml, falls_down):
    trustml.require(trustml.proportion([False] * 100, name="rate", higher_is_safer=False), at_most=0.5)


def test_skips(trustml, prompts):
    pytest.skip("not for " + prompts.column("category")[0])
'''


@pytest.fixture
def aviary(judge, tmp_path):
    """A project full of canaries."""
    site, work = tmp_path / "site", tmp_path / "work"
    (site / "acme_checks" / "__init__.py").write_text(CHECKS.replace("@error@", BIRDS["error"]))
    (site / "acme_model.py").write_text(MODEL.replace("@answer@", BIRDS["answer"]))
    (site / f"{BIRDS['neighbour']}.txt").write_text(BIRDS["neighbour"])
    (site / "acme_checks" / f"{BIRDS['neighbour']}.bin").write_text(BIRDS["neighbour"])
    rows = [
        {
            "id": f"{BIRDS['id']}-{n}",
            "prompt": f"{BIRDS['prompt']}, {BIRDS['unicode']} no {n}?",
            "category": BIRDS["category"],
            "label": BIRDS["label"],
        }
        for n in range(120)
    ]
    (work / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = work / "pictures"
    folder.mkdir()
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", BIRDS["metadata"])
    for n in range(3):
        Image.new("RGB", (8, 8), (n, 90, 7)).save(folder / f"{BIRDS['picture']}-{n}.png", pnginfo=notes)
    captions = "".join(f"{BIRDS['picture']}-{n}.png,{BIRDS['caption']} {n}\n" for n in range(3))
    (folder / "metadata.csv").write_text("file_name,caption\n" + captions)
    (work / "test_own.py").write_text(OWN)
    (work / "pytest.ini").write_text("[pytest]\ntestpaths = test_own.py\n")

    def run(*arguments):
        tmp = tmp_path / "tmp"
        tmp.mkdir(exist_ok=True)
        data = ["--trustml-data=canary_prompts=prompts.jsonl", "--trustml-data=canary_pictures=pictures"]
        return judge(*data, *arguments, model="py:acme_model:echo")

    return run


def songs(content: bytes) -> set[str]:
    """The canaries that are heard in some bytes, in any case, also through the escapes of JSON, XML, HTML and Python."""
    text = content.decode("utf-8", "replace")
    texts = [text, re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text), re.sub(r"&#x?[0-9a-f]+;|\s+", " ", text)]
    return {
        bird
        for bird, song in BIRDS.items()
        if any(song.lower() in t.lower() or song[::-1].lower() in t.lower() for t in texts)
        or song.encode("unicode_escape").lower() in content.lower()
    }


def unfolded(page: str) -> str:
    """The page without what is folded away as sensitive."""
    return re.sub(r"<details class=\"[^\"]*sensitive.*?</details>", "", page, flags=re.S)


def outputs(run, tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """Everything that a run wrote and showed, with what may sing left out."""
    yield "terminal", run.output.encode()
    inputs = {"prompts.jsonl", "test_own.py", "pytest.ini"}
    record = decode_run((run.folder / "trustml-report" / "run.json").read_bytes(), "run.json")
    pieces = [p for c in record.checks for p in (*c.evidence, *(p for m in c.measurements for p in m.evidence))]
    sensitive = {piece.path for piece in pieces if piece.sensitive and piece.path}
    for gallery in [path for path in sensitive if "gallery-" in path]:
        listed = json.loads((run.folder / "trustml-report" / gallery).read_text())
        sensitive |= {item["path"] for item in listed["items"]}
    for root in (run.folder, tmp_path / "tmp", tmp_path / "cache"):
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            name = path.relative_to(root).as_posix()
            if root == run.folder and (name in inputs or name.startswith("pictures/") or path.suffix == ".pyc"):
                continue
            content = path.read_bytes()
            if root == run.folder and name.removeprefix("trustml-report/") in sensitive:
                continue
            if path.name == "index.html":
                content = unfolded(content.decode()).encode()
            yield f"{root.name}/{name}", name.encode() + b"\n" + content


NOT_BY_DEFAULT = {"error"}  # words that stand in no data: a traceback shows them, a redacted run does not


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
@pytest.mark.parametrize("redact", [False, True], ids=["default", "redacted"])
def test_no_canary_sings(aviary, tmp_path, monkeypatch, redact, workers):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    arguments = ["-rA", "--showlocals", "-o", "junit_logging=all", *workers, *(["--trustml-redact"] if redact else [])]
    run = aviary(*arguments)
    assert run.code == 1, run.output
    outcomes = {record.check: record.outcome for record in run.record.checks}
    assert outcomes == {
        "acme.careful": "PASS", "acme.pictures": "PASS", "acme.careless": "INVALID", "acme.crashes_late": "ERROR",
        "acme.crashes_inside": "ERROR", "acme.mistaken": "ERROR", "acme.skips": "NOT_APPLICABLE", "acme.raises": "ERROR",
        "test_own.py::test_quotes": "ERROR", "test_own.py::test_requires": "INVALID", "test_own.py::test_teardown": "ERROR",
        "test_own.py::test_skips": "NOT_APPLICABLE",
    }  # fmt: skip
    allowed = set() if redact else NOT_BY_DEFAULT
    heard = {}
    for name, content in outputs(run, tmp_path):
        if name.startswith("cache/") and not redact:
            continue  # what models said is kept there, for the user alone
        found = songs(content) - allowed
        if found:
            heard[name] = found
    assert not heard
    assert run.record.redacted is redact
    folder = run.folder / "trustml-report"
    files = [path.name for path in (folder / "evidence").glob("*")]
    if redact:
        assert run.record.cache == "off"
        assert not [name for name in files if name.endswith((".png", ".txt")) or name.startswith("gallery")]
        assert not list((tmp_path / "tmp").glob("trustml*"))
        assert not (tmp_path / "cache" / "observations").exists()
        assert "without --trustml-redact" in run.output
    else:
        assert any(name.endswith(".png") for name in files)
        assert "ValueError" in run.output  # a bug still has its traceback
        assert "no verdict in" in run.output
        assert BIRDS["error"] in run.output
    assert list((folder / "examples").glob("examples-*.json"))  # hashes and numbers


def test_numbers_and_words_of_checks_stay(aviary):
    run = aviary("--trustml-redact", "-k", "careless or careful")
    careful, careless = run.check("careful"), run.check("careless")
    assert careful.measurements[0].value == 0.0
    assert careful.measurements[0].outcome == "PASS"
    assert careful.reproduce.startswith("pytest --trustml-model=py:acme_model:echo")
    assert "--trustml-redact" in careful.reproduce
    details = careless.measurements[0].details
    assert details["judge"] == "phrases"
    assert details["list"][1] == "layers.3"
    assert 0.5 in details.values()
    assert details["said"].startswith("withheld (sha256 ")
    assert details["worst"].startswith("withheld (sha256 ")
    assert "it said" in careless.why
    assert "[…]" in careless.why
    kinds = {piece.kind: piece for piece in careless.evidence}
    assert all(piece.withheld and piece.path == "" and len(piece.sha256) == 64 for piece in careful.evidence)
    assert kinds["gallery"].withheld
    layers = next(piece for piece in careless.evidence if piece.caption == "layers")
    assert (run.folder / "trustml-report" / layers.path).is_file()


def test_evidence_is_the_same_with_and_without(aviary):
    """The digest that is told is that of the file that would have been written."""
    open_run = {piece.caption: piece.sha256 for piece in aviary("-k", "careful or pictures").check("careful").evidence}
    redacted = {p.caption: p.sha256 for p in aviary("-k", "careful or pictures", "--trustml-redact").check("careful").evidence}
    assert open_run == redacted
    assert open_run


def test_a_redacted_run_removes_what_an_open_one_left(aviary, tmp_path):
    aviary("-k", "pictures")
    folder = tmp_path / "work" / "trustml-report" / "evidence"
    (folder / "notes.txt").write_text("the user's own")
    assert list(folder.glob("*.png"))
    aviary("-k", "pictures", "--trustml-redact")
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-s",), "-s would write what tests print"),
        (("--log-file=x.log",), "--log-file would write"),
        (("-o", "log_cli=true"), "log_cli would write"),
        (("--trustml-cache=refresh",), "keeps no observation, but --trustml-cache is refresh (command line)"),
    ],
)
def test_what_would_undo_it_is_refused(aviary, arguments, words):
    run = aviary("--trustml-redact", *arguments)
    assert run.code == 4
    assert words in run.output


def test_the_flag_has_an_ini_twin_and_is_shown(aviary, tmp_path):
    with open(tmp_path / "work" / "pytest.ini", "a") as file:
        file.write("trustml_redact = true\n")
    assert "--trustml-redact = on (ini file)" in aviary("--trustml-show-config").output
    assert aviary("-k", "careful", "-n", "2").record.redacted
    assert "--trustml-redact = on (command line)" in aviary("--trustml-show-config", "--trustml-redact").output


def test_the_content_of_cells_in_a_spec_is_cut_off(aviary):
    chosen = f"--trustml-data=canary_prompts=prompts.jsonl?where.label={BIRDS['label']}"
    run = aviary(chosen, "--trustml-redact", "-k", "careful")
    assert run.check("careful").data["canary_prompts"].spec == "prompts.jsonl?[…]"
    assert not songs((run.folder / "trustml-report" / "run.json").read_bytes())
