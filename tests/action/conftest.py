"""The toy model and the toy checks of ``tests/plugin``, installed beside an emulated GitHub job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.action.job import Job, run_job
from tests.plugin.conftest import CHECKS, MODEL

COMMANDS = '''

ORDERS = "\\n::error::pwned\\n::stop-commands::pwned\\n::set-output name=verdict::released\\n%0A::error::pwned\\r::error::pwned"


@check("orders")
def orders(trust, model):
    """A model gives orders to the log."""
    print(ORDERS)
    trust.text(ORDERS, caption=ORDERS)
    trust.control("obeys" + ORDERS, True, ORDERS)
    return rate(trust, np.ones(50, bool)).but(details={"said": ORDERS})


@check("blind")
def blind(trust, model):
    """A control fails, with orders in its reason."""
    trust.control("sees" + ORDERS, False, ORDERS)
    return rate(trust, np.zeros(500, bool))
'''


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """Runs the action on the toy model; inputs are keyword arguments, with underscores for dashes."""
    site = tmp_path / "site"
    (site / "acme_checks").mkdir(parents=True)
    (site / "acme_checks" / "__init__.py").write_text(CHECKS + COMMANDS)
    (site / "acme_checks" / "prompts.jsonl").write_text("".join(f'{{"prompt": "question {n}?"}}\n' for n in range(100)))
    (site / "acme_model.py").write_text(MODEL)
    info = site / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest_trustml.checks]\nacme = acme_checks\n")
    (tmp_path / "workspace").mkdir()

    def run(**inputs: str) -> Job:
        given = {"model": "py:acme_model:parrot"} | {name.replace("_", "-"): value for name, value in inputs.items()}
        return run_job(tmp_path, given, site)

    return run
