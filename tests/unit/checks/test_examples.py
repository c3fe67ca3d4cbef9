"""What every single example measured: kept by hashes, with the mean as the measurement, and nothing of the text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trustml as tm
from pytest_trustml.checks.trust import Trust
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress

PROMPTS = [f"SECRET question number {index}?" for index in range(30)]


@pytest.fixture
def trust(tmp_path):
    cache = Cache(tmp_path / "cache", "off")
    return Trust(name="acme.rate", seed=0, level=0.95, cache=cache, store=EvidenceStore(tmp_path), progress=Progress())


def kept(trust, measurement, tmp_path):
    examples = trust.recorded(measurement, None).examples
    return examples, json.loads((tmp_path / examples.path).read_text())


@pytest.mark.parametrize(
    ("function", "arguments", "more"),
    [
        ("proportion", ([True, False] * 15,), {}),
        ("mean", (np.linspace(-1, 1, 30) ** 3,), {"unit": "nat"}),
        ("paired_rate_difference", ([1, 0] * 15, [0, 0] * 15), {}),
        ("paired_mean_difference", (np.arange(30.0), np.ones(30)), {"unit": "nat"}),
    ],
)
def test_the_mean_of_the_examples_is_the_measurement(trust, tmp_path, function, arguments, more):
    rows = tm.Dataset({"prompt": PROMPTS})
    found = getattr(trust, function)(*arguments, name="rate", higher_is_safer=False, of=rows, **more)
    plainly = getattr(trust, function)(*arguments, name="rate", higher_is_safer=False, **more)
    assert found == plainly
    examples, content = kept(trust, found, tmp_path)
    assert (examples.n, len(content["keys"])) == (30, 30)
    assert np.mean(content["values"]) == pytest.approx(found.value)
    assert content["keys"] == rows.keys
    assert "SECRET" not in json.dumps(content)
    assert not set(content["keys"]) & set(rows.ids)


def test_clusters_are_numbered_not_named(trust, tmp_path):
    rows = tm.Dataset({"prompt": PROMPTS})
    names = [f"SECRET topic {index % 5}" for index in range(30)]
    found = trust.proportion([True] * 30, name="rate", higher_is_safer=False, of=rows, cluster=names)
    _, content = kept(trust, found, tmp_path)
    assert content["clusters"] == [index % 5 for index in range(30)]


def test_without_rows_nothing_is_kept(trust):
    found = trust.proportion([True] * 30, name="rate", higher_is_safer=False)
    assert trust.recorded(found, None).examples == "none"


def test_rows_and_values_must_belong_together(trust):
    rows = tm.Dataset({"prompt": PROMPTS})
    with pytest.raises(tm.UsageError, match=r"values of the shape \(29,\) for 30 rows"):
        trust.proportion([True] * 29, name="rate", higher_is_safer=False, of=rows)
    with pytest.raises(tm.UsageError, match=r"bootstrap\(\) takes no of=: it is no mean over examples"):
        trust.bootstrap(np.median, np.arange(30), rng=trust.rng, name="m", unit="nat", higher_is_safer=True, of=rows)
    with pytest.raises(tm.UsageError, match="Hand in the Dataset"):
        trust.proportion([True] * 30, name="rate", higher_is_safer=False, of=rows.ids)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True), st.randoms())
def test_a_key_belongs_to_id_and_content_not_to_the_place(texts, random):
    rows = tm.Dataset({"prompt": texts, "id": [f"r{index}" for index in range(len(texts))]})
    order = list(range(len(texts)))
    random.shuffle(order)
    assert rows.take(order).keys == [rows.keys[index] for index in order]
    assert len(set(rows.keys)) == len(texts)
    renamed = tm.Dataset({"prompt": texts, "id": [f"s{index}" for index in range(len(texts))]})
    changed = tm.Dataset({"prompt": [text + "!" for text in texts], "id": [f"r{index}" for index in range(len(texts))]})
    assert not set(rows.keys) & (set(renamed.keys) | set(changed.keys))
