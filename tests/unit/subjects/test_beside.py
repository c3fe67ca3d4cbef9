"""What an option names beside the model: found where the model lies first, then where the user stands."""

from __future__ import annotations

import pytest

import pytest_trustml as tm


class Model:
    device, spec = "cpu", "release/model"

    def __init__(self, path):
        self.path = path


def test_beside_the_model_comes_before_the_current_directory(tmp_path, monkeypatch):
    release, here = tmp_path / "release", tmp_path / "here"
    for folder in (release / "model", here):
        folder.mkdir(parents=True)
    monkeypatch.chdir(here)
    (here / "heads.txt").write_text("here")
    model = Model(release / "model")
    assert tm.find_beside("heads.txt", model, "heads") == here / "heads.txt"
    (release / "heads.txt").write_text("there")
    assert tm.find_beside("heads.txt", model, "heads") == release / "heads.txt"
    assert tm.find_beside(str(here / "heads.txt"), model, "heads") == here / "heads.txt"
    assert tm.find_beside("heads.txt", Model(None), "heads") == here / "heads.txt", "nothing lies beside a model from elsewhere"


def test_what_is_in_neither_place_is_named_with_both(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tm.UsageError, match=r"There is no 'q16' in .*release or .*\. Check the path of the judge q16"):
        tm.find_beside("q16", Model(tmp_path / "release" / "model"), "the judge q16")
    with pytest.raises(tm.UsageError, match="There is no 'q16'"):
        tm.open_beside("q16", Model(None), "q16")
