"""Pictures divided over processes: the merged sums are those of one process, in half precision too."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from builtin_checks.encoder_memorization.observations import PARTS, layers_of, merge_units, summary_of

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
TINY = ["--device", "cpu", "--images", "24", "--side", "32", "--width", "32", "--blocks", "2", "--batch", "8"]


@pytest.fixture
def benchmark(monkeypatch):
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not part of this installation")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu_encoder

    return gpu_encoder


def same(one, other, tolerance):
    assert layers_of(one) == layers_of(other) and len(layers_of(one)) == 4
    for layer in layers_of(one):
        a, b = summary_of(one, layer), summary_of(other, layer)
        assert set(a) == set(PARTS)
        assert a["count"].tolist() == b["count"].tolist() == [24]
        scale = a["top"][:, 0].max()
        for part in ("rest", "halves"):
            assert np.allclose(a[part], b[part], rtol=tolerance, atol=24 * tolerance * scale), (layer, part)
        known = a["who"] < 24
        assert (known == (b["who"] < 24)).all()
        assert np.allclose(a["top"][known], b["top"][known], rtol=tolerance, atol=tolerance * scale), layer


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("bfloat16", 0.02)])
def test_shards_merge_to_the_whole(benchmark, tmp_path, dtype, tolerance):
    given = benchmark.options([*TINY, "--dtype", dtype])
    benchmark.save_encoder(tmp_path, given)
    whole, taken = benchmark.summed(str(tmp_path), given, 0, 24)
    assert taken > 0
    shards = [benchmark.summed(str(tmp_path), given, start, count)[0] for start, count in ((0, 5), (5, 12), (17, 7))]
    same(functools.reduce(merge_units, shards), whole, tolerance)
    same(functools.reduce(merge_units, reversed(shards)), whole, tolerance)


@pytest.mark.slow
def test_two_processes_give_what_one_gives(benchmark, capsys):
    one, two = (benchmark.measure(benchmark.options([*TINY, "--dtype", "float32", "--workers", n])) for n in ("1", "2"))
    same(one, two, 1e-4)
    assert "2 process(es): 24 pictures, 4 layers" in capsys.readouterr().out


def test_what_cannot_be_run_is_said(benchmark):
    import torch

    with pytest.raises(SystemExit, match="multiple of 16"):
        benchmark.options([*TINY[:4], "--side", "20"])
    if not torch.cuda.is_available():
        with pytest.raises(SystemExit, match="--device cpu"):
            benchmark.options([])
