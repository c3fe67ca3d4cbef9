"""Small starts of the real architectures: tokenizers and configurations to train shadow models from."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm

TOPICS = {
    "sea": ("wave", "salt", "ship", "tide"),
    "hill": ("rock", "goat", "snow", "path"),
    "town": ("tram", "shop", "lamp", "square"),
}
LABELS = tuple(TOPICS)
FILLERS = ("the", "a", "of", "and", "near", "old", "new", "we", "saw", "left")


def texts(n, seed=0):
    rng = np.random.default_rng([seed, 5])
    labels = [list(TOPICS)[i] for i in rng.integers(0, 3, n)]
    rows = []
    for label in labels:
        words = [FILLERS[i] for i in rng.integers(0, len(FILLERS), 6)]
        words[int(rng.integers(6))] = TOPICS[label][int(rng.integers(4))]
        rows.append(" ".join([*words[: int(rng.integers(4, 7))], TOPICS[label][int(rng.integers(4))]]))
    return tm.Dataset({"text": rows, "label": labels})


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """A BERT classifier of 9 classes, with a tokenizer; without dropout."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *FILLERS, *(word for some in TOPICS.values() for word in some)]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", model_max_length=24
    )
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=24, num_labels=9, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        initializer_range=0.15,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("bert")
    with tm.own_randomness(3):
        model = transformers.BertForSequenceClassification(config)
    tm.save_model(folder, model, tokenizer)
    return folder


@pytest.fixture
def quick(bert):
    return tm.Training(start=str(bert), labels=LABELS, epochs=2, batch_size=8, learning_rate=3e-3)


@pytest.fixture(scope="session")
def resnet(tmp_path_factory):
    import transformers

    config = transformers.ResNetConfig(
        num_channels=1, embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=2, image_size=8
    )
    folder = tmp_path_factory.mktemp("resnet")
    with tm.own_randomness(3):
        tm.save_model(folder, transformers.ResNetForImageClassification(config))
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    tokenizer = tm.learn_tokenizer(texts(200).column("text"), 300, context=48)
    folder = tmp_path_factory.mktemp("llama")
    tm.save_model(folder, tm.small_llama(len(tokenizer), seed=0, context=48, width=32), tokenizer)
    return folder
