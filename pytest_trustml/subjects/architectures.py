"""What each architecture can be asked to do, read off its name and configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PAIRS = (
    "CLIPModel", "SiglipModel", "Siglip2Model", "AltCLIPModel", "ChineseCLIPModel", "MetaClip2Model", "AlignModel",
    "VisionTextDualEncoderModel",
)  # fmt: skip
ENCODER_DECODERS = (
    "bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "fsmt", "led", "longt5", "m2m_100", "marian", "mbart", "mt5",
    "mvp", "nllb-moe", "pegasus", "pegasus_x", "plbart", "prophetnet", "switch_transformers", "t5", "t5gemma", "umt5",
)  # fmt: skip
NEEDS = {
    "text": "a language model (*ForCausalLM, or *ForConditionalGeneration of text)",
    "adapter": "a LoRA adapter (adapter_config.json) together with its base model",
    "classifier": "a classifier (*ForSequenceClassification or *ForImageClassification)",
    "encoder": "a model of the transformers library that turns text or images into vectors",
    "pairs": "an image-text encoder with a joint space (CLIPModel, SiglipModel, …)",
    "images": "a text-to-image pipeline of diffusers (model_index.json)",
    "pictures": "a PNG or JPEG file, or a folder that holds only such files",
}


@dataclass(frozen=True)
class Role:
    """What a transformers model is good for.

    Parameters
    ----------
    word : str
        What a person calls it, e.g. ``an image classifier``.
    offers : tuple of str
        Names of its capabilities.
    input : str
        ``text`` or ``image``: what its encoder and classifier take.
    """

    word: str
    offers: tuple[str, ...]
    input: str


def role_of(architecture: str, config: Mapping[str, Any]) -> Role:
    """The role of an architecture; ``offers`` is empty for the ones that cannot be judged here (speech, video, …).

    Examples
    --------
    >>> role_of("LlamaForCausalLM", {}).offers
    ('text', 'encoder')
    >>> role_of("CLIPModel", {}).word
    'an image-text encoder'
    """
    kind = str(config.get("model_type", ""))
    if any(key in config for key in ("conv_dim", "num_mel_bins", "audio_config", "codebook_size")):
        return Role("a speech or audio model", (), "audio")
    if architecture in PAIRS:
        return Role("an image-text encoder", ("pairs", "encoder"), "image")
    if kind in ENCODER_DECODERS and architecture.endswith(("ForConditionalGeneration", "MTModel")):
        return Role("an encoder-decoder language model", ("text",), "text")
    if architecture.endswith("ForSequenceClassification"):
        return Role("a text classifier", ("classifier", "encoder"), "text")
    if architecture.endswith("ForImageClassification"):
        return Role("an image classifier", ("classifier", "encoder"), "image")
    if "vision_config" in config:
        return Role("a multimodal model", (), "image")
    if architecture.endswith(("ForCausalLM", "LMHeadModel")):
        return Role("a language model", ("text", "encoder"), "text")
    input = _input(config)
    if input and architecture.endswith(("Model", "ModelWithProjection", "ForMaskedLM", "ForPreTraining", "Backbone")):
        return Role("an image encoder" if input == "image" else "a text encoder", ("encoder",), input)
    return Role(f"a {architecture}" if architecture else "a model of no named architecture", (), input or "text")


def _input(config: Mapping[str, Any]) -> str:
    if "num_channels" in config or "image_size" in config:
        return "image"
    return "text" if "vocab_size" in config else ""


def why_not(name: str, word: str, offers: tuple[str, ...]) -> str | None:
    """Why a model does not have a capability, or None if it has it."""
    return None if name in offers else f"This model is {word}; {name} needs {NEEDS[name]}."
