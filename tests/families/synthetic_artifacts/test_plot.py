"""The audit of plots from texts whose origin is planted: told from pixels, never by style, and never of what is no chart."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.charts import draw, show
from builtin_checks.synthetic_artifacts.checks.plot import plot
from builtin_checks.synthetic_artifacts.styles import draw_style
from pytest_trustml.checks.bound import BoundCheck
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.record import encode
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.synthetic_artifacts.test_charts import letters

pytestmark = pytest.mark.slow  # draws reference plots and trains on them

WORLDS = {"real": 600, "synthetic": 12}
"""Size of the vocabulary: the machine knows few words."""
OPTIONS = {"chart": "bar", "texts": 60, "training": 40, "calibration": 24}


def pool(origin, seed=0, count=300):
    found = letters(count, WORLDS[origin], seed)
    return tm.Dataset({"text": found.texts, "label": found.labels})


def picture(origin, path, chart="bar", seed=77):
    found = letters(60, WORLDS[origin], seed)
    draw(show(chart, *found, projection="pca"), draw_style(np.random.default_rng(seed))).save(path)
    return path


def run(path, folder, *, real=None, synthetic=None, points=None, **options):
    trust = tm.Trust(
        name=plot.id, seed=0, level=0.95, cache=Cache(folder / "cache"), store=EvidenceStore(folder / "report"),
        progress=Progress(),
    )  # fmt: skip
    data = {"real": real or pool("real", 1), "synthetic": synthetic or pool("synthetic", 2)}
    bound = BoundCheck(
        check=plot, model=tm.open_subject(str(path)), companions={}, data=data | ({} if points is None else {"points": points}),
        options={**plot.options, **OPTIONS, **options}, limits=plot.limits,
    )  # fmt: skip
    record, _ = bound.run(trust)
    assert encode(record)
    return record


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One folder, so that reference plots are drawn once."""
    return tmp_path_factory.mktemp("plots")


def broken(record):
    return {control.name for control in record.controls if not control.ok}


@pytest.mark.parametrize(
    ("origin", "declared", "outcome"),
    [
        ("synthetic", "real", "FAIL"),
        ("real", "real", "PASS"),
        ("real", "synthetic", "FAIL"),
        ("synthetic", "synthetic", "PASS"),
    ],
)
def test_the_declaration_is_judged(place, tmp_path, origin, declared, outcome):
    record = run(picture(origin, tmp_path / "plot.png"), place, declared=declared)
    assert record.outcome == outcome, (record.why, record.controls)


def test_one_bad_picture_of_two_fails_only_after_correction(place, tmp_path):
    for origin in WORLDS:
        picture(origin, tmp_path / f"{origin}.png")
    record = run(tmp_path, place)
    assert record.outcome == "INCONCLUSIVE", record.why  # 2 / 25 is more than 5 %: two pictures need 39 calibration plots


def test_what_is_no_chart_never_passes(place, tmp_path):
    blank, noise = tmp_path / "blank.png", tmp_path / "noise.png"
    Image.new("RGB", (200, 200), "white").save(blank)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)).save(noise)
    assert "something is drawn" in broken(run(blank, place))
    for path in (blank, noise, picture("real", tmp_path / "line.png", "line")):
        record = run(path, place)
        assert record.outcome == "INVALID", (path.name, record.why)
    assert "the pictures are of this kind of chart" in broken(record)


def test_pools_of_one_origin_cannot_be_audited(place, tmp_path):
    record = run(picture("real", tmp_path / "plot.png"), place, synthetic=pool("real", 9))
    assert record.outcome == "INVALID", record.why


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"declared": "fake"}, tm.UsageError, "declared is 'fake'. Choose real, synthetic"),
        ({"chart": "pie"}, tm.UsageError, "chart is 'pie'"),
        ({"calibration": 5}, tm.UsageError, "calibration is 5. It must be at least 20"),
        ({"texts": 200}, tm.DataError, "The real texts have 150 of class '(north|south)'; plots of 200 texts need 200"),
        ({"real": tm.Dataset({"text": ["a"], "label": ["x"]})}, tm.DataError, "give both pools the same classes"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_drawn(tmp_path, given, error, message):
    with pytest.raises(error, match=message):
        run(picture("real", tmp_path / "plot.png"), tmp_path, **given)
    assert not (tmp_path / "cache" / "built").exists()


def test_points_belong_to_scatter_plots(place, tmp_path):
    points = tm.Dataset({"x": [0.0, 1.0], "y": [1.0, 0.0], "label": ["a", "b"]})
    with pytest.raises(tm.UsageError, match="but the chart has none. Set chart to scatter"):
        run(picture("real", tmp_path / "plot.png"), place, points=points)
