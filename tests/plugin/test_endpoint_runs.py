"""A release behind an endpoint is judged by its answers, and a server that is away is told before anything runs."""

from __future__ import annotations

import pytest

from tests.unit.subjects.server import Server, serving

KEY = "sk-this-is-a-secret-key"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def test_a_check_of_answers_runs_against_an_endpoint_and_asks_once(judge, tmp_path):
    with serving(Server(lambda kind, request: request["messages"][-1]["content"].upper())) as server:
        spec = f"openai:acme/chat@{server.address}?parallel=8"
        run = judge(model=spec, checks="acme.passes")
        again = judge(model=spec, checks="acme.passes")
    assert (run.code, again.code) == (0, 0), run.output
    assert run.check("passes").subject == spec and len(run.check("passes").fingerprint) == 64
    assert f"is the model acme/chat behind {server.address}" in run.output
    assert "101 requests, 0 of them repetitions" in run.output  # one for each prompt, one for the list of models
    assert len(server.seen) == 100 and server.keys[0] == f"Bearer {KEY}"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert KEY not in run.output and not [path for path in written if KEY.encode() in path.read_bytes()]


def test_an_endpoint_that_is_away_ends_the_run_with_a_sentence(judge):
    run = judge(model="openai:acme/chat@http://127.0.0.1:9/v1?attempts=1", checks="acme.passes")
    assert run.code == 4
    assert "The endpoint http://127.0.0.1:9/v1 did not answer /models in 1 attempts: ConnectionRefusedError" in run.output
    assert "Traceback" not in run.output
