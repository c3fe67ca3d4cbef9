"""What a model can be asked to do. Checks name these in ``needs=``; a Subject offers them as attributes.

Only words and shapes stand here: importing this file loads no numerical library. Arrays are numpy unless said otherwise;
embeddings and scores are float32, sums float64. Every method takes one batch, runs in eval mode without gradients, and gives
the same numbers for any batch size (up to float rounding).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from pytest_trustml.subjects.subject import Subject


class TextModel(Protocol):
    """A language model that continues text (``subject.text``)."""

    attribute: ClassVar[str] = "text"

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int = 64,
        chat: bool = True,
        system: str | None = None,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[str]:
        """Answers to the prompts, greedy at temperature 0. With ``chat`` the prompt goes through the chat template."""

    def next_token_logprobs(
        self, prompts: Sequence[str], tokens: Sequence[int], *, chat: bool = True, system: str | None = None
    ) -> np.ndarray:
        """Log-probability (nat) of each of ``tokens`` as the first token of the answer: (B, len(tokens)) float64."""

    def ladder_logprobs(
        self, ladders: Sequence[Sequence[str]], tokens: Sequence[int], *, chat: bool = True, system: str | None = None
    ) -> list[np.ndarray]:
        """`next_token_logprobs` behind every prompt of each ladder, from one pass over its longest prompt.

        A ladder is a list of S prompts each of which begins with the one before, in letters and in tokens; where the tokens
        differ this is `Unsupported`, and the prompts must be asked one by one. One (S, len(tokens) + 1) float64 array per
        ladder; the last column is that of the likeliest token of all.
        """

    def sequence_logprobs(
        self, prompts: Sequence[str], continuations: Sequence[str], *, chat: bool = False, system: str | None = None
    ) -> list[np.ndarray]:
        """Log-probability (nat) of every token of each continuation given its prompt: B arrays of (T_i,)."""

    def score_tokens(
        self,
        texts: Sequence[str],
        *,
        reference: TextModel | None = None,
        max_tokens: int = 512,
        bos: bool = False,
        min_k: float = 0.0,
        draws: int = 0,
        seed: int = 0,
    ) -> Mapping[str, np.ndarray]:
        """What one forward pass says about the tokens of each text, as sums over its scored positions: (B,) float64 each.

        ``tokens``: how many positions were scored. ``logprob``: log q of the token that stands there (nat). ``rank`` and
        ``log_rank``: its rank from 1, ties in its favour. ``entropy`` of q and ``variance`` of log q under q. ``top_10``,
        ``top_100``, ``top_1000``: positions whose token is among the first so many guesses.

        With a ``reference`` r of the same tokens also ``cross_entropy`` and ``cross_variance``: mean and variance of -log q
        under r, and ``last_cross_entropy``, that behind the last token, which is in none of the sums.

        With ``min_k`` also ``min_k``, the mean log q (nat) of that share of the positions where it is lowest, and
        ``min_k_plus``, the same of (log q - its mean under q) / its standard deviation under q; NaN without any position.

        With ``draws`` also ``sampled_mean`` and ``sampled_deviation``, of the mean log q of so many texts whose tokens are
        drawn from r (from q without a reference) position by position. This costs far more than all the rest.

        A text is cut after ``max_tokens`` tokens. Its first token is not scored, unless ``bos`` puts the start token before it.
        """

    def suffix_scores(
        self,
        texts: Sequence[str],
        *,
        prefix: int = 50,
        suffix: int = 50,
        bos: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
    ) -> Mapping[str, np.ndarray]:
        """What one pass says about the ``suffix`` tokens behind the first ``prefix`` tokens of each text: (B,) each.

        ``tokens``: how many of them the text has. ``logprob``: their log-probability (nat). ``drawn``: the log-probability
        that sampling at this temperature with top-k and top-p gives exactly them, minus infinity if it never does.
        ``greedy``: how many of the first are what greedy decoding would say; all of them: it recites the suffix.
        ``start``: a number of the prefix, the same for the same tokens. ``bos`` puts the start token before the prefix.
        """

    def recite(self, texts: Sequence[str], *, prefix: int = 50, suffix: int = 50, bos: bool = False) -> Mapping[str, Any]:
        """What the model says greedily behind the first ``prefix`` tokens of each text, as far as the suffix goes.

        ``text``: B texts. ``distance``: Levenshtein distance in tokens to the suffix over the longer length, (B,); NaN where a
        text has no suffix.
        """

    def hidden_states(self, prompts: Sequence[str], *, chat: bool = True, system: str | None = None) -> np.ndarray:
        """Residual stream at the last prompt token, the input of every block and the output of the last: (B, L + 1, d)."""

    def token_ids(self, text: str) -> list[int]:
        """The ids of a text without special tokens."""


class Adapter(Protocol):
    """A LoRA adapter on a base model, both arms in one loaded model (``subject.adapter``)."""

    attribute: ClassVar[str] = "adapter"
    base: Subject
    """The base arm: a Subject of its own (``.text``, own fingerprint) that runs with the adapter switched off."""

    def layers(self) -> list[str]:
        """Names of the adapted linear layers, in the order of the network."""

    def weight(self, layer: str) -> np.ndarray:
        """The base weight W (d_out, d_in), float64."""

    def factors(self, layer: str) -> tuple[np.ndarray, np.ndarray, float]:
        """L (d_out, r), R (r, d_in), scale s: the update is s L R. float64."""

    def input_moments(
        self, prompts: Sequence[str], answers: Sequence[str] | None = None, *, chat: bool = False, system: str | None = None
    ) -> Mapping[str, tuple[np.ndarray, int]]:
        """Per adapted layer X X^T (d_in, d_in) float64 of the layer's inputs in the BASE model, and the token count.

        With ``answers`` only the tokens of the answers count, without them all prompt tokens."""


class Classifier(Protocol):
    """A model that gives each input one probability per class (``subject.classifier``)."""

    attribute: ClassVar[str] = "classifier"
    labels: Sequence[str]
    """Names of the classes, in the order of the columns."""

    def logits(self, inputs: Sequence[Any]) -> np.ndarray:
        """One row per input (text or image), one column per class."""


class Encoder(Protocol):
    """A model that turns an input into a vector (``subject.encoder``)."""

    attribute: ClassVar[str] = "encoder"

    def embed(self, inputs: Sequence[Any]) -> np.ndarray:
        """One embedding per input (text or image): (B, d)."""

    def layers(self) -> list[str]:
        """Names of the modules whose activations can be asked for, in the order of the network."""

    def activations(self, inputs: Sequence[Any], layers: Sequence[str], *, pooled: bool = True) -> dict[str, np.ndarray]:
        """Activations of the named modules: (B, units) each, averaged over positions or (images only) flattened."""

    def token_vectors(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The last hidden layer at every token of each text but the special ones: B arrays of (tokens, d). Texts only."""

    def listen(self, inputs: Sequence[Any], layers: Sequence[str], reduce: Callable[[Any], Any]) -> dict[str, np.ndarray]:
        """What ``reduce`` makes of each named module's output while the model runs, as arrays; the outputs are not kept."""


class PairEncoder(Protocol):
    """An image-text model with a joint space, such as CLIP (``subject.pairs``)."""

    attribute: ClassVar[str] = "pairs"
    image_size: int

    def embed_images(self, images: Sequence[Image]) -> np.ndarray:
        """Projected image embeddings, not normalised: (B, d)."""

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Projected text embeddings, not normalised: (B, d)."""


class ImageGenerator(Protocol):
    """A pipeline that draws images from prompts (``subject.images``)."""

    attribute: ClassVar[str] = "images"

    def generate(self, prompts: Sequence[str], seeds: Sequence[int], **settings: Any) -> list[Image]:
        """One image per prompt and seed; the same seed gives the same image in any batch.

        Where the pipeline has a safety checker, ``image.info["flagged"]`` holds its finding. A pipeline of diffusers takes
        ``checked=False``, which leaves the checker out, and its ``judge(images)`` tells what the checker would withhold."""


class PictureSet(Protocol):
    """Pictures that are judged themselves, plots for example (``subject.pictures``): a mapping of name to PIL image."""

    attribute: ClassVar[str] = "pictures"

    def __len__(self) -> int:
        """How many there are, at least one."""

    def __iter__(self) -> Iterator[str]:
        """Their file names, in order."""

    def __getitem__(self, name: str) -> Image:
        """8-bit RGB, upright, on white where it was transparent, without metadata."""


CAPABILITIES: dict[str, type] = {
    kind.attribute: kind for kind in (TextModel, Adapter, Classifier, Encoder, PairEncoder, ImageGenerator, PictureSet)
}
