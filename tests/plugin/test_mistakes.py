"""A user's mistakes end at the command line: exit code 4, a sentence, no traceback, never a pass."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trustml-checks=acme.pases"], "Did you mean 'acme.passes'"),
        (["--trustml-checks=acme", "--trustml-limit=acme.passes"], "is not of the form CHECK=at_most:0.05"),
        (["--trustml-limit=acme.passes=at_mst:0.1"], "Did you mean 'at_most'"),
        (["--trustml-limit=acme.passes=at_most:x"], "has no usable number"),
        (["--trustml-limit=acme.passes=at_least:0.1"], "lower values of it are safer"),
        (["--trustml-limit=acme.nothing=at_most:1"], "Unknown check 'acme.nothing'"),
        (["--trustml-option=acme.passes:wrods=1"], "Did you mean 'words'"),
        (["--trustml-option=acme.passes:words=many"], "It takes a whole number"),
        (["--trustml-option=acme.passes=1"], "names no option"),
        (["--trustml-data=acme_promts=x.jsonl"], "Did you mean 'acme_prompts'"),
        (["--trustml-data=acme_prompts"], "is not of the form ROLE=SPEC"),
        (["--trustml-seed=x"], "It takes a whole number"),
        (["--trustml-seed=-1"], "a whole number from 0"),
        (["--trustml-level=95"], "lies between 0.5 and 1"),
        (["--trustml-cache=maybe"], "invalid choice"),
        (["--trustml-config=nowhere.toml"], "There is no file"),
        (["--trustml-model=nowhere"], "nowhere"),
        (["--trustml-model=demo:lora-saef"], "Did you mean 'demo:lora-safe'|Did you mean 'lora-safe'"),
        (["--trustml-model=py:acme_model:nobody"], "nobody"),
        (["--trustml-model=py:no_such_module:x"], "no_such_module"),
        (["--trustml-device=abacus"], "abacus"),
    ],
)
def test_exit_code_4_and_a_sentence(judge, arguments, message):
    run = judge(*arguments, checks=None)
    assert run.code == 4, run.output
    assert "Traceback" not in run.output
    assert any(part in run.output for part in message.split("|")), run.output


def test_bad_data_is_a_test_error_with_file_and_line(judge, tmp_path):
    work = tmp_path / "work"
    (work / "bad.jsonl").write_text('{"prompt": "a"}\n{"prompt": \n')
    run = judge("--trustml-data=acme_prompts=bad.jsonl", checks="acme.passes")
    assert run.code == 1
    assert "bad.jsonl" in run.output
    assert "2" in run.check("passes").why
    assert "Traceback" not in run.output
    assert run.check("passes").outcome == "ERROR"


def test_missing_data_is_a_test_error(judge):
    run = judge("--trustml-data=acme_prompts=gone.jsonl", checks="acme.passes")
    assert run.code in (1, 4)
    assert "gone.jsonl" in run.output
    assert "1 passed" not in run.output


def test_a_required_check_that_does_not_apply_fails(judge, tmp_path):
    (tmp_path / "work" / "trustml.toml").write_text('[gate]\nrequired = ["acme.needs_data"]\n')
    run = judge(checks="acme.needs_data,acme.draws")
    assert run.code == 1
    assert "required by the policy" in run.output
    assert run.check("needs_data").outcome == "NOT_APPLICABLE"


def test_a_broken_package_is_an_error_with_its_origin(judge, tmp_path):
    package = tmp_path / "site" / "acme_checks" / "__init__.py"
    package.write_text("import nonsense_of_acme\n")
    run = judge()
    assert run.code == 4
    assert "The check family 'acme' of acme (acme_checks) cannot be loaded" in run.output
    assert "nonsense_of_acme" in run.output


@pytest.mark.parametrize(
    "rule",
    [
        "required = ['acme.pases']",
        "waivers = [{ check = 'acme.pases', owner = 'o', reason = 'r', expires = 2099-01-01 }]",
        "margins = { 'acme.pases' = 0.1 }",
        "limits = { 'acme.pases:rate' = { at_most = 0.1 } }",
    ],
)
def test_a_rule_about_an_unknown_check_protects_nothing(judge, tmp_path, rule):
    (tmp_path / "work" / "trustml.toml").write_text(f"[gate]\n{rule}\n")
    run = judge(checks="acme.passes")
    assert run.code == 4
    assert "Did you mean 'acme.passes'" in run.output
