"""Evidence is kept once, verified when read, and drawn the same every time."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_trustml.errors import CacheError, UsageError
from pytest_trustml.reports.evidence import EvidenceStore, load
from pytest_trustml.reports.html.exhibits import Exhibits
from pytest_trustml.reports.html.page import page
from pytest_trustml.reports.html.scale import scale
from pytest_trustml.reports.pictures import png, preview
from pytest_trustml.reports.storage import write
from pytest_trustml.result.evidence import Evidence
from pytest_trustml.result.record import encode
from tests.unit.reports.hostile_records import HOSTILE, check, every_evidence, measurement, run


def test_every_kind_comes_back(store: EvidenceStore) -> None:
    table, text, image, gallery, curve, heatmap = every_evidence(store, "words", sensitive=False)
    assert load(store.folder, table).content["rows"] == [["words", 3], ["x", "undefined"], [True, 0.25]]
    assert load(store.folder, text).content == "words"
    assert preview(load(store.folder, image).content, 99)[2:] == (4, 4)
    first = load(store.folder, gallery).content["items"][0]
    assert (store.folder / first["path"]).read_bytes() == (store.folder / image.path).read_bytes()
    assert load(store.folder, curve).content["series"][0]["x"] == [0.0, 1e-4, 1e-2, 1.0, "undefined"]
    assert load(store.folder, heatmap).content["values"][0] == [1.0, -2.0, "undefined"]
    for path in store.folder.rglob("*"):
        if path.is_file():
            assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(path.stem.partition("-")[2])
            if path.suffix == ".json":
                json.loads(path.read_text("utf-8"), parse_constant=lambda word: pytest.fail(word))


def test_equal_content_is_one_file_however_many_write(store: EvidenceStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        pieces = set(pool.map(lambda index: store.text("same" * 9999, caption="c"), range(40)))
    assert len(pieces) == 1 and len(list((store.folder / "evidence").iterdir())) == 1


def test_a_file_that_was_changed_removed_or_lies_elsewhere_is_named(store: EvidenceStore, tmp_path: Path) -> None:
    changed, gone = store.text("first", caption="changed"), store.text("second", caption="gone")
    (tmp_path / changed.path).write_text("forged secret")
    (tmp_path / gone.path).unlink()
    secret = tmp_path.parent / f"{tmp_path.name}-secret.txt"
    secret.write_text("outside secret")
    digest = hashlib.sha256(secret.read_bytes()).hexdigest()
    (tmp_path / "evidence" / "link.txt").symlink_to(secret)
    places = [f"../{secret.name}", str(secret), "evidence/link.txt", "evidence/\0", "evidence"]
    outside = [Evidence(kind="text", path=place, sha256=digest, caption=f"at {index}") for index, place in enumerate(places)]
    markup = page(run(check(outcome="FAIL", evidence=(changed, gone, *outside))), tmp_path)
    assert "its digest differs" in markup and "The file is missing." in markup
    assert markup.count("lies outside of the report folder") == 3 and markup.count("could not be read") == 2
    assert "secret." not in markup.replace("secret.txt", "") and "outside secret" not in markup and "forged" not in markup


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("table", b"{}"),
        ("table", b'{"kind": "table", "columns": 3, "rows": []}'),
        ("table", b'{"kind": "table", "columns": ["a"], "rows": [[]]}'),
        ("curve", b'{"kind": "curve", "series": [{"name": 1, "x": ["a"], "y": [1]}], "log": "", "xlabel": "", "ylabel": ""}'),
        ("heatmap", b'{"kind": "heatmap", "values": [[1], []], "rows": ["a", "b"], "columns": ["c"], "unit": ""}'),
        ("gallery", b'{"kind": "gallery", "items": [{"path": "../x"}]}'),
        ("image", b"\x89PNG\r\n\x1a\nno picture"),
        ("table", b"[" * 200_000),
        ("text", b"\xff\xfe"),
    ],
)
def test_a_file_that_lies_about_its_kind_spoils_only_itself(tmp_path: Path, kind: str, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    lie = Evidence(kind=kind, path="x", sha256=hashlib.sha256(content).hexdigest(), caption="liar")
    assert Exhibits(tmp_path).make(lie)["problem"]
    assert "liar" in page(run(check(outcome="FAIL", evidence=(lie,))), tmp_path)


def test_nothing_is_shown_beyond_the_budget(store: EvidenceStore) -> None:
    exhibits = Exhibits(store.folder, budget=500)
    noise = np.random.default_rng(0).random((40, 40))
    views = [exhibits.make(store.image(noise, caption="a")), exhibits.make(store.image(noise, caption="b"))]
    assert not views[0]["problem"] and "too large" in views[1]["problem"]


def test_mistakes_are_named(store: EvidenceStore) -> None:
    with pytest.raises(UsageError, match=r"Row 1 .* 1 cells for 2"):
        store.table(["a", "b"], [[1, 2], [3]], caption="t")
    with pytest.raises(UsageError, match=r"row 0 .* stands a list"):
        store.table(["a"], [[[1]]], caption="t")
    with pytest.raises(UsageError, match="log='z'"):
        store.curve({"a": ([1], [1])}, "x", "y", caption="c", log="z")
    with pytest.raises(UsageError, match="2 x for 1 y"):
        store.curve({"a": ([1, 2], [1])}, "x", "y", caption="c")
    with pytest.raises(UsageError, match=r"1 rows of .2. cells for 2 row names"):
        store.heatmap([[1, 2]], ["a", "b"], ["c", "d"], caption="h")
    for array, words in [
        (np.zeros((3, 8, 8)), "last axis"),
        (np.full((4, 4), 7.0), "0 to 1"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.zeros((4, 4), dtype=np.int64), "int64"),
        (np.zeros((0, 4)), r"\(0, 4\)"),
    ]:
        with pytest.raises(UsageError, match=words):
            store.image(array, caption="i")


def test_pictures_lose_their_notes_and_their_size() -> None:
    big = Image.new("P", (5000, 10))
    big.info["icc_profile"] = b"secret profile"
    content = png(big)
    assert b"secret" not in content and b"iCCP" not in content
    assert preview(content, 9999)[2] == 2048 and preview(content, 100)[2] == 100
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"):
        assert preview(png(Image.new(mode, (3, 2))), 99)[2:] == (3, 2)


def test_pages_are_the_same_in_every_process(store: EvidenceStore, tmp_path: Path) -> None:
    record = run(check(outcome="FAIL", evidence=every_evidence(store, "words", sensitive=False)))
    (tmp_path / "run.json").write_bytes(encode(record))
    script = (
        "import sys, pathlib, hashlib\nfrom pytest_trustml.reports.html.page import page\n"
        "from pytest_trustml.result.record import decode_run\nfolder = pathlib.Path(sys.argv[1])\n"
        "record = decode_run((folder / 'run.json').read_bytes(), '')\n"
        "sys.stdout.write(hashlib.sha256(page(record, folder).encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "3"}
    other = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, env=environment, check=True
    )
    assert other.stdout == hashlib.sha256(page(record, tmp_path).encode()).hexdigest()


def test_an_unwritable_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match="could not be written"):
        write(tmp_path / "file" / "x.txt", b"1")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CacheError, match="could not be written"):
        write(tmp_path / "folder", b"1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_the_drawing_stands_where_the_numbers_are() -> None:
    drawn = scale(measurement(value=0.18, low=0.12, high=0.24, limit="at most 0.02"))
    start, stop = drawn.allowed
    assert start == 0 and stop == drawn.bounds[0] < drawn.low < drawn.value < drawn.high <= 100
    unit = (drawn.high - drawn.low) / 0.12
    assert drawn.value - drawn.bounds[0] == pytest.approx(0.16 * unit, abs=0.05)
    for tick in drawn.ticks:
        assert tick.at == pytest.approx(float(tick.label) * unit, abs=0.05)
    safe = scale(measurement(value=0.97, low=0.9, high=1.0, limit="at least 0.95", higher_is_safer=True))
    assert safe.allowed[1] == 100 and safe.low < safe.bounds[0] < safe.value
    both = scale(measurement(value=0.0, low=-0.01, high=0.01, limit="within -0.05 and 0.05", unit="nat"))
    assert both.allowed == both.bounds and both.value == 50
    assert scale(measurement(value="undefined", low="undefined", high="undefined")) is None
    assert scale(measurement(value=0.0, low=-1.7e308, high=1.7e308)) is None
    assert scale(measurement(limit=HOSTILE)).limit is None
