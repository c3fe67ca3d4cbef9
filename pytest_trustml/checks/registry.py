"""Finding checks: installed packages announce them by entry point, and they are loaded only when they are selected."""

from __future__ import annotations

import fnmatch
import importlib.metadata
from collections.abc import Iterable
from functools import cached_property

from pytest_trustml.checks.check import Check
from pytest_trustml.data.roles import Role
from pytest_trustml.errors import UsageError, unknown

GROUP = "pytest_trustml.checks"


class Registry:
    """All checks of all installed families. A family is an entry point whose module holds `Check` objects.

    A family that cannot be loaded is an error as soon as it is selected, never a log line.
    """

    def __init__(self, entry_points: Iterable[importlib.metadata.EntryPoint] | None = None) -> None:
        self._given = entry_points

    @cached_property
    def families(self) -> dict[str, importlib.metadata.EntryPoint]:
        """Family name -> where it lives. Nothing is loaded."""
        points = importlib.metadata.entry_points(group=GROUP) if self._given is None else self._given
        families: dict[str, importlib.metadata.EntryPoint] = {}
        for point in sorted(points, key=lambda point: (point.name, point.value)):
            other = families.setdefault(point.name, point)
            if other.value != point.value:
                raise UsageError(
                    f"Two packages offer the check family {point.name!r}: {_origin(other)} and {_origin(point)}. "
                    "Uninstall one of them or ask its authors for another name."
                )
        return families

    def family(self, name: str) -> list[Check]:
        """Load one family and return its checks in the order of its ``__all__``."""
        point = self.families[name]
        try:
            module = point.load()
        except Exception as problem:
            raise UsageError(
                f"The check family {name!r} of {_origin(point)} cannot be loaded: {type(problem).__name__}: {problem}. "
                "Mend or uninstall that package, or leave the family out with --trustml-checks."
            ) from problem
        names = getattr(module, "__all__", None) or sorted(vars(module))
        checks = [found for found in (getattr(module, key, None) for key in names) if isinstance(found, Check)]
        if not checks:
            raise UsageError(
                f"The check family {name!r} of {_origin(point)} holds no check. Its module must import its @check functions."
            )
        seen: dict[str, Check] = {}
        for check in checks:
            if check.family != name:
                raise UsageError(
                    f"The check {check.id!r} at {check.origin} is announced by the family {name!r} of {_origin(point)}. "
                    f"Call it {name}.{check.id.partition('.')[2]}."
                )
            if check.id in seen:
                raise UsageError(f"Two checks are called {check.id!r}: {seen[check.id].origin} and {check.origin}. Rename one.")
            seen[check.id] = check
        return checks

    def all(self) -> list[Check]:
        """Every check of every family, by family name."""
        return [check for name in self.families for check in self.family(name)]

    def select(self, expression: str | None) -> list[Check]:
        """The checks that a comma-separated list of family names, ids and globs asks for; ``!pattern`` takes away.

        Raises
        ------
        UsageError
            For a pattern that matches nothing, with close matches.
        """
        if expression is None:
            return self.all()
        patterns = [part.strip() for part in expression.split(",") if part.strip()]
        if not patterns:
            raise UsageError("--trustml-checks is empty. Name families or checks, e.g. lora_safety or 'clip_*.tail_rate'.")
        wanted: dict[str, Check] = {} if any(not p.startswith("!") for p in patterns) else {c.id: c for c in self.all()}
        for pattern in patterns:
            matches = self._matches(pattern.lstrip("!"))
            for check in matches:
                if pattern.startswith("!"):
                    wanted.pop(check.id, None)
                else:
                    wanted.setdefault(check.id, check)
        if not wanted:
            raise UsageError(f"--trustml-checks={expression} leaves no check. Take away fewer of them.")
        return list(wanted.values())

    def find(self, id: str) -> Check:
        """The check with this id, or a UsageError with close matches."""
        family = id.partition(".")[0]
        for check in self.family(family) if family in self.families else []:
            if check.id == id:
                return check
        raise UsageError(unknown("check", id, [check.id for check in self.all()]))

    def roles(self, checks: Iterable[Check]) -> dict[str, Role]:
        """Every data role of the checks by name. Two checks may share a role only if they mean the same by it."""
        roles: dict[str, Role] = {}
        users: dict[str, str] = {}
        for check in checks:
            for role in check.data.values():
                if roles.setdefault(role.name, role) != role:
                    raise UsageError(
                        f"The checks {users[role.name]} and {check.id} describe the data role {role.name!r} differently. "
                        "Share one Role object or give one of the roles another name."
                    )
                users.setdefault(role.name, check.id)
        return roles

    def _matches(self, pattern: str) -> list[Check]:
        """The checks of one pattern; only families that can match are loaded."""
        head = pattern.partition(".")[0]
        families = [name for name in self.families if fnmatch.fnmatchcase(name, head)]
        glob = pattern if "." in pattern else f"{pattern}.*"
        found = [check for name in families for check in self.family(name) if fnmatch.fnmatchcase(check.id, glob)]
        if not found and "." not in pattern:
            # "memorization" is what people type for clip_memorization, text_memorization, ...
            families = [name for name in self.families if pattern and pattern in name.split("_")]
            found = [check for name in families for check in self.family(name)]
        if not found:
            known = [*self.families, *(check.id for check in self.all())]
            raise UsageError(unknown("check", pattern, known) + " See --trustml-list.")
        return found


def _origin(point: importlib.metadata.EntryPoint) -> str:
    dist = point.dist.name if point.dist is not None else "an unknown distribution"
    return f"{dist} ({point.value})"
