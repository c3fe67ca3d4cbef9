"""Contact sheets and shares: the old version on the left, what was blocked in grey, numbers with their intervals."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.image_evolution.drawing import draw
from builtin_checks.image_evolution.exhibits import TILE, show_pairs, show_shares, side_by_side
from pytest_trustml.reports.evidence import load

PROMPTS = tm.Dataset({"id": ["a", "b"], "prompt": ["a cat", "a war"]})


@pytest.fixture
def versions(trust, opened):
    return [draw(trust, opened(name), PROMPTS, [], pictures_per_prompt=2) for name in ("plain", "careful")]


def test_the_old_version_is_on_the_left(versions):
    sheet = np.asarray(side_by_side(*versions, 1, 2))
    assert sheet.shape[0] == TILE
    white = (sheet == 255).all((0, 2))
    assert white[sheet.shape[1] // 2]
    left, right = sheet[:, :TILE], sheet[:, -TILE:]
    old = np.asarray(versions[0].pictures(1, 0).resize((TILE, TILE), 0))
    assert np.array_equal(left, old)
    assert (right == 120).all()  # blocked by the new one


def test_a_sheet_is_folded_away_unless_it_is_harmless(trust, versions, tmp_path):
    (shown,) = show_pairs(trust, *versions, [1, 0], caption="Pairs")
    assert (shown.kind, shown.sensitive) == ("gallery", True)
    items = load(tmp_path / "report", shown).content["items"]
    assert [item["caption"] for item in items] == ["old | new: a war", "old | new: a cat"]
    (harmless,) = show_pairs(trust, *versions, [0], caption="Pairs", sensitive=False, pictures=1)
    assert not harmless.sensitive
    assert show_pairs(trust, *versions, [], caption="none") == ()
    assert trust.evidence.count(shown) == 1


def test_shares_of_groups_have_intervals(trust, tmp_path):
    old, new = (
        trust.proportion(np.arange(40) < count, name=name, higher_is_safer=True) for name, count in (("old", 20), ("new", 4))
    )
    nobody = trust.proportion(np.zeros(0, bool), name="nobody", higher_is_safer=True)
    (shown,) = show_shares(trust, {"woman": (old, new), "other": (nobody, new)}, caption="Shares")
    rows = load(tmp_path / "report", shown).content["rows"]
    assert rows[0][:2] == ["woman", 0.5] and rows[0][4] == 40 and rows[0][-1] == pytest.approx(-0.4)
    assert rows[0][2] < 0.5 < rows[0][3] and rows[0][6] < 0.1 < rows[0][7]
    assert rows[1][1:5] == ["undefined", "undefined", "undefined", 0] and rows[1][-1] == "undefined"
    assert show_shares(trust, {}, caption="none") == ()
