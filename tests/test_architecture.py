"""The house rules as tests: imports point down, files stay small, nothing heavy is loaded early."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pytest_trustml

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("pytest_trustml/**/*.py"), *ROOT.glob("builtin_checks/**/*.py")])

# Each room may import itself and every room of a lower floor.
FLOOR = {
    "pytest_trustml.errors": 0,
    "pytest_trustml.result": 1,
    "pytest_trustml.subjects": 2,
    "pytest_trustml.data": 2,
    "pytest_trustml.statistics": 3,
    "pytest_trustml.reports": 3,
    "pytest_trustml.work": 3,
    "pytest_trustml.comparison": 4,
    "pytest_trustml.release": 4,
    "pytest_trustml.shadows": 4,
    "pytest_trustml.attacks": 5,
    "pytest_trustml.checks": 6,
    "pytest_trustml.gate": 6,
    "pytest_trustml.plugin": 7,
    "builtin_checks": 8,
}
# Type-only imports that point at the thing they describe: errors name the verdict they carry, capabilities their subject.
HEAVY = {"torch", "transformers", "peft", "diffusers", "scipy", "sklearn", "matplotlib", "PIL", "pandas", "hypothesis"}
DRAWERS = {"utils", "util", "helpers", "helper", "common", "base", "misc"}


def room(module: str) -> str | None:
    """The longest known prefix of a module's name."""
    parts = module.split(".")
    return next((name for n in range(len(parts), 0, -1) if (name := ".".join(parts[:n])) in FLOOR), None)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively; write the whole name"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path):
    here = module_name(path)
    if here == "pytest_trustml":
        return  # the public face re-exports from everywhere, lazily
    for lineno, target in imports(path):
        there = room(target)
        if there is None or there == room(here):
            continue
        if here == "pytest_trustml.errors" and target == "pytest_trustml.result.verdict.Verdict":
            continue  # type only: a TrustFailure carries the verdict that it reports
        assert FLOOR[there] < FLOOR[room(here)], f"{path}:{lineno}: {room(here)} may not import {target}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_families_do_not_know_each_other(path: Path):
    parts = path.relative_to(ROOT).parts
    if parts[0] != "builtin_checks" or len(parts) < 3:
        return
    for lineno, target in imports(path):
        if target.startswith("builtin_checks."):
            assert target.split(".")[1] == parts[1], f"{path}:{lineno}: {parts[1]} imports {target}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_plugin_knows_pytest(path: Path):
    """The gate reads JUnit files, so it knows their parser as well."""
    if "plugin" in path.relative_to(ROOT).parts:
        return
    known = {target.split(".")[0] for _, target in imports(path)}
    parser = set() if "gate" in path.relative_to(ROOT).parts else {"junitparser"}
    assert not known & ({"pytest", "_pytest", "xdist"} | parser), path


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_small_nouns(path: Path):
    assert path.stem not in DRAWERS
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, f"{path} is two nouns"


def loaded(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after running ``code``."""
    code += "\nimport sys; print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded("import pytest_trustml; dir(pytest_trustml)") & (HEAVY | {"numpy", "msgspec"})


def test_every_public_name_is_there_and_loads_no_model_library():
    code = "import pytest_trustml as tm\nfor name in tm.__all__: assert getattr(tm, name).__doc__, name"
    assert not loaded(code) & (HEAVY - {"scipy", "sklearn"})


def test_an_installed_but_unused_plugin_loads_nothing_heavy(tmp_path: Path):
    (tmp_path / "test_empty.py").write_text("def test_nothing(): pass\n")
    code = (
        "import os, pytest\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "others = [word for name in ('hypothesispytest', 'anyio', 'xdist', 'cacheprovider') for word in ('-p', f'no:{name}')]\n"
        "assert pytest.main(['--co', '-q', *others]) == 0"
    )
    assert not loaded(code) & (HEAVY | {"numpy", "msgspec", "jinja2", "filelock"})
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["test_empty.py"]


@pytest.mark.parametrize(
    "option", ["--trustml-list", "--trustml-explain=lora_safety.harmful_rate_increase", "--trustml-show-config"]
)
def test_listing_loads_no_model_library(option: str):
    code = f"import pytest\nassert pytest.main(['-p', 'no:hypothesispytest', {option!r}]) == 0"
    assert not loaded(code) & (HEAVY - {"hypothesis"})


@pytest.mark.slow
def test_the_wheel_holds_both_packages_and_their_data(tmp_path: Path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = [path for folder in ("pytest_trustml", "builtin_checks") for path in (ROOT / folder).rglob("*") if path.is_file()]
    missing = {str(path.relative_to(ROOT)) for path in wanted if "__pycache__" not in path.parts} - names
    assert not missing
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_families_use_public_names_only(path: Path):
    """What a built-in check may use, a third party may use too."""
    if path.relative_to(ROOT).parts[0] != "builtin_checks":
        return
    for lineno, target in imports(path):
        if target.startswith("pytest_trustml."):
            assert target.removeprefix("pytest_trustml.") in pytest_trustml.__all__, f"{path}:{lineno}: {target} is not public"
