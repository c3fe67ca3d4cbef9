"""pytest-trustml judges machine-learning models the way pytest judges code.

Everything public is here; the rest may change. Names are looked up on first use, so that importing the package loads no
numerical library: ``import pytest_trustml as tm``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pytest_trustml.attacks.attribute.inference import Guesses, infer_attribute
    from pytest_trustml.attacks.image_network import ImageNetwork, open_image_network, train_image_network
    from pytest_trustml.attacks.inversion.boundary import Boundary, boundary_distance
    from pytest_trustml.attacks.inversion.deep_inversion import Reconstruction, as_drawn, reconstruct
    from pytest_trustml.attacks.inversion.similarity import Nearest, nearest_reconstruction, ssim
    from pytest_trustml.attacks.membership.blind import blind_scores
    from pytest_trustml.attacks.membership.canaries import Canaries, draw_canaries
    from pytest_trustml.attacks.membership.epsilon import epsilon_bound
    from pytest_trustml.attacks.membership.lira import Lira, lira
    from pytest_trustml.attacks.membership.one_run import one_run_epsilon, one_run_guesses, one_run_p
    from pytest_trustml.attacks.membership.operating_point import members_caught
    from pytest_trustml.attacks.membership.rmia import rmia
    from pytest_trustml.attacks.membership.signals import class_indices, membership_signal
    from pytest_trustml.attacks.membership.thresholds import class_thresholds, flag_members
    from pytest_trustml.attacks.poisoning.backdoor import Backdoored, stamp, train_backdoored
    from pytest_trustml.attacks.stealing.by_logits import ImageCopy, steal_images
    from pytest_trustml.attacks.stealing.fidelity import Fidelity, fidelity, learning_curve
    from pytest_trustml.attacks.stealing.saving import campaign_saving
    from pytest_trustml.attacks.stealing.steal import steal
    from pytest_trustml.attacks.stealing.surrogate import Surrogate
    from pytest_trustml.attacks.stealing.transfer import Transfer, transfer_attack
    from pytest_trustml.attacks.text_edits.attack import attack_texts
    from pytest_trustml.attacks.text_edits.attacked import Attacked, Edit
    from pytest_trustml.attacks.text_edits.canonical import canonicalise
    from pytest_trustml.attacks.text_edits.corruption import corrupt_texts
    from pytest_trustml.attacks.text_edits.fluency import Fluency, fluency
    from pytest_trustml.attacks.text_edits.metrics import angular_similarity, levenshtein, meteor, word_modification_rate
    from pytest_trustml.attacks.text_edits.paraphrase import paraphrasing
    from pytest_trustml.attacks.text_edits.published import deepwordbug, pwws, textbugger, textfooler
    from pytest_trustml.attacks.text_edits.recipes import Recipe, greedy_edits
    from pytest_trustml.attacks.text_edits.success import SuccessTable, edit_sizes, success_table
    from pytest_trustml.checks import conformance, strategies
    from pytest_trustml.checks.check import Check, check
    from pytest_trustml.checks.falsification import Falsification, falsify
    from pytest_trustml.checks.trial import run_check
    from pytest_trustml.checks.trust import Trust
    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.data.open import open_data
    from pytest_trustml.data.roles import MEMBERS, NONMEMBERS, POPULATION, Role
    from pytest_trustml.data.stacked import stacked
    from pytest_trustml.errors import DataError, SubjectError, TrustFailure, TrustmlError, Unsupported, UsageError
    from pytest_trustml.release.demos import Workshop
    from pytest_trustml.result.evidence import Evidence
    from pytest_trustml.result.measurement import Interval, Measurement
    from pytest_trustml.result.record import CheckRecord, RunRecord, decode_run
    from pytest_trustml.result.verdict import AtLeast, AtMost, Outcome, Verdict, Within, decide
    from pytest_trustml.shadows.shadows import Shadows
    from pytest_trustml.shadows.train import train_shadows
    from pytest_trustml.shadows.training import Training
    from pytest_trustml.statistics.drift import Drift
    from pytest_trustml.subjects.beside import find_beside, open_beside
    from pytest_trustml.subjects.capabilities import (
        Adapter,
        Classifier,
        Encoder,
        ImageGenerator,
        PairEncoder,
        PictureSet,
        TextModel,
    )
    from pytest_trustml.subjects.quiet import quiet
    from pytest_trustml.subjects.subject import Subject, open_subject
    from pytest_trustml.subjects.teaching import Course, Lesson, teach
    from pytest_trustml.subjects.training import (
        learn_tokenizer,
        one_thread,
        own_randomness,
        save_model,
        small_bert,
        small_llama,
        word_tokenizer,
    )
    from pytest_trustml.work.observations import (
        classify,
        embed,
        embed_images,
        embed_texts,
        generate,
        hidden_states,
        next_token_logprobs,
        recite,
        score_suffixes,
        score_tokens,
        sequence_logprobs,
    )
    from pytest_trustml.work.randomness import generator

_HOMES = {
    # writing checks
    "checks.check": ("Check", "check"),
    "checks.trust": ("Trust",),
    "data.roles": ("MEMBERS", "NONMEMBERS", "POPULATION", "Role"),
    # what a check says, and how it is judged
    "result.measurement": ("Interval", "Measurement"),
    "result.evidence": ("Evidence",),
    "statistics.drift": ("Drift",),
    "result.verdict": ("AtLeast", "AtMost", "Outcome", "Verdict", "Within", "decide"),
    "result.record": ("CheckRecord", "RunRecord", "decode_run"),
    # what is judged, and on what
    "subjects.subject": ("Subject", "open_subject"),
    "subjects.beside": ("find_beside", "open_beside"),
    "subjects.quiet": ("quiet",),
    "subjects.capabilities": ("Adapter", "Classifier", "Encoder", "ImageGenerator", "PairEncoder", "PictureSet", "TextModel"),
    "data.dataset": ("Dataset",),
    "data.open": ("open_data",),
    "data.stacked": ("stacked",),
    # making a demo release
    "release.demos": ("Workshop",),
    "subjects.teaching": ("Course", "Lesson", "teach"),
    "subjects.training": (
        "learn_tokenizer", "one_thread", "own_randomness", "save_model", "small_bert", "small_llama", "word_tokenizer",
    ),
    # asking a model, to be passed to trust.observe
    "work.observations": (
        "classify", "embed", "embed_images", "embed_texts", "generate", "hidden_states", "next_token_logprobs", "recite",
        "score_suffixes", "score_tokens", "sequence_logprobs",
    ),
    "work.randomness": ("generator",),
    # attacking a text detector with small edits, and how far they go
    "attacks.text_edits.attack": ("attack_texts",),
    "attacks.text_edits.attacked": ("Attacked", "Edit"),
    "attacks.text_edits.canonical": ("canonicalise",),
    "attacks.text_edits.corruption": ("corrupt_texts",),
    "attacks.text_edits.recipes": ("Recipe", "greedy_edits"),
    "attacks.text_edits.published": ("deepwordbug", "pwws", "textbugger", "textfooler"),
    "attacks.text_edits.paraphrase": ("paraphrasing",),
    "attacks.text_edits.success": ("SuccessTable", "edit_sizes", "success_table"),
    "attacks.text_edits.fluency": ("Fluency", "fluency"),
    "attacks.text_edits.metrics": ("angular_similarity", "levenshtein", "meteor", "word_modification_rate"),
    # copying a detector by asking it, and attacking it by way of the copy
    "attacks.stealing.steal": ("steal",),
    "attacks.stealing.surrogate": ("Surrogate",),
    "attacks.stealing.fidelity": ("Fidelity", "fidelity", "learning_curve"),
    "attacks.stealing.transfer": ("Transfer", "transfer_attack"),
    "attacks.stealing.saving": ("campaign_saving",),
    # models trained for comparison
    "shadows.training": ("Training",),
    "shadows.shadows": ("Shadows",),
    "shadows.train": ("train_shadows",),
    # telling members of the training set from others
    "attacks.membership.signals": ("class_indices", "membership_signal"),
    "attacks.membership.thresholds": ("class_thresholds", "flag_members"),
    "attacks.membership.lira": ("Lira", "lira"),
    "attacks.membership.rmia": ("rmia",),
    "attacks.membership.operating_point": ("members_caught",),
    "attacks.membership.blind": ("blind_scores",),
    "attacks.membership.canaries": ("Canaries", "draw_canaries"),
    "attacks.membership.epsilon": ("epsilon_bound",),
    "attacks.membership.one_run": ("one_run_epsilon", "one_run_guesses", "one_run_p"),
    # what else is drawn out of an image classifier, or put into one: copies, attributes, pictures, backdoors
    "attacks.image_network": ("ImageNetwork", "open_image_network", "train_image_network"),
    "attacks.stealing.by_logits": ("ImageCopy", "steal_images"),
    "attacks.attribute.inference": ("Guesses", "infer_attribute"),
    "attacks.poisoning.backdoor": ("Backdoored", "stamp", "train_backdoored"),
    "attacks.inversion.deep_inversion": ("Reconstruction", "as_drawn", "reconstruct"),
    "attacks.inversion.boundary": ("Boundary", "boundary_distance"),
    "attacks.inversion.similarity": ("Nearest", "nearest_reconstruction", "ssim"),
    # searching for one input that breaks a property
    "checks.falsification": ("Falsification", "falsify"),
    "checks.strategies": ("strategies",),  # the module itself
    # testing a check: on one model, and by the laws that every check keeps
    "checks.trial": ("run_check",),
    "checks.conformance": ("conformance",),  # the module itself
    # what can go wrong
    "errors": ("DataError", "SubjectError", "TrustFailure", "TrustmlError", "Unsupported", "UsageError"),
}  # fmt: skip

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOME_OF[name]}")
    value = home if name in ("conformance", "strategies") else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
