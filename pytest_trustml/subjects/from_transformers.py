"""Models of the transformers library: the only file that calls it to load weights."""

from __future__ import annotations

from typing import Any

from pytest_trustml.errors import SubjectError, UsageError
from pytest_trustml.subjects.architectures import role_of, why_not
from pytest_trustml.subjects.files import Found
from pytest_trustml.subjects.fingerprint import fingerprint_directory
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.residence import Loaded, Residence


class TransformersSource:
    """A directory written by ``save_pretrained`` of a transformers model."""

    kind = "transformers"
    cacheable = True

    def __init__(self, found: Found) -> None:
        self.found = found
        self.path = found.path
        self.checkpoint_dtype = found.dtype
        self.role = role_of(found.architecture, found.config)
        if not found.architecture:
            raise SubjectError(
                f'{found.path / "config.json"} names no architecture. Add its class, e.g. "architectures": '
                '["LlamaForCausalLM"], or save the model again.'
            )
        if found.config.get("quantization_config"):
            raise SubjectError(
                f"The model in {found.path} is quantised, which changes its numbers with the machine. Give the checkpoint in "
                "float32, float16 or bfloat16, or wrap it in a factory of yours: py:module:function."
            )

    @property
    def offers(self) -> tuple[str, ...]:
        return self.role.offers

    @property
    def description(self) -> str:
        return f"{self.role.word} ({self.found.architecture})"

    def why_not(self, name: str) -> str | None:
        return why_not(name, f"{self.role.word} ({self.found.architecture})", self.offers)

    def fingerprint(self) -> str:
        return fingerprint_directory(self.path)

    def load(self, device: str, dtype: str) -> Loaded:
        return load(self.found, device, dtype)

    def capability(self, name: str, residence: Residence[Loaded]) -> Any:
        return capability(name, residence, self.role.input)


def capability(name: str, residence: Residence[Loaded], input: str, adapted: bool = True) -> Any:
    """The object behind ``subject.text`` and its siblings; ``adapted`` False takes the adapter off."""
    if name == "text":
        from pytest_trustml.subjects.text import LanguageModel

        return LanguageModel(residence, adapted)
    if name == "classifier":
        from pytest_trustml.subjects.classifier import TransformersClassifier

        return TransformersClassifier(residence, input)
    if name == "encoder":
        from pytest_trustml.subjects.encoder import TransformersEncoder

        return TransformersEncoder(residence, input, adapted)
    if name == "pairs":
        from pytest_trustml.subjects.pairs import TransformersPairs

        return TransformersPairs(residence)
    raise UsageError(f"A transformers model has no {name}.")


def load(found: Found, device: str, dtype: str) -> Loaded:
    """Read the weights; nothing that is missing in the files is filled with random numbers.

    Raises
    ------
    SubjectError
        If the architecture is unknown, weights are missing, of another shape, NaN or infinite, or there is no tokenizer.
    """
    import torch
    import transformers

    kind = getattr(transformers, found.architecture, None)
    if not (isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel)):
        raise SubjectError(
            f"transformers {transformers.__version__} does not know {found.architecture} of {found.path}. "
            "Update transformers, or wrap the model in a factory of yours: py:module:function."
        )
    with quiet():
        try:
            model, report = kind.from_pretrained(
                found.path, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True, trust_remote_code=False,
                output_loading_info=True,
            )  # fmt: skip
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise SubjectError(f"The model in {found.path} cannot be loaded: {_first_lines(error)}") from error
        role = role_of(found.architecture, found.config)
        tokenizer = open_tokenizer(found) if role.input == "text" or "pairs" in role.offers else None
        processor = open_processor(found) if role.input == "image" else None
    missing = sorted(name for name in report.get("missing_keys", ()) if not _spare(name))
    if missing:
        raise SubjectError(
            f"The weight files of {found.path} lack {len(missing)} tensors of {found.architecture}, e.g. {missing[0]!r}; they "
            "would be filled with random numbers. Save the trained model again, or name the right architecture in config.json."
        )
    model.has_pooler = not any(_spare(name) for name in report.get("missing_keys", ()))
    prepare(model, device, str(found.path))
    return Loaded(model, device, tokenizer, processor, str(found.path))


def prepare(model: Any, device: str, name: str) -> None:
    """Eval mode, the device, no gradients, weights that are numbers, and no sampling habits of the checkpoint."""
    model.eval().requires_grad_(False).to(device)
    refuse_nan(model, name)
    habits = getattr(model, "generation_config", None)
    if habits is not None:
        kept = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id")
        model.generation_config = type(habits)(**{key: getattr(habits, key, None) for key in kept})


def refuse_nan(model: Any, name: str) -> None:
    """Weights that are not finite make every answer meaningless."""
    weights = [(name, tensor, False) for name, tensor in model.named_parameters()]
    masks = [(name, tensor, True) for name, tensor in model.named_buffers()]
    for tensor_name, tensor, may_be_infinite in weights + masks:
        if not tensor.is_floating_point() or tensor.numel() == 0:
            continue
        low, high = tensor.detach().aminmax()  # both are NaN if any value is; needs no second copy of the weights
        if low.isnan() or ((low.isinf() or high.isinf()) and not may_be_infinite):
            raise SubjectError(
                f"The weights of {name} are broken: {tensor_name!r} holds NaN or infinite values. Its training diverged or the "
                "file was damaged; take an earlier checkpoint."
            )


def _spare(name: str) -> bool:
    """A pooling head that pretraining often leaves out; embeddings then come from the last hidden layer instead."""
    return "pooler." in f".{name}" and "attention" not in name


def open_tokenizer(found: Found) -> Any:
    import transformers

    try:
        return transformers.AutoTokenizer.from_pretrained(found.path, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise SubjectError(
            f"The model in {found.path} has no tokenizer that loads ({_first_lines(error)}). Save it beside the model: "
            "tokenizer.save_pretrained(folder)."
        ) from error


def open_processor(found: Found) -> Any:
    if not any((found.path / name).is_file() for name in ("preprocessor_config.json", "processor_config.json")):
        return None
    import transformers

    try:
        return transformers.AutoImageProcessor.from_pretrained(
            found.path, local_files_only=True, trust_remote_code=False, backend="pil"
        )
    except Exception as error:
        raise SubjectError(f"The image processor of {found.path} does not load: {_first_lines(error)}") from error


def _first_lines(error: BaseException) -> str:
    return " ".join(str(error).split())[:400] or type(error).__name__
