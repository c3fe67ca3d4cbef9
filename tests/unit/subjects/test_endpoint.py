"""A model behind an endpoint: its answers, and what happens when the server is dead, slow, busy, torn or talks garbage."""

from __future__ import annotations

import hashlib

import pytest

import pytest_trustml as tm
from pytest_trustml.subjects.endpoint import Endpoint, Manners
from pytest_trustml.subjects.from_openai import BLOCKED
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.observe import observe
from tests.unit.subjects.server import Server, serving

QUICK = "attempts=3&pause=0.01&timeout=0.3&parallel=2"


def echo(kind, request):
    if kind == "plain":
        return f"{request['prompt']} and on"
    said = " | ".join(f"{message['role']}: {message['content']}" for message in request["messages"])
    most = request.get("max_tokens", request.get("max_completion_tokens"))
    return f"{said} ({most}, {request['temperature']:g}, {request['seed']})"


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def server():
    with serving(Server(echo)) as running:
        yield running


def opened(server, how=QUICK):
    return tm.open_subject(f"openai:acme/chat@{server.address}?{how}")


def test_conversations_and_continued_texts(server):
    text = opened(server).text
    assert text.generate(["hi", "ho"], max_new_tokens=5, seed=3) == ["user: hi (5, 0, 3)", "user: ho (5, 0, 3)"]
    assert text.generate(["hi"], system="be kind", temperature=0.5) == ["system: be kind | user: hi (64, 0.5, 0)"]
    assert text.generate(["hi"], system="") == ["user: hi (64, 0, 0)"]
    assert text.generate(["once"], chat=False) == ["once and on"]
    assert text.generate([]) == []
    assert {body["model"] for body in server.seen} == {"acme/chat"}


def test_it_is_asked_several_times_at_once_and_answers_keep_their_order(server):
    server.delay = 0.05
    prompts = [f"p{number}" for number in range(12)]
    answers = opened(server, "parallel=4").text.generate(prompts)
    assert [answer.split()[1] for answer in answers] == prompts
    assert 2 <= server.most_at_once <= 4


@pytest.mark.parametrize("mood", ["busy", "broken", "garbage", "empty", "number", "torn", "dead", "slow"])
def test_it_is_asked_again_after_a_bad_reply(server, mood, monkeypatch):
    waited = []
    subject = opened(server)
    monkeypatch.setattr(subject.text._endpoint, "_sleep", waited.append)
    server.moods = [mood]
    assert subject.text.generate(["hi"]) == ["user: hi (64, 0, 0)"]
    assert len(server.seen) == 2 and waited[-1] == (0.01 if mood != "busy" else waited[-1])
    assert subject.usage == "2 requests, 1 of them repetitions"


def test_the_server_says_how_long_to_wait(server, monkeypatch):
    waited = []
    endpoint = Endpoint(server.address, Manners(pause=0.5, attempts=4), sleep=waited.append)
    server.moods = ["broken", "busy", "broken"]
    assert endpoint.ask("/chat/completions", {"messages": [], "temperature": 0, "seed": 0}, lambda reply: reply["choices"])
    assert waited == [0.5, 3.0, 6.0]


@pytest.mark.parametrize("mood", ["broken", "garbage", "torn", "dead", "slow"])
def test_it_is_given_up_in_the_end(server, mood):
    server.moods = [mood] * 9
    with pytest.raises(
        tm.SubjectError, match=r"did not answer /chat/completions in 3 attempts: .*Check that it runs"
    ) as caught:
        opened(server).text.generate(["hi"])
    assert len(server.seen) == 3 and "\n" not in str(caught.value)


def test_nobody_there():
    with pytest.raises(tm.SubjectError, match="did not answer /models in 2 attempts: ConnectionRefusedError"):
        assert tm.open_subject("openai:x@http://127.0.0.1:9/v1?attempts=2&pause=0.01").fingerprint


def test_no_further_requests_after_one_that_failed(server):
    server.moods = ["locked"] * 99
    with pytest.raises(tm.SubjectError, match="HTTP 401"):
        opened(server).text.generate([f"p{number}" for number in range(50)])
    assert len(server.seen) < 10


def test_the_key_comes_from_the_environment_and_is_never_shown(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-secret")
    server.moods = ["locked"]
    subject = opened(server, f"{QUICK}&key=MY_KEY")
    with pytest.raises(tm.SubjectError, match="HTTP 401 wrong key Bearer") as caught:
        subject.text.generate(["hi"])
    assert set(server.keys) == {"Bearer sk-secret"}
    assert "secret" not in str(caught.value) and "MY_KEY" in str(caught.value)
    assert "\x1b" not in str(caught.value) and "\n" not in str(caught.value)
    assert "secret" not in repr(subject) + subject.id + subject.fingerprint + subject.description + subject.usage


def test_without_a_key_none_is_sent(server):
    opened(server).text.generate(["hi"])
    assert server.keys == [None]


def test_a_key_never_travels_in_the_open(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with pytest.raises(tm.UsageError, match=r"would go to models\.example without encryption\. Write https"):
        tm.open_subject("openai:x@http://models.example/v1")
    tm.open_subject("openai:x@https://models.example/v1")


def test_it_follows_nobody_to_another_address(server, monkeypatch):
    server.moods = ["away"]
    with pytest.raises(tm.SubjectError, match=r"HTTP 302 it points to http://elsewhere\.example/v1; give that address"):
        opened(server).text.generate(["hi"])
    assert len(server.seen) == 1


def test_the_provider_s_filter_is_an_answer(server):
    server.moods = ["filtered"]
    assert opened(server, "parallel=1").text.generate(["bad", "good"]) == [BLOCKED, "user: good (64, 0, 0)"]


def test_other_ways_to_answer(server):
    server.moods = ["refusing", "parts", "modern"]
    text = opened(server, "parallel=1").text
    assert text.generate(["a", "b", "c", "d"]) == ["I will not.", "ab", "user: c (64, 0, 0)", "user: d (64, 0, 0)"]
    assert [sorted({"max_tokens", "max_completion_tokens"} & set(body)) for body in server.seen] == [
        ["max_tokens"], ["max_tokens"], ["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"],
    ]  # fmt: skip


def test_requests_side_by_side_all_learn_the_newer_name_of_the_limit(server):
    server.modern, server.delay = True, 0.05
    answers = opened(server, "parallel=4").text.generate([f"p{number}" for number in range(8)])
    assert [answer.split()[1] for answer in answers] == [f"p{number}" for number in range(8)]
    assert sum("max_tokens" in body for body in server.seen) <= 4


def test_no_more_requests_than_allowed(server):
    text = opened(server, "most=3&parallel=1").text
    with pytest.raises(tm.SubjectError, match=r"was asked 3 times, all that this run may \(most=3\)"):
        text.generate([str(number) for number in range(5)])
    assert len(server.seen) == 3


def test_the_rate_is_kept():
    now, waited = [0.0], []

    def sleep(seconds):
        waited.append(seconds)
        now[0] += seconds

    with serving(Server(echo)) as running:
        endpoint = Endpoint(running.address, Manners(rate=30), sleep=sleep, clock=lambda: now[0])
        for _ in range(3):
            endpoint.ask("/models", None, lambda reply: reply["data"])
    assert waited == [2.0, 2.0]


def test_what_it_is_and_what_it_cannot_do(server):
    subject = opened(server)
    assert subject.capabilities == ("text",) and subject.kind == "endpoint" and subject.device == "cpu"
    assert subject.description == f"the model acme/chat behind {server.address}"
    assert "answers in text and shows nothing else; classifier needs" in subject.why_not("classifier")
    with pytest.raises(tm.Unsupported, match="it has no sequence_logprobs"):
        subject.text.sequence_logprobs(["a"], ["b"])


def test_the_fingerprint_is_what_the_server_says_about_the_model(server):
    first = opened(server).fingerprint
    assert first == opened(server, "parallel=9").fingerprint  # how it is asked changes no answer
    server.models = [{"id": "acme/chat", "created": 8}]
    assert opened(server).fingerprint != first
    server.models = [{"id": "acme/other"}]
    with pytest.raises(tm.SubjectError, match=r"has no model 'acme/chat'\. It has acme/other"):
        assert opened(server).fingerprint
    server.models = None
    assert len(opened(server).fingerprint) == len(hashlib.sha256().hexdigest())


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("openai:chat", "is written openai:MODEL@http://host/v1"),
        ("openai:@http://h/v1", "is written openai:MODEL"),
        ("openai:m@ftp://h/v1", "is written openai:MODEL"),
        ("openai:m@http://me:pass@h/v1", "without a key or password in it"),
        ("openai:m@http://h/v1?speed=9", "speed"),
        ("openai:m@http://h/v1?parallel=many", "The endpoint's setting parallel is 'many'. It takes a number"),
        ("openai:m@http://h/v1?parallel=0", "cannot be meant: parallel, most and attempts are at least 1"),
    ],
)
def test_specs_that_cannot_be_meant(spec, words):
    with pytest.raises(tm.UsageError, match=words) as caught:
        tm.open_subject(spec)
    assert "pass@" not in str(caught.value)


def test_a_run_that_broke_off_goes_on_where_it_was(server, tmp_path):
    data = tm.Dataset({"prompt": [f"question {number:02d}" for number in range(40)]})
    cache = Cache(tmp_path)
    server.moods = ["well"] * 20 + ["locked"] * 99
    with pytest.raises(tm.SubjectError, match="HTTP 401"):
        observe(tm.generate, opened(server, "parallel=1"), data, cache=cache)
    asked = len(server.seen)
    server.moods = []
    answers = observe(tm.generate, opened(server, "parallel=1"), data, cache=cache)
    assert [answer.split()[2] for answer in answers] == [f"{number:02d}" for number in range(40)]
    assert len(server.seen) - asked == 40 - 16  # one part of sixteen was kept
    assert observe(tm.generate, opened(server, "parallel=1"), data, cache=cache) == answers
    assert len(server.seen) - asked == 40 - 16
    assert b"sk-" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_model_answers_through_the_endpoint_as_it_does_itself(llama):
    model = tm.open_subject(str(llama))

    def answer(kind, request):
        prompt = request["prompt"] if kind == "plain" else request["messages"][-1]["content"]
        return model.text.generate([prompt], chat=kind == "chat", max_new_tokens=request["max_tokens"])[0]

    prompts = ["the cat sat", "how do i make cake", "no"]
    with serving(Server(answer)) as running:
        remote = opened(running, "parallel=1").text
        for chat in (True, False):
            assert remote.generate(prompts, chat=chat, max_new_tokens=6) == model.text.generate(
                prompts, chat=chat, max_new_tokens=6
            )
