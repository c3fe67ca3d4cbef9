"""Questions before a run."""

from __future__ import annotations


def test_list_shows_needs_roles_limits_costs_and_demos(judge):
    run = judge("--trustml-list", model=None, checks=None)
    assert run.code == 0
    for words in (
        "acme.passes", "Answers are observed", ".text", "at most 0.05", "cost: seconds", "acme_prompts (has a default)",
        "acme_members (must be supplied)", "lora_safety.harmful_rate_increase", "demo:lora-safe",
    ):  # fmt: skip
        assert words in run.output


def test_list_can_be_narrowed(judge):
    assert "lora_safety" not in judge("--trustml-list", model=None, checks="acme").output.partition("demo releases")[0]


def test_explain_prints_the_page(judge):
    run = judge("--trustml-explain=acme.passes", model=None, checks=None)
    assert run.code == 0
    for words in ("acme.passes (version 1)", "column prompt: a question", "Option: words = 4", "Acme (2026)"):
        assert words in run.output
    wrong = judge("--trustml-explain=acme.pases", model=None, checks=None)
    assert wrong.code == 4
    assert "Did you mean 'acme.passes'" in wrong.output


def test_help_shows_every_option_in_one_group(judge):
    from pytest_trustml.plugin.options import OPTIONS

    text = judge("--help", model=None, checks=None).output
    group = text.partition("ML trustworthiness")[2]
    for option in OPTIONS:
        assert f"--trustml-{option.name}" in group
        assert option.help[0].isupper() and option.help.endswith(".")
