"""``@check``: an ordinary function becomes something that a release can be judged by."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from pytest_trustml.data.roles import Role
from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.result.verdict import AtLeast, AtMost, Limit, Within
from pytest_trustml.subjects.capabilities import CAPABILITIES

COMPANIONS = ("base_model", "reference_model", "previous_model")
COSTS = ("seconds", "minutes", "hours")
_ID = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class Check(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A decorated check function with everything that is known about it before it runs. Calling it calls the function.

    Parameters
    ----------
    id : str
        ``family.measure``; third parties write ``package.measure``.
    version : int
        Raised whenever a number can change, because numbers of different versions are never compared.
    needs : tuple of str
        Capabilities of the model (and of every companion in ``companions``), e.g. ``text``, ``pairs``. Either of two is
        written ``tm.TextModel | tm.Classifier`` and kept as ``text|classifier``.
    data : dict
        Parameter name -> `Role`.
    companions : dict
        Parameter name -> ``base_model``, ``reference_model`` or ``previous_model``.
    optional : frozenset
        Parameters that may be absent; the function then gets None.
    options : dict
        Keyword-only parameters with their defaults: what users may set under ``[options]``.
    limits : dict
        Measurement name -> limit. The first one is the headline; a measurement that is not named is only reported.
    min_n : int
        With fewer samples the verdict is INCONCLUSIVE.
    cost : str
        ``seconds``, ``minutes`` or ``hours`` on one GPU for a model of ordinary size.
    reference : str
        The paper.
    shares, changes : dict
        Judged measurement -> data parameter of whose rows it is a share, or a paired change of a share: what ``--trustml-plan``
        needs to say how small an effect can be seen.
    """

    id: str
    version: int
    run: Callable[..., Any]
    needs: tuple[str, ...]
    data: dict[str, Role]
    companions: dict[str, str]
    optional: frozenset[str]
    options: dict[str, Any]
    limits: dict[str, Limit]
    min_n: int
    cost: str
    reference: str
    shares: dict[str, str] = {}
    changes: dict[str, str] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)

    @property
    def family(self) -> str:
        return self.id.partition(".")[0]

    @property
    def page(self) -> str:
        """The docstring: the check's documentation page."""
        return inspect.cleandoc(self.run.__doc__ or "")

    @property
    def summary(self) -> str:
        return self.page.splitlines()[0]

    @property
    def headline(self) -> str:
        """Name of the measurement that the check is about."""
        return next(iter(self.limits))

    @property
    def origin(self) -> str:
        """File and line of the function."""
        code = inspect.unwrap(self.run).__code__
        return f"{code.co_filename}:{code.co_firstlineno}"


def check(
    *,
    id: str,
    version: int,
    limit: Limit | Mapping[str, Limit],
    needs: Sequence[Any] = (),
    data: Mapping[str, Role | str] | None = None,
    companions: Mapping[str, str] | None = None,
    min_n: int = 1,
    cost: str = "minutes",
    reference: str = "",
    shares: Mapping[str, str] | None = None,
    changes: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], Check]:
    """Turn a function into a check.

    The function is called as ``function(trust, model, <data and companions by name>, *, <options>)`` and returns one
    `Measurement` or several. ``trust`` is the object that observes, measures and shows; ``model`` is the `Subject`. Each
    further parameter is a key of ``data`` or of ``companions`` (with default None where it may be absent); keyword-only
    parameters are options that users may set. It never decides: ``limit`` does.

    Parameters
    ----------
    limit : Limit or mapping of measurement name to Limit
        A single limit judges the measurement that is called like the last part of the id.
    shares, changes : mapping of measurement name to parameter of ``data``, optional
        Which judged measurements are shares of the rows of a data set, or paired changes of such shares: ``--trustml-plan``
        then tells how small an effect can be seen.

    Raises
    ------
    UsageError
        At decoration, naming what is wrong: id form, parameters, roles, limits, docstring.

    Examples
    --------
    >>> @check(id="acme.answer_rate", version=1, limit=AtLeast(0.9), data={"prompts": "questions"}, min_n=20)
    ... def answer_rate(trust, model, prompts, *, max_new_tokens=16):
    ...     '''How often the model answers at all.'''
    >>> answer_rate.headline, sorted(answer_rate.options)
    ('answer_rate', ['max_new_tokens'])
    """

    def decorate(function: Callable[..., Any]) -> Check:
        where = f"The check {id!r} ({function.__module__}.{function.__qualname__})"
        if not _ID.fullmatch(id):
            raise UsageError(f"{where} needs an id of the form family.measure in lower case. Rename it.")
        if not isinstance(version, int) or version < 1:
            raise UsageError(f"{where} has version {version!r}. A version is a whole number from 1.")
        if not (function.__doc__ or "").strip():
            raise UsageError(f"{where} has no docstring. Its docstring is its documentation page: write one line at least.")
        if cost not in COSTS:
            raise UsageError(f"{where}: {unknown('cost', str(cost), COSTS)}")
        roles = {name: Role(name=role) if isinstance(role, str) else role for name, role in (data or {}).items()}
        partners = dict(companions or {})
        for companion in partners.values():
            if companion not in COMPANIONS:
                raise UsageError(f"{where}: {unknown('companion', companion, COMPANIONS)}")
        optional, options = _parameters(function, where, roles, partners)
        limits = _limits(limit, id, where)
        for name, parameter in {**(shares or {}), **(changes or {})}.items():
            if name not in limits or parameter not in roles:
                raise UsageError(
                    f"{where}: {name!r} of {parameter!r} cannot be planned. shares= and changes= map a measurement of limit= "
                    "to a parameter of data=."
                )
        return Check(
            id=id,
            version=version,
            run=function,
            needs=_needs(needs, where),
            data=roles,
            companions=partners,
            optional=optional,
            options=options,
            limits=limits,
            min_n=min_n,
            cost=cost,
            reference=reference,
            shares=dict(shares or {}),
            changes=dict(changes or {}),
        )

    return decorate


def _parameters(
    function: Callable[..., Any], where: str, roles: Mapping[str, Role], partners: Mapping[str, str]
) -> tuple[frozenset[str], dict[str, Any]]:
    """Which parameters may be absent, and the options with their defaults."""
    parameters = list(inspect.signature(function).parameters.values())
    if [p.name for p in parameters[:2]] != ["trust", "model"]:
        raise UsageError(f"{where} must take trust and model as its first two parameters.")
    optional, options, inputs = set(), {}, set()
    for parameter in parameters[2:]:
        if parameter.kind is parameter.KEYWORD_ONLY:
            if not isinstance(parameter.default, bool | int | float | str):
                raise UsageError(
                    f"{where}: the option {parameter.name!r} needs a default that is a number, a word or true/false."
                )
            options[parameter.name] = parameter.default
        elif parameter.name in roles or parameter.name in partners:
            inputs.add(parameter.name)
            if parameter.default is None:
                optional.add(parameter.name)
            elif parameter.default is not parameter.empty:
                raise UsageError(f"{where}: {parameter.name!r} may only have the default None, meaning that it may be absent.")
        else:
            raise UsageError(
                f"{where} takes {parameter.name!r}, which is neither in data= nor in companions=. "
                "Name its role there, or make it keyword-only to offer it as an option."
            )
    unused = (set(roles) | set(partners)) - inputs
    if unused:
        raise UsageError(f"{where} declares {', '.join(sorted(unused))} but takes no such parameter. Add it to the signature.")
    return frozenset(optional), options


def _needs(needs: Sequence[Any], where: str) -> tuple[str, ...]:
    names = []
    for need in needs:
        kinds = get_args(need) or (need,)
        for kind in kinds:
            if kind not in CAPABILITIES.values():
                known = [capability.__name__ for capability in CAPABILITIES.values()]
                raise UsageError(f"{where}: {unknown('capability', getattr(kind, '__name__', repr(kind)), known)}")
        names.append("|".join(kind.attribute for kind in kinds))
    return tuple(names)


def _limits(limit: Limit | Mapping[str, Limit], id: str, where: str) -> dict[str, Limit]:
    limits = dict(limit) if isinstance(limit, Mapping) else {id.partition(".")[2]: limit}
    if not limits:
        raise UsageError(f"{where} has no limit. A check is judged by at least one.")
    for name, bound in limits.items():
        if not isinstance(bound, AtMost | AtLeast | Within):
            raise UsageError(f"{where}: the limit of {name!r} is {bound!r}. Use AtMost, AtLeast or Within.")
    return limits
