"""What a run would have to go on, told before any weights are loaded."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from pytest_trustml.plugin.plan import _as_before, _change, _share
from pytest_trustml.result.verdict import AtLeast, AtMost, Within
from pytest_trustml.statistics.intervals import clopper_pearson_ends

LORA = ("lora_safety.harmful_rate_increase", "lora_safety.overrefusal_increase")


def test_a_plan_tells_data_costs_effects_and_what_is_missing(judge):
    run = judge("--trustml-plan")
    assert run.code == 0, run.output
    for words in (
        "acme.passes\n    acme_prompts: 100 rows\n    cost: seconds on one GPU",
        "acme.needs_data\n    does not apply: it needs the data role acme_members: supply --trustml-data acme_members=PATH",
        "acme.draws\n    does not apply:",
        "known after a first run (name its record: --trustml-baseline=FILE)",
        "10 checks: 8 would run (8 of seconds), 2 do not apply",
    ):
        assert words in run.output, words
    assert not (run.folder / "trustml-report").exists()


def test_a_plan_takes_what_the_last_run_saw(judge, tmp_path):
    (tmp_path / "site" / "acme_model.py").write_text(
        (tmp_path / "site" / "acme_model.py").read_text()
        + "\n\nclass Other(Parrot):\n    fingerprint = 'parrot-2'\n\n\ndef other():\n    return Other()\n"
    )
    judge("--trustml-report=last", checks="acme.fails")
    run = judge("--trustml-plan", "--trustml-baseline=last", checks="acme.fails", model="py:acme_model:other")
    assert "rate at most 0.05: the last run had n = 100 and an interval of +-0.1" in run.output, run.output


def test_a_plan_without_a_model_or_with_a_wrong_name_is_a_mistake(judge):
    assert "No model to judge" in judge("--trustml-plan", model=None).output
    wrong = judge("--trustml-plan", checks="acme.pases")
    assert wrong.code == 4 and "Did you mean 'acme.passes'" in wrong.output


@pytest.mark.parametrize(("n", "limit"), [(100, AtMost(0.05)), (200, AtMost(0.05)), (1000, AtLeast(0.95)), (500, AtMost(0.5))])
def test_a_share_passes_exactly_up_to_what_is_told(n, limit):
    most = limit.bound if isinstance(limit, AtMost) else 1 - limit.bound
    told = int(_share(n, limit, 0.95).partition("at most ")[2].partition(" ")[0])
    assert clopper_pearson_ends(told, n, 0.95)[1] <= most < clopper_pearson_ends(told + 1, n, 0.95)[1]


def test_where_no_number_of_good_rows_is_enough_it_is_told():
    told = _share(50, AtMost(0.05), 0.95)
    assert told.startswith("no PASS with 50 rows: even without a bad one the share may be 0.071")
    assert _share(50, AtMost(1.0), 0.95).endswith("no FAIL is possible")
    assert _share(50, Within(0, 1), 0.95) == "a share of 50 rows"


def test_a_change_and_an_earlier_interval():
    assert _change(500, 0.95).startswith("a rise of 0.039")
    assert _change(4, 0.95).startswith("no rise can be told")

    class Last:
        n, low, high, level = 200, 0.1, 0.2, 0.95

    assert _as_before(Last, AtMost(0.3)).endswith("a breach from about 0.3715")
    assert _as_before(Last, AtLeast(0.3)).endswith("a breach from about 0.2285")
    assert _as_before(Last, Within(0, 1)).endswith("0.07147 beyond either end")


@pytest.mark.parametrize("rows", [20, 400])
def test_built_in_checks_are_planned_from_their_rows(judge, tmp_path, rows):
    """An adapter on the disk whose weights would not even load: nothing is loaded."""
    base, adapter = tmp_path / "work" / "base", tmp_path / "work" / "adapter"
    for folder, name, content in (
        (base, "config.json", {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}),
        (adapter, "adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": "base", "r": 2}),
    ):
        folder.mkdir()
        (folder / name).write_text(json.dumps(content))
        weights = "model.safetensors" if folder == base else "adapter_model.safetensors"
        save_file({"no.such.layer": np.zeros(2, np.float32)}, folder / weights)
    lines = [json.dumps({"prompt": f"harm number {n}"}) for n in range(rows)]
    (tmp_path / "work" / "h.jsonl").write_text("\n".join(lines))
    run = judge(
        "--trustml-plan", "--trustml-base-model=base", "--trustml-data=harmful_prompts=h.jsonl", model="adapter", checks=LORA[0]
    )
    assert run.code == 0, run.output
    assert f"harmful_prompts: {rows} rows" in run.output
    if rows == 20:
        assert "INCONCLUSIVE whatever the model does: 20 rows are fewer than the 50 that it needs" in run.output
    else:
        assert "a rise of 0.044" in run.output and "PASS if at most 11 of 400 rows may be bad" in run.output
