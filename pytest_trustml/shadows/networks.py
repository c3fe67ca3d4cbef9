"""The networks behind shadow models: made from a configuration and a seed, as trees of parameters."""

from __future__ import annotations

import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from pytest_trustml.errors import SubjectError, UsageError
from pytest_trustml.shadows.training import Training
from pytest_trustml.subjects.architectures import Role, role_of
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.residence import Loaded
from pytest_trustml.subjects.training import own_randomness


class Blueprint:
    """What all shadow models of one training have in common.

    Parameters
    ----------
    training : Training
    device : str
    """

    def __init__(self, training: Training, device: str) -> None:
        self.training = training
        self.device = device

    @cached_property
    def config(self) -> Any:
        import transformers

        with quiet():
            config = transformers.AutoConfig.from_pretrained(
                self.training.start, local_files_only=True, trust_remote_code=False
            )
        if self.training.labels:
            config.id2label = dict(enumerate(self.training.labels))
            config.label2id = {name: number for number, name in enumerate(self.training.labels)}
            config.problem_type = "single_label_classification"
        return config

    @cached_property
    def role(self) -> Role:
        return role_of(self.training.class_name, self.config.to_dict())

    @property
    def task(self) -> str:
        """``classes`` or ``language``."""
        return "classes" if self.training.labels else "language"

    @cached_property
    def kind(self) -> type:
        import transformers

        found = getattr(transformers, self.training.class_name, None)
        wanted = "classifier" if self.training.labels else "text"
        if not (isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)) or wanted not in self.role.offers:
            what = (
                "a classifier (*ForSequenceClassification, *ForImageClassification)"
                if self.training.labels
                else "a language model"
            )
            raise UsageError(f"{self.training.class_name or 'No class'!r} in {self.training.start} is not {what}.")
        return found

    @cached_property
    def loaded(self) -> Loaded:
        """A network of this kind with what prepares its inputs."""
        from pytest_trustml.subjects.files import Found
        from pytest_trustml.subjects.from_transformers import open_processor, open_tokenizer

        place = Path(self.training.start)
        found = Found("transformers", place, self.config.to_dict(), {})
        model = self.make(0)
        text = self.role.input == "text"
        tokenizer, processor = (open_tokenizer(found), None) if text else (None, open_processor(found))
        return Loaded(model, self.device, tokenizer, processor, str(place))

    @cached_property
    def weights(self) -> dict[str, torch.Tensor]:
        """Of the start, those that fit; empty where models begin at random."""
        from pytest_trustml.subjects.from_transformers import refuse_nan

        if not self.training.pretrained:
            return {}
        with quiet():
            try:
                model, report = self.kind.from_pretrained(
                    self.training.start, config=self.config, dtype=torch.float32, local_files_only=True, use_safetensors=True,
                    trust_remote_code=False, ignore_mismatched_sizes=True, output_loading_info=True,
                    attn_implementation="eager",
                )  # fmt: skip
            except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
                why = " ".join(str(error).split())[:400]
                raise SubjectError(f"The model in {self.training.start} to start from cannot be loaded: {why}") from error
        refuse_nan(model, self.training.start)
        new = {*report.get("missing_keys", ()), *(entry[0] for entry in report.get("mismatched_keys", ()))}
        body = sorted(name for name in new if name.startswith(f"{model.base_model_prefix}.") and ".pooler." not in name)
        if body:
            raise SubjectError(
                f"The weight files of {self.training.start} lack {len(body)} tensors of {self.training.class_name} below its "
                f"head, e.g. {body[0]!r}. Start from weights of this architecture, or from random ones with pretrained=False."
            )
        return {name: value for name, value in model.state_dict().items() if name not in new}

    def make(self, seed: int) -> Any:
        """A network as it is before training; what is random in it comes from the seed."""
        with own_randomness(seed), quiet():
            model = self.kind._from_config(self.config, attn_implementation="eager", dtype=torch.float32)
        if self.weights:
            model.load_state_dict(self.weights, strict=False)
        model.requires_grad_(True)
        for name, parameter in model.named_parameters():
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.training.frozen):
                parameter.requires_grad_(False)
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise UsageError(f"The patterns {list(self.training.frozen)} freeze every parameter. Leave the head to be trained.")
        return model.to(self.device)

    @cached_property
    def causal(self) -> bool:
        """Whether no position of a text sees a later one, also in a classifier: tried out."""
        if self.task == "language":
            return True
        if self.role.input != "text":
            return False
        model = self.loaded.model.eval()
        body = getattr(model, model.base_model_prefix, model)
        texts = torch.tensor([[5, 6, 7], [5, 6, 8]], device=self.device) % self.config.get_text_config().vocab_size
        with torch.inference_mode():
            first = body(input_ids=texts, attention_mask=torch.ones_like(texts))[0][:, 0]
        return bool(torch.equal(first[0], first[1]))

    @cached_property
    def alone(self) -> bool:
        """Whether models are trained one by one, so that none depends on the others: training draws random numbers (dropout),
        or looks at whole batches (batch norms)."""
        if self.config.is_encoder_decoder:
            return True
        modules = list(self.loaded.model.modules())
        if any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in modules):
            return True
        return any(isinstance(part, torch.nn.Dropout) and part.p > 0 for part in modules) or any(
            float(value or 0) > 0
            for name, value in self.config.to_dict().items()
            if ("dropout" in name or "drop_path" in name or "layerdrop" in name) and isinstance(value, int | float)
        )

    @cached_property
    def head(self) -> str | None:
        """The name of the one linear layer that is trained, if it is the only one."""
        model = self.loaded.model
        trained = {name.rpartition(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}
        if len(trained) != 1 or not self.training.labels:
            return None
        (name,) = trained
        return name if isinstance(model.get_submodule(name), torch.nn.Linear) else None
