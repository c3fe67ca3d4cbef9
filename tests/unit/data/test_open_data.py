from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_trustml.data import Dataset, Images, Role, open_data
from pytest_trustml.errors import DataError

PROMPTS = Role(name="harmful_prompts", columns={"prompt": "text of the request"}, aliases={"prompt": ("goal", "behavior")})


def write(folder: Path, *rows: dict, name: str = "f.jsonl") -> str:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def test_a_role_finds_its_column_under_an_alias(tmp_path: Path):
    name = write(tmp_path, {"goal": "a", "behavior": "b", "topic": "t"})
    dataset = open_data(name, role=PROMPTS, root=tmp_path)
    assert dataset.column("prompt") == ["a"]
    assert dataset.columns == ("goal", "behavior", "topic", "prompt")
    assert open_data(name + "?prompt=behavior", role=PROMPTS, root=tmp_path).column("prompt") == ["b"]


def test_a_missing_column_brings_those_there_are(tmp_path: Path):
    name = write(tmp_path, {"promt": "a", "topic": "t"})
    with pytest.raises(
        DataError,
        match=r"f.jsonl has no column 'prompt' \(text of the request\), which harmful_prompts needs. It has: promt, topic. "
        r"Did you mean 'promt'\? Say which column it is by writing f.jsonl\?prompt=COLUMN",
    ):
        open_data(name, role=PROMPTS, root=tmp_path)


def test_a_misspelt_key_is_seen_beside_the_missing_column(tmp_path: Path):
    name = write(tmp_path, {"ask": "a"})
    with pytest.raises(DataError, match=r"no column 'prompt'.*Did you mean 'promt'"):
        open_data(name + "?promt=ask", role=PROMPTS, root=tmp_path)


def test_a_misspelt_source_or_filter_is_named(tmp_path: Path):
    name = write(tmp_path, {"goal": "a", "topic": "weapons"})
    with pytest.raises(
        DataError, match=r"Unknown column 'gaol'. Did you mean 'goal'\? It has: goal, topic. 'prompt' in the data spec"
    ):
        open_data(name + "?prompt=gaol", root=tmp_path)
    with pytest.raises(DataError, match=r"Unknown column 'topics'. Did you mean 'topic'\?.*'where.topics'"):
        open_data(name + "?where.topics=weapons", root=tmp_path)
    with pytest.raises(DataError, match=r"No row of f.jsonl has topic = 'weapon'. The column has 1 other value"):
        open_data(name + "?where.topic=weapon", root=tmp_path)


def test_filters_work_on_every_kind_of_cell(tmp_path: Path):
    name = write(tmp_path, *({"n": n, "ok": n > 1, "t": f"x&{n}"} for n in range(4)))
    assert open_data(name + "?where.n=1&where.n=3", root=tmp_path).column("n") == [1, 3]
    assert open_data(name + "?where.ok=true&where.t=x%262", root=tmp_path).column("n") == [2]
    assert open_data({"path": name, "where": {"ok": False}}, root=tmp_path).column("n") == [0, 1]


@pytest.mark.parametrize(
    ("words", "cell", "message"),
    [
        ("text", 17, "f.jsonl, line 2: 'x' is a number. It must be text: correct the row"),
        ("text", ["a"], "line 2: 'x' is a list. It must be text"),
        ("text of a mail", None, r"line 2: 'x' is empty. Every row must have it \(text of a mail\)"),
        ("whatever", None, "line 2: 'x' is empty"),
        ("number", "3", "line 2: 'x' is text. It must be number"),
        ("number", True, "'x' is a truth value"),
        ("number", float("inf"), "'x' is an infinite number"),
        ("number", float("nan"), "line 2: 'x' is empty"),
        ("label", 1.5, "'x' is a number with decimals. It must be label"),
        ("vector", [1, "a"], "'x' is a list. It must be vector"),
        ("vector", [1, 2, 3], "line 2: 'x' has 3 numbers, the first row has 2"),
        ("image", "no.png", "line 2: the image that 'x' names does not exist"),
        ("image", 3, "line 2: 'x' is a number. It must be the path of an image"),
    ],
)
def test_bad_cells_are_named(tmp_path: Path, words, cell, message):
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    good = {"number": 1, "vector": [1, 2], "image": "a.png"}.get(words, "a")
    name = write(tmp_path, {"x": good}, {"x": cell})
    with pytest.raises(DataError, match=message):
        open_data(name, role=Role(name="r", columns={"x": words}), root=tmp_path)


def test_no_message_quotes_a_cell(tmp_path: Path):
    secret = "CANARY-9c1d"
    rows = [
        (f'{{"x": "a"}}\n{{"x": "{secret}", }}\n', "text"),
        (f'{{"x": "a"}}\n"{secret}"\n', "text"),
        (f'{{"x": "a"}}\n{{"x": ["{secret}"]}}\n', "text"),
        (f'{{"x": "a"}}\n{{"x": "{secret}"}}\n', "number"),
        (f'{{"x": "a"}}\n{{"x": "{secret}.png"}}\n', "image"),
        (f'{{"x": "a"}}\n{{"y": "{secret}"}}\n', "text"),
        (f'{{"x": "a", "id": "{secret}"}}\n{{"x": "b", "id": "{secret}"}}\n', "text"),
    ]
    for content, words in rows:
        (tmp_path / "f.jsonl").write_text(content)
        with pytest.raises(DataError) as caught:
            open_data("f.jsonl", role=Role(name="r", columns={"x": words}), root=tmp_path)
        assert secret not in str(caught.value)
    for content in (f"x,y\n{secret}\n", f'x,y\n"{secret},1\n', f'x\n"{secret}"z\n'):
        (tmp_path / "f.csv").write_text(content)
        with pytest.raises(DataError) as caught:
            open_data("f.csv", root=tmp_path)
        assert secret not in str(caught.value)
    with pytest.raises(DataError) as caught:
        Dataset({"topic": [secret, "b"]}).where("topic", "c")
    assert secret not in str(caught.value)


def test_hostile_cells_cannot_speak_to_the_terminal(tmp_path: Path):
    name = write(tmp_path, {"goal": 1, "evil": "\x1b[2J::error::"})
    with pytest.raises(DataError) as caught:
        open_data(name, role=PROMPTS, root=tmp_path)
    assert "\x1b" not in str(caught.value)
    assert "::error" not in str(caught.value)


def test_numbers_and_labels_of_a_csv_are_told_from_text(tmp_path: Path):
    (tmp_path / "f.csv").write_text("label,score,text,flag\n1,0.5,17,a\n-2,3,x,b\n")
    role = Role(name="r", columns={"label": "label", "score": "number", "text": "text", "flag": "label"})
    dataset = open_data("f.csv", role=role, root=tmp_path)
    assert list(dataset) == [
        {"label": 1, "score": 0.5, "text": "17", "flag": "a"},
        {"label": -2, "score": 3.0, "text": "x", "flag": "b"},
    ]
    (tmp_path / "f.csv").write_text("label,score,text,flag\n1,much,17,a\n")
    with pytest.raises(DataError, match=r"line 2: 'score' is text. It must be number"):
        open_data("f.csv", role=role, root=tmp_path)
    (tmp_path / "f.csv").write_text("label,score,text,flag\n1,1,,a\n")
    with pytest.raises(DataError, match="line 2: 'text' is empty"):
        open_data("f.csv", role=role, root=tmp_path)


def test_vectors_and_image_paths_are_turned(tmp_path: Path):
    Image.new("RGB", (1, 2), (9, 8, 7)).save(tmp_path / "a.png")
    name = write(tmp_path, {"v": [1, 2], "image": "a.png"}, {"v": [3, 4.5], "image": "a.png"})
    dataset = open_data(name, role=Role(name="r", columns={"v": "vector", "image": "image"}), root=tmp_path)
    np.testing.assert_array_equal(dataset.column("v"), [[1, 2], [3, 4.5]])
    assert isinstance(dataset.column("image"), Images)
    assert dataset.row(1)["image"].getpixel((0, 0)) == (9, 8, 7)


def test_arrays_are_checked_as_columns(tmp_path: Path):
    np.savez(tmp_path / "f.npz", x=np.ones((2, 3)), y=np.array([1.0, np.nan]), p=np.zeros((2, 4, 4, 3), np.uint8))
    for words, column, message in [
        ("text", "x", r"the column 'x' has \(3,\) numbers per row"),
        ("number", "y", "f.npz, row 2: 'y' is empty"),
        ("vector", "p", r"has \(4, 4, 3\) numbers per row"),
        ("image", "x", "must be the path of an image"),
    ]:
        with pytest.raises(DataError, match=message):
            open_data("f.npz", role=Role(name="r", columns={column: words}), root=tmp_path)
    dataset = open_data("f.npz", role=Role(name="r", columns={"x": "vector", "p": "image"}), root=tmp_path)
    assert dataset.column("p").shape == (2, 4, 4, 3)


def test_images_are_not_text(tmp_path: Path):
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"the column 'image' holds images. It must hold text"):
        open_data(".", role=Role(name="r", columns={"image": "text"}), root=tmp_path)


def test_ids_name_file_and_both_lines(tmp_path: Path):
    name = write(tmp_path, {"nr": "a"}, {"nr": "b"}, {"nr": "a"})
    assert open_data(name + "?id=nr&where.nr=b", root=tmp_path).ids == ["b"]
    with pytest.raises(DataError, match=r"An id occurs twice: f.jsonl, line 1 and f.jsonl, line 3"):
        open_data(name + "?id=nr", root=tmp_path)
    (tmp_path / "g.csv").write_text('id,t\nx,1\n"y","a\nb"\n\ny,2\n')
    with pytest.raises(DataError, match=r"An id occurs twice: g.csv, line 3 and g.csv, line 6"):
        open_data("g.csv", root=tmp_path)


def test_lines_survive_filters(tmp_path: Path):
    name = write(tmp_path, {"t": "a", "goal": "x"}, {"t": "b", "goal": "x"}, {"t": "b", "goal": None})
    with pytest.raises(DataError, match=r"f.jsonl, line 3: 'prompt' is empty"):
        open_data(name + "?where.t=b", role=PROMPTS, root=tmp_path)


def test_packaged_data(tmp_path: Path, monkeypatch):
    folder = tmp_path / "trustpack" / "sub" / "inner"
    folder.mkdir(parents=True)
    (tmp_path / "trustpack" / "__init__.py").write_text("")
    (tmp_path / "trustpack" / "sub" / "__init__.py").write_text("")
    write(folder, {"goal": "a"})
    monkeypatch.syspath_prepend(str(tmp_path))
    dataset = open_data("package:trustpack.sub/inner/f.jsonl", role=PROMPTS)
    assert dataset.column("prompt") == ["a"]
    assert dataset.spec == "package:trustpack.sub/inner/f.jsonl"
    with pytest.raises(DataError, match=r"Did you mean 'f.jsonl'"):
        open_data("package:trustpack.sub/inner/g.jsonl")
    with pytest.raises(DataError, match="there is no package 'trustpak'"):
        open_data("package:trustpak/f.jsonl")
    with pytest.raises(DataError, match="leaves its package"):
        open_data("package:trustpack.sub/../f.jsonl")


def test_packaged_data_in_a_zip(tmp_path: Path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("zippack/__init__.py", "")
        archive.writestr("zippack/f.jsonl", '{"goal": "a"}\n')
    monkeypatch.syspath_prepend(str(tmp_path / "z.zip"))
    assert open_data("package:zippack/f.jsonl", role=PROMPTS).column("prompt") == ["a"]


def test_importing_the_room_loads_nothing_heavy():
    code = "import sys, pytest_trustml.data, pytest_trustml.data.readers.rows; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {name.partition(".")[0] for name in loaded} & {"torch", "PIL", "pyarrow", "safetensors", "numpy", "datasets"}
