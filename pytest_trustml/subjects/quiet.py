"""Keeping the model libraries silent while they load, and giving them their voice back afterwards."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_LOGGERS = ("transformers", "diffusers", "peft", "huggingface_hub", "accelerate")


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, log lines or warnings from transformers, diffusers, peft and the hub inside this block.

    Import the library first: only what is already loaded is silenced, nothing is imported for it. Errors still come
    through as exceptions. All settings are what they were before when the block ends.

    Examples
    --------
    >>> import logging
    >>> with quiet():
    ...     logging.getLogger("transformers").warning("never shown")
    """
    with ExitStack() as restore:
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            restore.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        for name in ("transformers.utils.logging", "diffusers.utils.logging"):
            module = sys.modules.get(name)
            if module is not None and module.is_progress_bar_enabled():
                module.disable_progress_bar()
                restore.callback(module.enable_progress_bar)
        hub = sys.modules.get("huggingface_hub.utils")
        if hub is not None and not hub.are_progress_bars_disabled():
            hub.disable_progress_bars()
            restore.callback(hub.enable_progress_bars)
        restore.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield
