from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.work.progress import Progress, TerminalProgress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def shown(tty: bool, label: str, total: int, steps: list[tuple[float, int]]) -> list[str]:
    clock, written = Clock(), []
    with TerminalProgress(written.append, tty=tty, clock=clock)(label, total) as step:
        for seconds, done in steps:
            clock.now += seconds
            step(done)
    return written


def test_silence_is_the_default(capsys):
    with Progress()("x", 3) as step:
        step(1)
        step()
    assert capsys.readouterr() == ("", "")


def test_lines_come_every_ten_seconds():
    assert shown(False, "work", 100, [(1, 1)] * 9) == []
    assert shown(False, "work", 100, [(5, 10)] * 10) == [
        "work: 20/100 (20 %), 0:40 left\n",
        "work: 40/100 (40 %), 0:30 left\n",
        "work: 60/100 (60 %), 0:20 left\n",
        "work: 80/100 (80 %), 0:10 left\n",
        "work: 100/100 (100 %), took 0:50\n",
    ]
    assert shown(False, "work", 3, [(11, 1), (1, 2)])[1:] == ["work: 3/3 (100 %), took 0:12\n"]


def test_a_terminal_line_is_rewritten_and_removed():
    written = shown(True, "work", 1000, [(0.3, 1), (0.1, 1), (0.1, 1), (0.1, 900)])
    assert written[0] == "\rwork: 1/1,000 (0 %), 5:00 left"
    assert written[1].startswith("\rwork: 903/1,000 (90 %), 0:00 left")
    assert written[2].strip() == ""
    assert len(written) == 3


@given(steps=st.lists(st.tuples(st.floats(0, 2), st.integers(0, 5)), max_size=50))
def test_at_most_four_updates_a_second(steps):
    written = shown(True, "work", 100, steps)
    assert len(written) <= 4 * sum(seconds for seconds, _ in steps) + 2


@given(label=st.text(st.characters(), max_size=80), tty=st.booleans())
def test_labels_are_never_obeyed(label, tty):
    for text in shown(tty, label, 3, [(20, 1), (20, 2)]):
        body = text.removeprefix("\r").removesuffix("\n") if text.strip() else ""
        assert not any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 for sign in body)
        assert "::" not in body
        assert len(body) <= 79 + (0 if tty else 79)


def test_an_error_clears_the_line():
    clock, written = Clock(), []
    bar = TerminalProgress(written.append, tty=True, clock=clock)("x", 5)
    step = bar.__enter__()
    clock.now += 1
    step(1)
    assert bar.__exit__(KeyError, KeyError(), None) is False
    assert written[-1].strip() == ""
    assert written[-1].endswith("\r")


def test_unknown_totals_and_overruns_do_not_divide_by_zero():
    assert shown(False, "x", 0, [(11, 3)]) == ["x: 3/0, took 0:11\n"]
    assert shown(False, "x", 2, [(11, 3)])[0] == "x: 3/2 (150 %), took 0:11\n"
