"""The state of one judging session: what was asked for, opened once and shared by all tests of this process."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_trustml.checks.bound import BoundCheck, missing, set_limits, set_options
from pytest_trustml.checks.check import COMPANIONS, Check
from pytest_trustml.checks.registry import Registry
from pytest_trustml.checks.trust import Trust
from pytest_trustml.checks.veil import Veil
from pytest_trustml.data import open_data
from pytest_trustml.data.roles import Role
from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.plugin.baseline import open_baseline
from pytest_trustml.plugin.discretion import Discretion
from pytest_trustml.plugin.options import DEFAULTS, given, number, pairs
from pytest_trustml.plugin.scratch import Scratch
from pytest_trustml.release.demos import demo_directory
from pytest_trustml.release.release import Located, Release, open_release
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.policy import covers
from pytest_trustml.result.verdict import Limit, parse_limit
from pytest_trustml.subjects import open_subject
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.folders import cache_root
from pytest_trustml.work.progress import Progress

if TYPE_CHECKING:
    from pytest_trustml.comparison.recorded import Recorded
    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.subjects.subject import Subject


class Session:
    """Everything that tests of one process share. Made in every process, also in each xdist worker."""

    def __init__(self, config: pytest.Config, progress: Progress) -> None:
        self.config = config
        self.progress = progress
        self.cwd = Path(config.invocation_params.dir)
        self.registry = Registry()
        self.release = self._open_release()
        self.seed: int = number(self.setting("seed"), "seed", int)
        self.level: float = number(self.setting("level"), "level", float)
        self.device: str = self.setting("device")
        self.inconclusive: str = self.setting("inconclusive")
        self.redact: bool = bool(self.setting("redact"))
        self.cache_mode: str = self._cache_mode()
        self.report = self.cwd / self.setting("report")
        self.veil = Veil()
        self.discretion = Discretion(self.veil, self.redact)
        self.discretion.check_output(config)
        self.checks = self._bindable()
        self.model, self.companions = self._open_models()
        baseline = given(config, "baseline")[0]
        self.baseline = self._open_baseline(baseline) if baseline else None
        self.store = EvidenceStore(self.report, redact=self.redact, quotes=self.discretion.quotes)
        self.scratch = Scratch(getattr(config, "workerinput", {}).get("trustml_folder"))
        self.cache = self.scratch.cache() if self.redact else Cache(cache_root() / "observations", self.cache_mode)
        self._datasets: dict[tuple[str, str], Dataset] = {}

    def setting(self, name: str) -> Any:
        """Command line, else ini file, else trustml.toml, else the default."""
        value, _ = given(self.config, name)
        if value is not None:
            return value
        return self.release.settings.get(name, DEFAULTS.get(name))

    def missing(self, check: Check) -> str | None:
        """Why the check does not apply, or None."""
        return missing(check, self.model, self.companions, self.release.data)

    def bind(self, check: Check) -> BoundCheck:
        """Open the data of a check and put everything into its hands."""
        data = {}
        for name, role in check.data.items():
            if role.name in self.release.data or role.default is not None:
                data[name] = self.dataset(role)
        return BoundCheck(
            check=check,
            model=self.model,
            companions={name: self.companions[c] for name, c in check.companions.items() if c in self.companions},
            data=data,
            options=self.options_of(check),
            limits=set_limits(check, self.release.limits_of(check.id)),
        )

    def options_of(self, check: Check) -> dict[str, Any]:
        """The check's options as this run sets them."""
        return set_options(check, self.release.options_of(check.id, check.options))

    def trust(self, name: str) -> Trust:
        """A fresh `Trust` for one test."""
        return Trust(
            name=name,
            seed=self.seed,
            level=self.level,
            cache=self.cache,
            store=self.store,
            progress=self.progress,
            open_data=self.data,
            veil=self.veil,
        )

    def data(self, spec: str) -> Dataset:
        """A data set by role name, else by path or spec."""
        roles = self.registry.roles(self.checks)
        if spec in self.release.data or spec in roles:
            return self.dataset(roles.get(spec, Role(name=spec)))
        return self._read(open_data(spec, root=self.cwd))

    def dataset(self, role: Role) -> Dataset:
        """The data set that plays a role; read once per process."""
        place = self.release.data.get(role.name, Located(role.default, self.cwd))
        if place.spec is None:
            raise UsageError(f"No data for the role {role.name!r}. Supply --trustml-data {role.name}=PATH.")
        key = (role.name, str(place))
        if key not in self._datasets:
            self._datasets[key] = self._read(open_data(place.spec, role=role, root=place.root))
        return self._datasets[key]

    def _read(self, dataset: Dataset) -> Dataset:
        self.veil.know(dataset.column(name) for name in dataset.columns)
        return dataset

    def reproduce(self, check: str) -> str:
        """The command that runs one check again."""
        words = ["pytest"]
        for name in _REPRODUCED:
            value, _ = given(self.config, name)
            if value is not None:
                words.append(f"--trustml-{name}={value}")
        for name in ("data", "limit", "option"):
            words += [f"--trustml-{name}={value}" for value in given(self.config, name)[0]]
        words += ["--trustml-redact"] if self.redact else []
        return shlex.join([*map(self.discretion.word, words), f"--trustml-checks={check}"])

    def close(self) -> None:
        """Give back memory and the private cache."""
        for subject in (self.model, *self.companions.values()):
            subject.close()
        self.cache.close()
        self.scratch.close()

    def _cache_mode(self) -> str:
        mode, origin = given(self.config, "cache")
        if self.redact and mode not in (None, "off"):
            raise UsageError(
                f"--trustml-redact keeps no observation, but --trustml-cache is {mode} ({origin}). Leave out one of the two."
            )
        return "off" if self.redact else self.setting("cache")

    def _open_baseline(self, spec: str) -> Recorded:
        recorded = open_baseline(spec, self.cwd, self.model.fingerprint)
        if recorded.folder.resolve() == self.report.resolve():
            raise UsageError(
                f"The baseline {spec} lies in the folder that this run writes its report to. Move it elsewhere, or choose "
                "another folder with --trustml-report=DIR."
            )
        return recorded

    def _open_release(self) -> Release:
        models = {key: value for key in ("model", *COMPANIONS) if (value := given(self.config, key.replace("_", "-"))[0])}
        return open_release(
            models,
            data=pairs(given(self.config, "data")[0], "--trustml-data", "ROLE=SPEC"),
            limits=self._limits(),
            options=self._options(),
            config=given(self.config, "config")[0],
            cwd=self.cwd,
            demo=lambda name: demo_directory(name, home=cache_root() / "demos", progress=self.progress),
        )

    def _limits(self) -> dict[str, Limit]:
        texts = pairs(given(self.config, "limit")[0], "--trustml-limit", "CHECK=at_most:0.05")
        return {check: parse_limit(text) for check, text in texts.items()}

    def _options(self) -> dict[str, dict[str, str]]:
        options: dict[str, dict[str, str]] = {}
        for key, value in pairs(given(self.config, "option")[0], "--trustml-option", "CHECK:NAME=VALUE").items():
            check, colon, name = key.partition(":")
            if not colon or not name:
                raise UsageError(f"--trustml-option {key}={value} names no option. Write CHECK:NAME=VALUE.")
            options.setdefault(check, {})[name] = value
        return options

    def _bindable(self) -> list[Check]:
        """The selected checks, after every name in the configuration has been found to exist."""
        every = self.registry.all()
        families = set(self.registry.families)
        for key, limit in self.release.limits.items():
            check = self.registry.find(key.partition(":")[0])
            set_limits(check, {key.partition(":")[2]: limit})
        for key, options in self.release.options.items():
            if key in families:
                known = {name for check in every if check.family == key for name in check.options}
                wrong = set(options) - known
                if wrong:
                    raise UsageError(f"{key}: {unknown('option', min(wrong), known)}")
            else:
                set_options(self.registry.find(key), options)
        self._check_policy(every)
        roles = self.registry.roles(every)
        for role in self.release.data:
            if role not in roles and self.only_suite:
                raise UsageError(unknown("data role", role, roles))
        selected = self.registry.select(self.setting("checks"))
        for check in selected:
            self.options_of(check)
        return selected

    def _check_policy(self, every: list[Check]) -> None:
        """A rule about a check that nobody knows would protect nothing. Node ids of a project's own tests are not looked up."""
        policy = self.release.policy
        known = [*self.registry.families, *(check.id for check in every)]
        for pattern in (*policy.required, *(waiver.check for waiver in policy.waivers)):
            if "::" not in pattern and not any(covers(pattern, check.id) for check in every):
                raise UsageError(f"The policy: {unknown('check', pattern, known)}")
        for key in (*policy.limits, *policy.margins):
            if "::" not in key:
                self.registry.find(key.partition(":")[0])

    @property
    def only_suite(self) -> bool:
        """Whether no test paths were given, so that the shipped suite is what runs."""
        worker = getattr(self.config, "workerinput", None)
        if worker is not None:
            return bool(worker["trustml_only_suite"])
        return self.config.args_source is not pytest.Config.ArgsSource.ARGS

    def _open_models(self) -> tuple[Subject, dict[str, Subject]]:
        places = self.release.models

        def open_one(key: str, **extra: Any) -> Subject:
            subject = open_subject(str(places[key].spec), root=places[key].root, device=self.device, name=key, **extra)
            if subject.kind == "endpoint":
                _ = subject.fingerprint  # a server that is away or does not know the model is told before anything runs
            return subject

        base = places["base_model"].anywhere if "base_model" in places else None
        return open_one("model", base=base), {key: open_one(key) for key in COMPANIONS if key in places}


_REPRODUCED = ("model", "base-model", "reference-model", "previous-model", "baseline", "config", "seed", "level", "device")
SESSION = pytest.StashKey[Session]()
