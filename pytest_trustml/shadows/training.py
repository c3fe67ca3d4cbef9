"""How shadow models are trained, exactly."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from pytest_trustml.errors import UsageError

LINEAR = "linear"


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the data that decides what a shadow model becomes.

    Parameters
    ----------
    start : str
        A directory with ``config.json`` and a tokenizer (for pictures an image processor, if there is one). Not needed for a
        linear model.
    architecture : str
        Name of a class of transformers; by default the one in ``config.json``. ``linear`` is TF-IDF (words and pairs of words)
        with a logistic regression.
    pretrained : bool
        Begin with the weights in ``start`` instead of random ones. Parts that are missing there or have another shape, such as
        a new head, are random.
    frozen : tuple of str
        Glob patterns of the names of parameters that are not trained. Where only one linear layer is left, inputs are encoded
        once for all models.
    labels : tuple of str
        Classes, in the order of the columns. Without any a language model is trained to continue the prompts by the texts.
    epochs, batch_size : int
    learning_rate, weight_decay : float
        AdamW, with a tenth of the steps to warm up and a linear decay to zero; gradients are clipped at norm 1.
    max_tokens : int
        Longer texts are cut.
    """

    start: str = ""
    architecture: str = ""
    pretrained: bool = False
    frozen: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    epochs: int = 5
    batch_size: int = 16
    learning_rate: float = 2e-5
    weight_decay: float = 0.01
    max_tokens: int = 256

    @property
    def linear(self) -> bool:
        return self.architecture == LINEAR

    def checked(self) -> Training:
        """The training itself, if it can be meant.

        Raises
        ------
        UsageError
            Naming what is wrong.

        Examples
        --------
        >>> Training(architecture="linear", labels=("a", "b")).checked().epochs
        5
        """
        if min(self.epochs, self.batch_size, self.max_tokens) < 1 or self.learning_rate <= 0 or self.weight_decay < 0:
            raise UsageError(
                f"Shadow models cannot be trained for {self.epochs} epochs in batches of {self.batch_size}, at most "
                f"{self.max_tokens} tokens, at a rate of {self.learning_rate} with weight decay {self.weight_decay}. The first "
                "three are at least 1, the rate is above 0 and the decay not negative."
            )
        if len(set(self.labels)) != len(self.labels) or len(self.labels) == 1:
            raise UsageError(f"The classes are {list(self.labels)}. There are two at least, and none twice.")
        if self.linear:
            if not self.labels:
                raise UsageError("A linear model tells classes apart: name them with labels.")
            return self
        if not self.start or not (Path(self.start) / "config.json").is_file():
            raise UsageError(
                f"{self.start or 'No folder'!r} holds no config.json to start from. Give the directory of a model that "
                "transformers saved, or architecture='linear'."
            )
        return self

    @property
    def class_name(self) -> str:
        """The class of transformers that is trained."""
        if self.architecture:
            return self.architecture
        named = json.loads((Path(self.start) / "config.json").read_text(encoding="utf-8")).get("architectures") or [""]
        return str(named[0])


def steps_of(training: Training, rows: int) -> int:
    """Gradient steps for a training set of so many rows."""
    return training.epochs * -(-rows // training.batch_size)
