"""What everyone who trains a small model needs: one thread, random numbers of its own, a tokenizer, a model, a way to save."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_trustml.subjects.quiet import quiet

_SPECIAL = ("<pad>", "<s>", "</s>")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread: small models lose time on more, and numbers no longer depend on how many there are.

    >>> import torch
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Torch's random numbers from a seed, on every device; afterwards they go on as if nothing had been drawn.

    >>> import torch
    >>> with own_randomness(7):
    ...     first = torch.rand(2)
    >>> with own_randomness(7):
    ...     bool((torch.rand(2) == first).all())
    True
    """
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def save_model(folder: Path, model: Any, *parts: Any) -> None:
    """Write a model with its tokenizer or image processor the way transformers does, without its progress bars.

    Parameters
    ----------
    folder : Path
    model : transformers.PreTrainedModel or peft.PeftModel
        Written as safetensors.
    parts
        Whatever else has ``save_pretrained``: tokenizer, image processor.
    """
    with quiet():
        for part in (model, *parts):
            part.save_pretrained(str(folder))


def word_tokenizer(texts: Sequence[str], *, context: int) -> Any:
    """A tokenizer of whole words and marks, in any case, that knows those of some texts.

    The tokens 0 to 3 are padding, unknown words, start and end; start and end are put around every text.

    Parameters
    ----------
    texts : sequence of str
    context : int
        The most tokens that the model takes.

    Examples
    --------
    >>> tokenizer = word_tokenizer(["a red cat", "A dog."], context=16)
    >>> tokenizer("a red dog")["input_ids"], tokenizer("a blue dog")["input_ids"]
    ([2, 5, 8, 7, 3], [2, 5, 1, 7, 3])
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = {"pad_token": "<pad>", "unk_token": "<unknown>", "bos_token": "<start>", "eos_token": "<end>"}
    splitter = pre_tokenizers.Whitespace()
    words = sorted({word for text in texts for word, _ in splitter.pre_tokenize_str(text.lower())})
    vocabulary = {word: number for number, word in enumerate([*names.values(), *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=names["unk_token"]))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = splitter
    around = [(names[name], vocabulary[names[name]]) for name in ("bos_token", "eos_token")]
    tokenizer.post_processor = processors.TemplateProcessing(single="<start> $A <end>", special_tokens=around)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=context, **names)


def learn_tokenizer(texts: Sequence[str], size: int, *, context: int, extra: Sequence[str] = (), **habits: Any) -> Any:
    """A byte-level BPE tokenizer that is learnt from texts: every text can be written, whatever letters it has.

    Parameters
    ----------
    texts : sequence of str
    size : int
        Size of the vocabulary, the 256 bytes and the special tokens ``<pad>``, ``<s>``, ``</s>`` included.
    context : int
        The most tokens that the model takes.
    extra : sequence of str
        Further special tokens, e.g. of a chat template.
    habits
        Passed to ``transformers.PreTrainedTokenizerFast``, e.g. ``chat_template``, ``padding_side``.

    Examples
    --------
    >>> tokenizer = learn_tokenizer(["the cat", "the mat"] * 9, 270, context=16)
    >>> tokenizer.decode(tokenizer("the cat")["input_ids"]), tokenizer.bos_token
    ('the cat', '<s>')
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    specials = [*_SPECIAL, *extra]
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=specials, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    names = dict(zip(("pad_token", "bos_token", "eos_token"), _SPECIAL, strict=True))
    if extra:
        names["extra_special_tokens"] = list(extra)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=context, **names, **habits)


def small_llama(
    vocabulary: int, *, seed: int, context: int, width: int = 96, layers: int = 2, heads: int = 4, **more: Any
) -> Any:
    """A ``LlamaForCausalLM`` with random weights, small enough to be trained on a laptop in a minute.

    The tokens 0, 1 and 2 are padding, start and end, as `learn_tokenizer` numbers them. ``more`` goes to ``LlamaConfig``.

    >>> model = small_llama(300, seed=0, context=32)
    >>> sum(parameter.numel() for parameter in model.parameters())
    213600
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **more,
    )
    with own_randomness(seed):
        return LlamaForCausalLM(config)


def small_bert(
    vocabulary: int, labels: Sequence[str], *, seed: int, context: int, width: int, layers: int = 1, heads: int = 2
) -> Any:
    """A ``BertForSequenceClassification`` with random weights, small enough to be trained on a laptop in seconds.

    >>> small_bert(50, ["a", "b"], seed=0, context=16, width=8).config.label2id
    {'a': 0, 'b': 1}
    """
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=2 * width,
        max_position_embeddings=context,
        id2label=dict(enumerate(labels)),
        label2id={name: number for number, name in enumerate(labels)},
        pad_token_id=0,
        # The defaults are for models a thousand times as large: one this small would hardly move.
        initializer_range=0.1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    with own_randomness(seed):
        return BertForSequenceClassification(config)
