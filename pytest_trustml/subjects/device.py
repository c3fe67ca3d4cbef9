"""Where a model runs and with which number format."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pytest_trustml.errors import UsageError, unknown

DTYPES = {
    "float32": "float32", "fp32": "float32", "float": "float32", "float64": "float64", "fp64": "float64",
    "float16": "float16", "fp16": "float16", "half": "float16", "bfloat16": "bfloat16", "bf16": "bfloat16",
}  # fmt: skip
_DEVICE = re.compile(r"cpu|cuda(:\d+)?|mps")


def check_device(asked: str | None) -> None:
    """Refuse a misspelt device without loading torch."""
    if asked not in (None, "auto") and not _DEVICE.fullmatch(str(asked)):
        raise UsageError(f"{unknown('device', str(asked), ('auto', 'cpu', 'cuda', 'mps'))} One of several GPUs is cuda:1.")


def choose_device(asked: str | None) -> str:
    """The device to use: a GPU if there is one, unless the user asked for something else.

    Parameters
    ----------
    asked : str or None
        ``auto`` (or None), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``. N counts the GPUs that CUDA_VISIBLE_DEVICES leaves.

    Raises
    ------
    UsageError
        If it is not there.

    Examples
    --------
    >>> choose_device("cpu")
    'cpu'
    """
    check_device(asked)
    if asked == "cpu" or (asked in (None, "auto") and not _gpu_possible()):
        return "cpu"
    import torch

    if asked in (None, "auto"):
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if asked == "mps":
        if not torch.backends.mps.is_available():
            raise UsageError("The device mps is not available on this machine. Use auto or cpu.")
        return "mps"
    if not torch.cuda.is_available():
        raise UsageError(f"The device {asked} is not there: torch sees no CUDA GPU (CUDA_VISIBLE_DEVICES?). Use auto or cpu.")
    number, count = int(asked.partition(":")[2] or 0), torch.cuda.device_count()
    if number >= count:
        raise UsageError(f"The device {asked} is not there: CUDA_VISIBLE_DEVICES leaves cuda:0 to cuda:{count - 1}.")
    return asked


def _gpu_possible() -> bool:
    """Whether it is worth asking torch, which takes seconds to load: on Linux a GPU shows as a device file."""
    if sys.platform != "linux" or "torch" in sys.modules:
        return True
    return any(Path(file).exists() for file in ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg", "/dev/nvhost-gpu"))


def device_class(device: str) -> str:
    """The word for cache keys: numbers of one class of device are comparable, those of different classes are not.

    Examples
    --------
    >>> device_class("cuda:1")
    'cuda'
    """
    return device.partition(":")[0]


def choose_dtype(asked: str | None, device: str, checkpoint: str) -> str:
    """The number format: float32 on a CPU, that of the checkpoint on a GPU, unless the user asked for another.

    Examples
    --------
    >>> choose_dtype(None, "cpu", "bfloat16"), choose_dtype("auto", "cuda", "bfloat16"), choose_dtype("fp16", "cpu", "float32")
    ('float32', 'bfloat16', 'float16')
    """
    if asked in (None, "auto"):
        return "float32" if device == "cpu" or (device == "mps" and checkpoint == "float64") else checkpoint
    if asked not in DTYPES:
        raise UsageError(unknown("dtype", str(asked), ("auto", *DTYPES)))
    return DTYPES[asked]
