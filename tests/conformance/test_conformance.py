"""Every check keeps the laws that its specimen allows to try."""

from __future__ import annotations

import pytest

import pytest_trustml as tm
from pytest_trustml.checks.registry import Registry
from tests.conformance.specimens import LONG, QUICK


@pytest.mark.parametrize("law", tm.conformance.laws(*QUICK), ids=str)
def test_conformance(law, tmp_path):
    law(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("law", tm.conformance.laws(*LONG), ids=str)
def test_conformance_of_checks_that_ask_much(law, tmp_path):
    law(tmp_path)


def test_every_shipped_check_explains_itself(tmp_path):
    explains = tm.conformance.LAWS["explains-itself"]
    for check in Registry().all():
        explains(tm.conformance.Specimen(check, None, None, {}), tmp_path)
