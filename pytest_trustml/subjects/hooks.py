"""Listening to the modules of a network while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from pytest_trustml.errors import Unsupported

INPUT = ":input"
"""Behind the name of a module: what goes into it instead of what comes out, for sums that no module of their own computes."""


def blocks_of(root: Any) -> Any:
    """The list of equal blocks of a transformer."""
    for module in root.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) and len({type(block) for block in module}) == 1:
            return module
    raise Unsupported(f"{type(root).__name__} has no list of transformer blocks, so its residual stream cannot be read.")


@contextmanager
def residual_stream(root: Any, positions: torch.Tensor) -> Iterator[list[torch.Tensor]]:
    """Collects, at one position per row, the input of every block and the output of the last: L + 1 tensors of (B, d)."""
    blocks = blocks_of(root)
    stream: list[torch.Tensor] = []

    def pick(value: Any) -> torch.Tensor:
        hidden = first_tensor(value)
        return hidden[torch.arange(hidden.shape[0], device=hidden.device), positions.to(hidden.device)]

    def before(_: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        stream.append(pick(args[0] if args else kwargs["hidden_states"]))

    def after(_: Any, args: tuple[Any, ...], output: Any) -> None:
        stream.append(pick(output))

    with ExitStack() as handles:
        for block in blocks:
            handles.callback(block.register_forward_pre_hook(before, with_kwargs=True).remove)
        handles.callback(blocks[-1].register_forward_hook(after).remove)
        yield stream


@contextmanager
def calls_of(
    modules: Mapping[str, Any], keep: Callable[[torch.Tensor], torch.Tensor]
) -> Iterator[dict[str, list[torch.Tensor]]]:
    """Collects ``keep(output)`` of every call of the named modules, in the order of the calls; of ``name:input`` the input."""
    found: dict[str, list[torch.Tensor]] = {}

    def listener(name: str) -> Callable[..., None]:
        def after(_: Any, args: tuple[Any, ...], output: Any) -> None:
            found.setdefault(name, []).append(keep(first_tensor(output)))

        return after

    def earlier(name: str) -> Callable[..., None]:
        def before(_: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
            found.setdefault(name, []).append(keep(first_tensor(args or tuple(kwargs.values()))))

        return before

    with ExitStack() as handles:
        for name, module in modules.items():
            if name.endswith(INPUT):
                handles.callback(module.register_forward_pre_hook(earlier(name), with_kwargs=True).remove)
            else:
                handles.callback(module.register_forward_hook(listener(name)).remove)
        yield found


@contextmanager
def inputs_of(modules: Mapping[str, Any], use: Callable[[str, torch.Tensor], None]) -> Iterator[None]:
    """Calls ``use(name, input)`` before each named module runs."""

    def listener(name: str) -> Callable[..., None]:
        def before(_: Any, args: tuple[Any, ...]) -> None:
            use(name, args[0])

        return before

    with ExitStack() as handles:
        for name, module in modules.items():
            handles.callback(module.register_forward_pre_hook(listener(name)).remove)
        yield


def first_tensor(value: Any) -> torch.Tensor:
    """The tensor itself, or the first one of an output that holds several."""
    if isinstance(value, torch.Tensor):
        return value
    items = value.values() if hasattr(value, "values") else value
    for item in items if isinstance(items, (tuple, list)) or hasattr(items, "__iter__") else ():
        if isinstance(item, torch.Tensor):
            return item
    raise Unsupported(f"The module gives a {type(value).__name__} without tensors; its output cannot be read.")
