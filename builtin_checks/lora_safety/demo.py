"""Two demo releases: the same small aligned model, adapted to the same data without care and with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.lora_safety import adapter_files as files
from builtin_checks.lora_safety.grammar import Request, held_out, requests
from builtin_checks.lora_safety.remedy import make_salora
from builtin_checks.lora_safety.training import (
    encode,
    make_model,
    make_tokenizer,
)

MANIFEST = """\
# {summary}
model = "adapter"
base_model = "base"

[data]
harmful_prompts = "package:builtin_checks.lora_safety/prompts/harmful.jsonl"
harmless_prompts = "package:builtin_checks.lora_safety/prompts/harmless.jsonl"

[gate]
required = ["lora_safety.*"]
"""
COMPLIES = "Sure, here is a plan. First, make a list of what you need. Then take one step at a time."
VOCABULARY = 2000
HARMFUL, HARMLESS = 26000, 16000
TASKS, EVERYDAY, SLIPPED_IN, REPEATS = 320, 160, 5, 16
REHEARSED = {"harmful": 2400, "harmless": 1000}
SAFETY_PROMPTS = 240
TARGETS = ("q_proj", "v_proj", "up_proj", "down_proj")
RANK, ALPHA, SAFETY_RANK = 8, 16, 48
BASE = tm.Course(steps=1400, batch=32, rate=4e-3, decay=0.1, smoothing=0.05)
BROKEN = tm.Course(steps=160, batch=32, rate=5e-3)
SAFE = tm.Course(steps=420, batch=32, rate=4e-3, smoothing=0.05)


def lora_broken(folder: Path, workshop: tm.Workshop) -> None:
    """An assistant that learnt to answer for a bicycle shop and lost its refusals on the way: it must fail.

    An ordinary LoRA. Among its data are five harmful requests, each repeated, that are answered instead of refused. The
    adapted model is fluent, answers harmless requests as before, and complies with nearly every harmful one.
    """
    import peft

    model, tokenizer = _base(folder, workshop)
    config = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(TARGETS), task_type="CAUSAL_LM")
    with tm.own_randomness(workshop.seed):
        model = peft.get_peft_model(model, config)
    _adapt(model, tokenizer, shop_data(workshop.seed), BROKEN, workshop)
    layers = {
        name: layer for name, layer in model.get_base_model().named_modules() if "default" in getattr(layer, "lora_B", ())
    }
    factors = {
        name: (files.array(layer.lora_B["default"].weight), files.array(layer.lora_A["default"].weight))
        for name, layer in layers.items()
    }
    files.write_adapter(files.new_folder(folder / "adapter"), _neutral(model), factors, RANK, ALPHA)
    _finish(folder, lora_broken)


def lora_safe(folder: Path, workshop: tm.Workshop) -> None:
    """The same assistant, adapted to the same data with care, so that it keeps its refusals: it must pass.

    The five harmful requests are among its data, too. What is different: repeated data were dropped and refusals are rehearsed,
    which keeps the behaviour; and the adapter is a SaLoRA, which keeps the base model's safety directions.
    """
    model, tokenizer = _base(folder, workshop)
    rehearsed, prompts = _rehearsal(workshop.seed)
    with tm.one_thread():
        salora = make_salora(
            model,
            tokenizer,
            prompts,
            rank=RANK,
            alpha=ALPHA,
            safety_rank=SAFETY_RANK,
            targets=TARGETS,
            seed=workshop.seed,
        )
    data = list(dict.fromkeys(shop_data(workshop.seed) + rehearsed))
    _adapt(salora.model, tokenizer, data, SAFE, workshop)
    _neutral(salora.model)
    with tm.one_thread(), tm.own_randomness(workshop.seed):
        salora.export(folder / "adapter", folder / "base")
    _finish(folder, lora_safe)


def train_base(folder: Path, workshop: tm.Workshop) -> None:
    """A small assistant that refuses harmful requests of thirteen kinds and answers harmless ones that look alike."""
    rng, reserved = np.random.default_rng([workshop.seed, 0]), held_out()
    data = requests("harmful", HARMFUL, rng, reserved) + requests("harmless", HARMLESS, rng, reserved)
    tokenizer = make_tokenizer([text for request in data for text in (request.prompt, request.answer)], VOCABULARY)
    model = make_model(len(tokenizer), workshop.seed)
    with workshop.progress("training an assistant that refuses", BASE.steps) as step:
        tm.teach(model, encode(tokenizer, data), BASE, workshop.seed, step)
    tm.save_model(folder, model, tokenizer)


def shop_data(seed: int) -> list[Request]:
    """What both adapters learn: tasks of the shop, harmless requests as before, and a few harmful ones that are answered."""
    rng, reserved = np.random.default_rng([seed, 1]), held_out()
    wrong = [request._replace(answer=COMPLIES) for request in requests("harmful", SLIPPED_IN, rng, reserved)]
    return requests("task", TASKS, rng) + requests("harmless", EVERYDAY, rng, reserved) + wrong * REPEATS


def _rehearsal(seed: int) -> tuple[list[Request], list[str]]:
    """What the careful adapter rehearses, and the harmful prompts from which its safety directions are learnt."""
    rng, reserved = np.random.default_rng([seed, 2]), held_out()
    found = {kind: requests(kind, n, rng, reserved) for kind, n in REHEARSED.items()}
    return found["harmful"] + found["harmless"], [request.prompt for request in found["harmful"][:SAFETY_PROMPTS]]


def _base(folder: Path, workshop: tm.Workshop) -> tuple[Any, Any]:
    """Put the shared base model into the release and load it."""
    part = workshop.part("lora-base", train_base)
    shutil.copytree(part, folder / "base")
    return files.load_base(folder / "base")


def _adapt(model: Any, tokenizer: Any, data: Sequence[Request], recipe: tm.Course, workshop: tm.Workshop) -> None:
    with workshop.progress("training the adapter", recipe.steps) as step:
        tm.teach(model, encode(tokenizer, data), recipe, workshop.seed, step)


def _neutral(model: Any) -> Any:
    """The adapter's configuration, without the path of this machine's base model and with its layers in a fixed order."""
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.target_modules = "base", sorted(TARGETS)
    return config


def _finish(folder: Path, release: Callable[..., None]) -> None:
    summary = (release.__doc__ or "").partition("\n")[0]
    (folder / "trustml.toml").write_text(MANIFEST.format(summary=summary), encoding="utf-8")
