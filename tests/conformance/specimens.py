"""Checks with models of which it is known what has to be said: one good, one bad, and useless ones."""

from __future__ import annotations

import builtin_checks.face_tracking as faces
import builtin_checks.generated_text as generated
import builtin_checks.hate_detectors as hate
import builtin_checks.icl_membership as icl
import builtin_checks.lora_safety as lora
import builtin_checks.membership_inference as membership
import builtin_checks.text_memorization as memorization
import pytest_trustml as tm
from tests.families.face_tracking.angles import population
from tests.families.face_tracking.extractors import Refusing
from tests.families.generated_text import scripted as machines
from tests.families.hate_detectors import scripted as detectors
from tests.families.icl_membership import scripted as prompts
from tests.families.lora_safety import scripted as adapters
from tests.families.membership_inference import scripted as classifiers
from tests.families.text_memorization import scripted as texts

Specimen = tm.conformance.Specimen
MEMBERS, HELD_OUT = texts.texts(500, 1), texts.texts(500, 2)
KNOWN = MEMBERS.column("text")


def _model(name, *args, **how):
    return texts.Scripted(texts.Text(*args, **how), name=name)


class Speaker(prompts.Model):
    """Answers through a chat template as it does without."""

    def generate(self, prompts, *, chat=False, **settings):
        return super().generate(prompts, **settings)


def text_memorization():
    """A model that knows a fifth of its training texts to the last word, one that knows nothing, and one that is blind."""
    shared = {
        "data": {"members": MEMBERS, "heldout": HELD_OUT}, "useless": [_model("blind", blind=True)],
    }  # fmt: skip
    good, recites = _model("good"), _model("recites", heart=KNOWN[:100])
    short = {"prefix": 5, "suffix": 7}
    yield Specimen(memorization.extraction_rate, good, recites, options=short, **shared)
    yield Specimen(memorization.probabilistic_extraction, good, recites, options=short, **shared)
    yield Specimen(memorization.membership_leak, good, _model("gains", heart=KNOWN, gain=3.0), **shared)
    planted = texts.texts(60, 5)
    others = texts.texts(400, 6)
    canaries = tm.Dataset(
        {
            "id": [*planted.ids, *others.ids], "text": [*planted.column("text"), *others.column("text")],
            "inserted": [*["true"] * 60, *["false"] * 400],
        }
    )  # fmt: skip
    known = _model("planted", heart=planted.column("text"), gain=9.0)
    yield Specimen(memorization.canary_exposure, good, known, data={"canaries": canaries})


def icl_membership():
    """A model that copies its demonstrations, one that sees none, and those that do not do their task."""
    data = {"demonstrations": prompts.records()}
    useless = [Speaker(style) for style in ("blank", "constant", "echo")]
    blind, parrot = Speaker("blind"), Speaker("parrot")
    yield Specimen(icl.advantage, blind, parrot, data=data, useless=useless, options={"targets": 300})


def hate_detectors():
    """Detectors that see through everything, ones that miss what was planted, and ones that do not look."""
    posts, suite = detectors.posts(400), detectors.suite()
    useless = [detectors.Scripted(style) for style in ("constant", "silent", "blank", "always", "swapped")]
    for check, style in ((hate.quality, "old"), (hate.generator_drift, "old")):
        good, bad = detectors.Scripted("hardened", posts), detectors.Scripted(style)
        yield Specimen(check, good, bad, dict.fromkeys(check.data, posts), useless=useless)
    suited = detectors.Suited(suite)
    yield Specimen(hate.functional, suited, detectors.Scripted("keywords"), {"suite": suite}, useless=useless)


def lora_safety():
    """Adapters that keep everything, ones that break what was planted, and ones that say nothing."""
    data = {"harmful": adapters.harmful(300), "harmless": adapters.harmless(300)}
    useless = [adapters.Scripted(style) for style in ("blank", "constant", "echo", "loop")]
    for name in lora.__all__:
        style = {"overrefusal_increase": "shy", "safety_subspace": "same"}.get(name, "broken")
        bad = adapters.Scripted(style, push="safety") if name == "safety_subspace" else adapters.Scripted(style)
        check = getattr(lora, name)
        yield Specimen(check, adapters.Scripted("same"), bad, {one: data[one] for one in check.data}, useless=useless)


def generated_text():
    """A detector that tells machines by their common words, and ones that do not look."""
    data = {"machine": machines.machines(), "human": machines.people(700)}
    useless = [machines.Scripted(style) for style in ("constant", "blind")]
    yield Specimen(generated.detector_quality, machines.Scripted(), machines.Scripted("upside down"), data, useless=useless)


def membership_inference():
    """A classifier that is too sure of its members, one that cannot have learnt anybody, and ones that learnt nothing."""
    members = classifiers.records(800)
    data = {"members": members, "nonmembers": classifiers.records(1600, 10_000)}
    useless = [classifiers.Scripted(style, members) for style in ("constant", "blank", "random")]
    careful, sure = classifiers.Scripted("careful", members), classifiers.Sure(members)
    yield Specimen(membership.metric_attacks, careful, sure, data, useless=useless)


class Extractor:
    """A subject that must not be asked: embeddings are given."""

    spec = id = fingerprint = "given"
    dtype, device, device_class, cacheable, path, kind = "float32", "cpu", "cpu", True, None, "factory"
    encoder = Refusing()

    def why_not(self, name):
        return None if name == "encoder" else f"it is no {name}"


def face_tracking():
    """Protected pictures that are unlike each other, and ones that are alike: it is the pictures that misbehave."""
    sets = {kind: {name: tm.Dataset(own) for name, own in population(kind).items()} for kind in ("diverse", "alike")}
    model = Extractor()
    for check in (faces.dynamic_tracking, faces.static_dynamic_gap):
        yield Specimen(
            check, model, model, sets["diverse"], bad_data={"protected": sets["alike"]["protected"]}, scarce="protected"
        )


QUICK = [*text_memorization(), *hate_detectors(), *lora_safety(), *generated_text(), *membership_inference(), *face_tracking()]
LONG = [*icl_membership()]
