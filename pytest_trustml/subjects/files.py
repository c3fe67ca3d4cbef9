"""Telling from its files what kind of model a directory holds, without loading any model library."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_trustml.errors import SubjectError
from pytest_trustml.subjects.weights import Entry, read_headers

MARKS = {"model_index.json": "diffusers", "adapter_config.json": "peft", "config.json": "transformers"}
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
PICTURES = (".png", ".jpg", ".jpeg")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_CONVERT = "Convert it to safetensors: load it where you trust it and call save_pretrained(folder)."


def is_picture(path: Path) -> bool:
    """Whether a file is called like a picture that can be judged.

    >>> is_picture(Path("plot.PNG")), is_picture(Path("plot.svg"))
    (True, False)
    """
    return path.suffix.lower() in PICTURES


def picture_files(place: Path) -> list[Path]:
    """The pictures that a spec means: the file itself, or the files of a folder that holds pictures only; else none.

    Hidden files count for nothing. A folder with anything else in it is no set of pictures.
    """
    if place.is_file():
        return [place] if is_picture(place) else []
    if not place.is_dir():
        return []
    inside = [file for file in place.iterdir() if not file.name.startswith(".")]
    if not all(file.is_file() and is_picture(file) for file in inside):
        return []
    return sorted(inside, key=lambda file: file.name)


@dataclass(frozen=True)
class Found:
    """A directory that holds a model: its kind (``transformers``, ``peft``, ``diffusers``), its configuration, its tensors.

    ``tensors`` maps (folder, tensor name) to what the header of the weight file says.
    """

    kind: str
    path: Path
    config: dict[str, Any]
    tensors: dict[tuple[str, str], Entry] = field(repr=False)

    @property
    def architecture(self) -> str:
        """The class that ``config.json`` names, e.g. ``LlamaForCausalLM``."""
        named = self.config.get("architectures")
        return str(named[0]) if isinstance(named, list) and named else ""

    @property
    def dtype(self) -> str:
        """The dtype of the checkpoint as torch calls it: that of most of its floating-point values."""
        sizes: dict[str, int] = {}
        for entry in self.tensors.values():
            if entry.dtype in _DTYPES:
                values = 1
                for length in entry.shape:
                    values *= length
                sizes[entry.dtype] = sizes.get(entry.dtype, 0) + values
        return _DTYPES[max(sizes, key=lambda name: sizes[name])] if sizes else "float32"


_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}


def detect(path: Path) -> Found:
    """What a directory holds.

    Raises
    ------
    SubjectError
        If it is no model directory, holds pickle weights only, needs code of its own (``trust_remote_code``), or has a
        weight file whose header is not true to the file. The message names the remedy.
    """
    _is_directory(path)
    kind = next((kind for name, kind in MARKS.items() if (path / name).is_file()), None)
    if kind is None:
        raise SubjectError(_no_model(path))
    config = read_json(path / next(name for name, of in MARKS.items() if of == kind))
    if config.get("auto_map"):
        raise SubjectError(
            f"The model in {path} brings its own Python code (auto_map in its configuration), which is never run here. "
            "Save it as an architecture that transformers knows, or wrap it in a factory of yours: py:module:function."
        )
    patterns = {"transformers": "model*.safetensors", "peft": "adapter_model*.safetensors", "diffusers": "*.safetensors"}
    folders = sorted(part for part in path.iterdir() if part.is_dir()) if kind == "diffusers" else [path]
    tensors = {(folder.name, name): entry for folder in folders for name, entry in read_headers(folder, patterns[kind]).items()}
    if not tensors:
        raise SubjectError(_no_weights(path, kind, patterns[kind]))
    if kind == "transformers" and not any((path / name).is_file() for name in _WEIGHTS):
        raise SubjectError(f"The directory {path} has shards but neither {' nor '.join(_WEIGHTS)}. Save the model again.")
    return Found(kind, path, config, tensors)


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object from a file of the model."""
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SubjectError(f"{file} is not valid JSON ({error}). Save the model again.") from error
    if not isinstance(value, dict):
        raise SubjectError(f"{file} holds no JSON object. Save the model again.")
    return value


def _is_directory(path: Path) -> None:
    if path.is_dir():
        return
    if not path.exists():
        hint = ""
        if path.name and path.parent.name and not path.parent.exists():
            hint = f" For a model of the hub write hf:{path.parent.name}/{path.name}."
        what = "picture" if path.suffix.lower() in (".png", ".jpg", ".jpeg") else "directory"
        advice = "Check its name and folder." if what == "picture" else "Give the directory that save_pretrained wrote."
        raise SubjectError(f"There is no {what} {path}. {advice}{hint}")
    if path.suffix == ".gguf":
        raise SubjectError(f"{path} is a GGUF file, made for llama.cpp. {_gguf()}")
    if path.suffix in PICKLES:
        raise SubjectError(f"{path} is a pickle, and opening a pickle can run any code. {_CONVERT}")
    if path.suffix.lower() in (".svg", ".pdf", ".gif", ".webp", ".bmp", ".tif", ".tiff"):
        raise SubjectError(f"{path} is a picture of a kind that is not judged. Save it as PNG or JPEG.")
    raise SubjectError(f"{path} is a file. Give the directory that contains it, with its configuration (config.json).")


def _no_model(path: Path) -> str:
    names = sorted(file.name for file in path.iterdir())
    suffixes = {Path(name).suffix for name in names}
    if not names:
        return f"The directory {path} is empty. Give the directory that save_pretrained wrote."
    if ".gguf" in suffixes:
        return f"The directory {path} holds a GGUF file, made for llama.cpp. {_gguf()}"
    if suffixes & set(PICKLES):
        return f"The directory {path} holds pickle weights and no configuration. {_CONVERT}"
    shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
    return (
        f"The directory {path} is no model: it has none of {', '.join(MARKS)} (it holds {shown}). "
        f"Give the directory that save_pretrained wrote.{_pictures(suffixes)}"
    )


def _pictures(suffixes: set[str]) -> str:
    if not set(PICTURES) & {suffix.lower() for suffix in suffixes}:
        return ""
    return " To have pictures judged, give one PNG or JPEG file, or a folder that holds nothing else."


def _no_weights(path: Path, kind: str, pattern: str) -> str:
    inside = [file for file in path.rglob("*") if file.suffix in PICKLES and not file.name.startswith("training_args")]
    if inside:
        return f"The weights of {path} are a pickle ({inside[0].name}), and opening a pickle can run any code. {_CONVERT}"
    if any(path.glob("*.gguf")):
        return f"The weights of {path} are a GGUF file, made for llama.cpp. {_gguf()}"
    return f"The directory {path} has the configuration of a {kind} model but no weights ({pattern}). Fetch or save them again."


def _gguf() -> str:
    return "Give the original safetensors model instead, or wrap the runtime in a factory of yours: py:module:function."
