"""The model card's YAML: what the hub's own library reads back, and nothing that tells where anything lies."""

from __future__ import annotations

import pytest
import yaml
from huggingface_hub.repocard_data import EvalResult, model_index_to_eval_results

from pytest_trustml.reports.model_card import model_index
from pytest_trustml.result.record import RunRecord, Source
from tests.unit.reports.gated_records import gated, hostile_gated
from tests.unit.reports.hostile_records import HOSTILE, check, measurement, run
from tests.unit.reports.test_report_views import OBEYED


def read(record: RunRecord) -> tuple[str, list[EvalResult]]:
    tree = yaml.safe_load(model_index(record))
    assert list(tree) == ["model-index"]
    return model_index_to_eval_results(tree["model-index"])


def test_every_measurement_comes_back() -> None:
    data = {
        "members": Source(spec="/data/secret/m.jsonl", fingerprint="aa", n=9),
        "others": Source(spec="/data/o", fingerprint="bb"),
    }
    lost = measurement(
        "lost", value="undefined", low="undefined", high="undefined", level="undefined", n=0, outcome="INCONCLUSIVE"
    )
    record = run(
        check(data=data),
        check("acme.more", data=data, measurements=(measurement(), lost), outcome="INCONCLUSIVE"),
        check("acme.plain", data={"others": data["others"]}),
        check("other.rate"),
        check("acme.absent", outcome="NOT_APPLICABLE", measurements=()),
        model="/home/ann/releases/v2/",
    )
    name, found = read(record)
    assert name == "v2" and len(found) == 5
    assert [entry.metric_type for entry in found] == ["acme.rate", "acme.more", "acme.more", "acme.plain", "other.rate"]
    first, lost_again = found[0], found[2]
    assert (first.task_type, first.dataset_name, first.dataset_type) == ("acme", "members, others", "members+others")
    assert first.dataset_revision == "aa+bb" and first.dataset_args["members"] == {"fingerprint": "aa", "n": 9}
    assert first.verified is False and first.metric_value == 0.0123456789
    assert first.metric_args["high"] == 0.0287654321 and first.metric_args["n"] == 300 and first.metric_args["seed"] == 7
    assert lost_again.metric_value == lost_again.metric_args["low"] == "undefined"
    assert found[4].dataset_type == "none"
    text = model_index(record).decode()
    assert "/home" not in text and "/data" not in text and "secret" not in text and text.count("dataset:") == 3


@pytest.mark.parametrize("record", [run(), gated(), hostile_gated(HOSTILE)])
def test_it_is_plain_yaml_whatever_the_words(record: RunRecord) -> None:
    text = model_index(record).decode()
    assert not OBEYED.search(text) and "!!" not in text and "::" not in text
    assert not any(row.lstrip().startswith(("::", "---", "...")) for row in text.splitlines())
    name, found = read(record)
    assert name and len(found) == sum(len(entry.measurements) for entry in record.checks)


def test_a_name_without_a_folder() -> None:
    hub = f"hf:org/name@{'a' * 40}"
    for model, name in {".": "model", hub: hub, "demo:lora-safe": "demo:lora-safe"}.items():
        assert yaml.safe_load(model_index(run(model=model)))["model-index"][0]["name"] == name
