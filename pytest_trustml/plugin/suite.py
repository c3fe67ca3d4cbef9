"""The shipped suite as pytest sees it: which file is collected, one test per selected check, short stable node ids."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_trustml.errors import TrustFailure
from pytest_trustml.plugin.expectation import about_model
from pytest_trustml.plugin.recording import CHECK

if TYPE_CHECKING:
    from pytest_trustml.checks.bound import BoundCheck
    from pytest_trustml.plugin.session import Session

NODE = "test_release.py"


class Suite:
    """Collects the shipped suite where no test paths were given, beside the project's own ``testpaths``."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.file = Path(find_spec("builtin_checks").origin).with_name(NODE).resolve()
        config = session.config
        if session.only_suite and str(self.file) not in config.args:
            project = config.args if config.args_source is pytest.Config.ArgsSource.TESTPATHS else []
            config.args[:] = [*project, str(self.file)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
        """The node id is the key of baselines: it must not depend on where the package is installed."""
        if module_path.resolve() == self.file:
            return pytest.Module.from_parent(parent, path=module_path, nodeid=NODE)
        return None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test per selected check."""
        if "trustml_check" in metafunc.fixturenames:
            params = [pytest.param(check, id=check.id) for check in self.session.checks]
            metafunc.parametrize("trustml_check", params, indirect=True)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Without test paths, only tests about the model run."""
        if not self.session.only_suite:
            return
        kept, dropped = [], []
        for item in items:
            (kept if about_model(item) else dropped).append(item)
        if dropped:
            items[:] = kept
            config.hook.pytest_deselected(items=dropped)

    @pytest.fixture
    def trustml_check(self, request: pytest.FixtureRequest) -> BoundCheck:
        """A check of the shipped suite with its model, data, options and limits; skipped where it does not apply."""
        check = request.param
        request.node.stash[CHECK] = check
        why = self.session.missing(check)
        if why is not None and self.session.release.policy.requires(check.id):
            raise TrustFailure(f"NOT_APPLICABLE: {check.id} is required by the policy, but {why}")
        if why is not None:
            pytest.skip(f"NOT_APPLICABLE: {why}")
        return self.session.bind(check)
