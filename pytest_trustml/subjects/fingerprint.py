"""Fingerprints: the digest of everything in a model that can change its answers, and of nothing else.

Counted are weights (``*.safetensors``), configurations (``*.json``), tokenizers (``*.txt``, ``*.model``, ``*.jinja``, …) of
the model directory; for diffusers also those of its component folders. Not counted: README and other ``*.md``, hidden files
and folders, pickles (they are never loaded), optimizer and trainer state, ``checkpoint-*`` folders, file times.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from pytest_trustml.errors import SubjectError

COUNTED = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".spm", ".bpe", ".vocab")
IGNORED = {
    "trainer_state.json", "all_results.json", "eval_results.json", "train_results.json", "optimizer.safetensors",
    "requirements.txt", "license.txt", "readme.txt", "notice.txt",
}  # fmt: skip
_CHUNK = 4 << 20
_VERSION = b"trustml fingerprint 1\n"


def fingerprint_directory(path: Path, *, deep: bool = False, weights: bool = True) -> str:
    """Digest (64 hex digits) over the sorted names and contents of the files that count; ``deep`` includes subfolders.

    Without ``weights`` it says what a model is before it is trained: configuration and tokenizer.

    In ``adapter_config.json`` the path of the base model is left out: the adapter is applied to the base that is given,
    and the path differs from machine to machine.
    """
    files = sorted(_counted(path, deep), key=lambda file: file.relative_to(path).as_posix())
    files = [file for file in files if weights or file.suffix != ".safetensors"]
    with ThreadPoolExecutor(4) as threads:
        digests = list(threads.map(_digest, files))
    whole = hashlib.sha256(_VERSION)
    for file, digest in zip(files, digests, strict=True):
        whole.update(f"{file.relative_to(path).as_posix()}\n{digest}\n".encode())
    return whole.hexdigest()


def combine(*parts: str) -> str:
    """The fingerprint of something made of several, e.g. an adapter on its base; the order counts."""
    return hashlib.sha256(_VERSION + "\n".join(parts).encode()).hexdigest()


def fingerprint_state(tensors: Iterable[tuple[str, Any]]) -> str:
    """Digest of named torch tensors: names, dtypes, shapes and bytes."""
    import torch

    whole = hashlib.sha256(_VERSION)
    for name, tensor in sorted(tensors, key=lambda pair: pair[0]):
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        whole.update(f"{name}\n{tensor.dtype}\n{tuple(tensor.shape)}\n".encode())
        for part in flat.split(_CHUNK):
            whole.update(part.view(torch.uint8).numpy())
    return whole.hexdigest()


def _counted(path: Path, deep: bool) -> Iterable[Path]:
    for file in path.rglob("*") if deep else [*path.glob("*"), *path.glob("additional_chat_templates/*")]:
        parts = file.relative_to(path).parts
        if any(part.startswith(".") for part in parts) or any(part.startswith("checkpoint-") for part in parts[:-1]):
            continue
        if file.suffix in COUNTED and file.name.lower() not in IGNORED and file.is_file():
            yield file


def _digest(file: Path) -> str:
    try:
        state = file.stat()
        if file.name == "adapter_config.json":
            return _adapter_config(file)
        return _content(file, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    except (OSError, ValueError) as error:
        raise SubjectError(f"{file} cannot be read: {error}.") from error


@lru_cache(maxsize=4096)
def _content(file: Path, *state: int) -> str:
    """Digest of a file; ``state`` (size, times, inode) makes a changed file a new question."""
    whole = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            whole.update(chunk)
    return whole.hexdigest()


def _adapter_config(file: Path) -> str:
    config = json.loads(file.read_text("utf-8"))
    for name in ("base_model_name_or_path", "revision"):
        config.pop(name, None)
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
