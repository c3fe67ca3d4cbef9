from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pytest_trustml.errors import CacheError, UsageError
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.entries import decode, encode
from pytest_trustml.work.folders import cache_root
from pytest_trustml.work.keys import digest_key

KEY = "ab" * 32
OTHER = "cd" * 32

texts = st.lists(st.text(st.characters(), max_size=8), max_size=5)
kinds = st.sampled_from(["?", "u1", "i2", "i8", "f2", "f4", "f8", ">f4", ">i8"])
numbers = kinds.flatmap(
    lambda kind: arrays.arrays(np.dtype(kind), arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
)
values = texts | numbers | st.dictionaries(st.text(st.characters(), max_size=4), texts | numbers, min_size=1, max_size=3)


def same(one, other) -> bool:
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return one == other
    native = one.astype(one.dtype.newbyteorder("="))
    return native.dtype == other.dtype and native.shape == other.shape and native.tobytes() == other.tobytes()


@given(value=values)
def test_every_value_comes_back_as_it_was(value):
    assert same(value, decode(encode(value, KEY), KEY))


def test_lone_surrogates_and_their_pairs_stay_apart():
    tricky = ["\ud83d\ude00", "😀", "\ud83d", "", "\x00", "\u2028"]
    found = decode(encode(tricky, KEY), KEY)
    assert found == tricky
    assert [len(text) for text in found] == [2, 1, 1, 0, 1, 1]


def test_arrays_in_any_layout_come_back(tmp_path: Path):
    cache = Cache(tmp_path)
    square = np.arange(12.0).reshape(3, 4)
    for value in (square.T, square[:, ::2], np.asfortranarray(square), np.float32([[np.nan, np.inf, -np.inf]])):
        cache.put(KEY, value)
        np.testing.assert_array_equal(cache.get(KEY), value)
    assert cache.get(KEY).flags.writeable


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "A result is a list"),
        (np.array(["a"]), "A result is an array of <U1"),
        (np.array([object()]), "an array of object"),
        (np.array([1j]), "an array of complex128"),
        ({"a": ["x"], "b": (1,)}, "A result 'b' is a tuple"),
        (None, "a NoneType"),
    ],
)
def test_nothing_else_can_be_stored(tmp_path: Path, value, message):
    with pytest.raises(UsageError, match=message):
        Cache(tmp_path).put(KEY, value)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_use_keeps_between_sessions(tmp_path: Path):
    Cache(tmp_path / "new").put(KEY, ["a"])
    assert Cache(tmp_path / "new").get(KEY) == ["a"]
    assert Cache(tmp_path / "new").get(OTHER) is None
    assert not list((tmp_path / "new" / "unfinished").iterdir())


def test_refresh_computes_each_key_once_per_session(tmp_path: Path):
    Cache(tmp_path).put(KEY, ["old"])
    session = Cache(tmp_path, "refresh")
    assert session.get(KEY) is None
    session.put(KEY, ["new"])
    assert session.get(KEY) == ["new"]
    assert Cache(tmp_path).get(KEY) == ["new"]
    assert Cache(tmp_path, "refresh").get(KEY) is None


def test_off_shares_within_the_session_and_leaves_nothing(tmp_path: Path):
    Cache(tmp_path).put(KEY, ["old"])
    with Cache(tmp_path, "off") as session:
        assert session.get(KEY) is None
        with session.lock(KEY):
            session.put(KEY, ["new"])
        assert session.get(KEY) == ["new"]
        assert session.private() is session
        folder = session.folder
        assert folder.is_dir()
        assert tmp_path not in folder.parents
    assert not folder.exists()
    assert Cache(tmp_path).get(KEY) == ["old"]


def test_private_is_removed_at_the_end_even_without_close(tmp_path: Path):
    cache = Cache(tmp_path)
    cache.private().put(KEY, ["a"])
    folder = cache.private().folder
    assert cache.get(KEY) is None
    del cache
    gc.collect()
    assert not folder.exists()
    start = f"from pytest_trustml.work.cache import Cache; c = Cache({str(tmp_path)!r}, 'off')"
    code = f"{start}; print(c.folder); c.put({KEY!r}, ['a'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip()
    assert not Path(done.stdout.strip()).exists()


def test_an_unused_cache_touches_no_disk(tmp_path: Path):
    assert Cache(tmp_path / "x").get(KEY) is None
    assert not (tmp_path / "x").exists()


def entry(folder: Path) -> Path:
    (path,) = folder.rglob("*.safetensors")
    return path


def test_every_truncation_counts_as_missing(tmp_path: Path):
    cache = Cache(tmp_path)
    cache.put(KEY, {"t": ["a", "b"], "n": np.arange(3)})
    whole = entry(tmp_path).read_bytes()
    for length in range(len(whole)):
        entry(tmp_path).write_bytes(whole[:length])
        assert cache.get(KEY) is None
    entry(tmp_path).write_bytes(whole + b"\0")
    assert cache.get(KEY) is None
    cache.put(KEY, ["again"])
    assert cache.get(KEY) == ["again"]


def test_every_flipped_bit_of_content_counts_as_missing(tmp_path: Path):
    cache = Cache(tmp_path)
    value = {"t": ["a", "b"], "n": np.arange(3)}
    cache.put(KEY, value)
    whole = bytearray(entry(tmp_path).read_bytes())
    for index in range(len(whole)):
        damaged = bytearray(whole)
        damaged[index] ^= 1
        entry(tmp_path).write_bytes(damaged)
        found = cache.get(KEY)
        assert found is None or same(value, found)


def test_foreign_files_count_as_missing(tmp_path: Path):
    from safetensors.numpy import save

    cache = Cache(tmp_path)
    cache.put(KEY, ["mine"])
    own = entry(tmp_path).read_bytes()
    for foreign in (save({"t0": np.ones(3)}), save({"t0": np.ones(3)}, {"format": "pt"}), b"", b"\x80\x04N.", b"\xff" * 99):
        entry(tmp_path).write_bytes(foreign)
        assert cache.get(KEY) is None
    # A result of another key under this name is as foreign.
    (tmp_path / OTHER[:2]).mkdir()
    (tmp_path / OTHER[:2] / f"{OTHER}.safetensors").write_bytes(own)
    assert cache.get(OTHER) is None
    entry_folder = tmp_path / ("ef" * 1)
    (entry_folder / f"{'ef' * 32}.safetensors").mkdir(parents=True)
    assert cache.get("ef" * 32) is None


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_is_an_error_that_says_where(tmp_path: Path, monkeypatch, code: int, call: str):
    cache = Cache(tmp_path)
    cache.put(KEY, ["old"])

    def full(*args):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(CacheError, match=rf"The disk is full: .*{tmp_path}.*Free some space there, or set TRUSTML_CACHE"):
        cache.put(KEY, ["new"])
    monkeypatch.undo()
    assert cache.get(KEY) == ["old"]
    assert not list((tmp_path / "unfinished").iterdir())


def test_short_writes_are_completed(tmp_path: Path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data[:7])))
    Cache(tmp_path).put(KEY, ["a" * 100])
    monkeypatch.undo()
    assert Cache(tmp_path).get(KEY) == ["a" * 100]


def test_an_unwritable_folder_is_an_error_that_says_which(tmp_path: Path):
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file")
    with pytest.raises(CacheError, match=rf"could not be stored in {tmp_path}/file.*set TRUSTML_CACHE"):
        cache.put(KEY, ["a"])
    with pytest.raises(CacheError, match="must be writable"), cache.lock(KEY):
        raise AssertionError


def test_stale_leftovers_are_swept_and_fresh_ones_spared(tmp_path: Path):
    (tmp_path / "unfinished").mkdir()
    old, fresh = tmp_path / "unfinished" / "old", tmp_path / "unfinished" / "fresh"
    old.write_text("")
    fresh.write_text("")
    os.utime(old, (0, 0))
    Cache(tmp_path).put(KEY, ["a"])
    assert not old.exists()
    assert fresh.exists()


def test_mistakes_are_named(tmp_path: Path):
    with pytest.raises(UsageError, match=r"Unknown cache mode 'refesh'. Did you mean 'refresh'"):
        Cache(tmp_path, "refesh")
    for call in (lambda: Cache(tmp_path).get("../x"), lambda: Cache(tmp_path).put("AB" * 32, ["a"])):
        with pytest.raises(UsageError, match="is not a key"):
            call()


def test_where_the_cache_is(tmp_path: Path):
    assert cache_root({"TRUSTML_CACHE": "~/x"}) == Path.home() / "x"
    assert cache_root({"TRUSTML_CACHE": "rel", "XDG_CACHE_HOME": "/v"}) == Path.cwd() / "rel"
    assert cache_root({"TRUSTML_CACHE": "", "XDG_CACHE_HOME": "/v"}) == Path("/v/trustml")
    assert cache_root({"XDG_CACHE_HOME": "relative is not allowed"}) == Path.home() / ".cache" / "trustml"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_others_cannot_read_what_models_said(tmp_path: Path):
    Cache(tmp_path / "c").put(KEY, ["secret"])
    path = entry(tmp_path)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(one=json_values, other=json_values)
def test_keys_are_equal_only_for_equal_values(one, other):
    assert (digest_key({"a": one}) == digest_key({"a": other})) == (repr(ordered(one)) == repr(ordered(other)))


def ordered(value):
    if isinstance(value, dict):
        return sorted((key, ordered(item)) for key, item in value.items()), "dict"
    return [ordered(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "Parameter p is nan"),
        ([1, {"a": float("inf")}], r"Parameter p\[1\]\['a'\] is inf"),
        ({1: 2}, "Parameter p has the key 1. Keys must be text: write it as '1'"),
        (np.float64(1), r"Parameter p is a float64.*Call .tolist\(\)"),
        (np.ones(2), r"Parameter p is a ndarray.*Call .tolist\(\)"),
        ({"a": {1, 2}}, r"Parameter p\['a'\] is a set"),
        (lambda: 0, "Parameter p is a function"),
    ],
)
def test_what_json_cannot_write_is_no_key(value, message):
    with pytest.raises(UsageError, match=message):
        digest_key({"p": value})


def test_known_key():
    """Everything stored by users is found under such names: they may not change by accident."""
    assert digest_key({"b": [1, 2.5, None, True], "a": "ä"}) == KNOWN


def test_importing_the_room_loads_nothing_heavy():
    code = (
        "import sys, pytest_trustml.work, pytest_trustml.work.cache, pytest_trustml.work.observe\n"
        "import pytest_trustml.work.observations, pytest_trustml.work.folders\n"
        "import pytest_trustml.work.randomness, pytest_trustml.work.progress; print(*sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"torch", "PIL", "pyarrow", "safetensors", "numpy", "filelock", "scipy"}
    assert not {name.partition(".")[0] for name in loaded} & heavy


def test_storing_loads_no_torch(tmp_path: Path):
    code = (
        "import sys, numpy as np\nfrom pytest_trustml.work.cache import Cache\n"
        f"c = Cache({str(tmp_path)!r})\n"
        f"with c.lock({KEY!r}): c.put({KEY!r}, {{'a': np.ones(2), 'b': ['x']}})\n"
        f"assert c.get({KEY!r})['b'] == ['x']; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {name.partition(".")[0] for name in loaded} & {"torch", "pickle5", "scipy"}


KNOWN = "26d99402c903f4cd8796458b9c84dff664e230343754991756438993a710b66a"
