from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path

import pytest

from pytest_trustml.errors import UsageError
from pytest_trustml.work.sources import code_digest, engine, module_of


@pytest.fixture
def package(tmp_path: Path, monkeypatch):
    """A package `srcpack` whose module `asks` imports `score` and, inside a function, `deep.views`, but not `checks`."""
    files = {
        "__init__.py": "from srcpack.checks import x\n",
        "asks.py": "import os\nfrom srcpack import score\ndef ask():\n    from .deep import views\n",
        "score.py": "from srcpack.deep.more import *\nfrom srcpack.deep import name\n",
        "checks.py": "x = 1\n",
        "deep/__init__.py": "name = 1\n",
        "deep/views.py": "from .. import score\n",
        "deep/more.py": "",
    }
    for name, text in files.items():
        path = tmp_path / "srcpack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "srcpack"
    for name in [name for name in sys.modules if name.partition(".")[0] == "srcpack"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["asks.py", "score.py", "deep/views.py", "deep/more.py", "deep/__init__.py"])
def test_what_is_imported_counts(package: Path, name: str):
    module = importlib.import_module("srcpack.asks")
    before = code_digest(module)
    with open(package / name, "a") as file:
        file.write("# changed\n")
    assert code_digest(module) != before


def test_what_is_not_imported_does_not_count(package: Path, tmp_path: Path):
    module = importlib.import_module("srcpack.deep.views")
    before = code_digest(module)
    (package / "checks.py").write_text("x = 2\n")
    (package / "asks.py").write_text("")
    assert code_digest(module) == before


def test_the_place_of_a_package_does_not_count(package: Path, tmp_path: Path, monkeypatch):
    before = code_digest(importlib.import_module("srcpack.asks"))
    package.rename(package.parent / "moving")
    (tmp_path / "elsewhere").mkdir()
    (package.parent / "moving").rename(tmp_path / "elsewhere" / "srcpack")
    for name in [name for name in sys.modules if name.partition(".")[0] == "srcpack"]:
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    importlib.invalidate_caches()
    assert code_digest(importlib.import_module("srcpack.asks")) == before


def test_modules_without_a_package_count_their_neighbours(tmp_path: Path, monkeypatch):
    (tmp_path / "lonely_ask.py").write_text("import lonely_score, json\n")
    (tmp_path / "lonely_score.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("lonely_ask")
    before = code_digest(module)
    (tmp_path / "lonely_score.py").write_text("x = 1\n")
    assert code_digest(module) != before
    del sys.modules["lonely_ask"], sys.modules["lonely_score"]


def test_code_without_a_file_is_refused(monkeypatch):
    import types

    module = types.ModuleType("typed_in")
    exec("def ask(subject, batch): return []", module.__dict__)
    monkeypatch.setitem(sys.modules, "typed_in", module)
    with pytest.raises(UsageError, match="The module 'typed_in' has no source file"):
        code_digest(module_of(module.ask))


class Holder:
    def method(self, subject, batch):
        return []


def plain(subject, batch):
    return []


def nested():
    def inner(subject, batch):
        return []

    return inner


@pytest.mark.parametrize(
    "function", [lambda s, b: [], nested(), Holder().method, Holder.method, functools.partial(plain), len, "plain", None]
)
def test_only_functions_at_the_top_level(function):
    with pytest.raises(UsageError, match=r"move it to module level|has no source file"):
        code_digest(module_of(function))


def test_a_function_hidden_by_another_of_its_name_is_refused(monkeypatch):
    hidden = plain
    monkeypatch.setitem(globals(), "plain", lambda subject, batch: [])
    with pytest.raises(UsageError, match="not a function at the top level"):
        module_of(hidden)


def test_the_engine_names_versions():
    assert {"pytest_trustml", "engine", "torch", "transformers"} <= set(engine())
