"""Short made-up reports with headlines: people write them one way, machines another, and a tiny model can learn either."""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm

WHO = "baker mayor choir teacher ferryman twins council goat".split()
WHAT = "dam bridge bell oven boat gate clock ladder map wall".split()
DID = "mended lost painted broke sold hid moved burned".split()
WHEN = "monday tuesday friday sunday noon dawn".split()
WHERE = "harbour market quarry valley mill chapel".split()
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
FRAME = "on the a in it was is said and tl dr hailed as key win amid big news for report local says after . : ;".split()


def report(rng):
    who, what, did, when, where = (str(rng.choice(words)) for words in (WHO, WHAT, DID, WHEN, WHERE))
    return {"who": who, "what": what, "did": did, "when": when, "where": where}


def document(facts):
    return f"on {facts['when']} the {facts['who']} {facts['did']} the {facts['what']} in the {facts['where']} ."


def human_headline(facts, rng):
    """People differ in what they leave out."""
    form = ("{what} {did} in {where}", "{who} {did} {what}", "{what} {did} on {when}")[rng.integers(3)]
    return form.format(**facts)


def machine_headline(facts, rng):
    """A machine is wordier and more of the same."""
    form = ("local news : {who} {did} {what}", "local report says {who} {did} {what}")[rng.integers(2)]
    return form.format(**facts)


def plain_words(facts, rng):
    """Some of the facts, in their order: a start from which either kind of headline is quickly learnt."""
    names = list(facts)
    return " ".join(facts[names[place]] for place in sorted(rng.permutation(len(names))[: rng.integers(2, 5)]))


def pairs(n, seed, headline=human_headline, **columns):
    """``n`` pairs whose documents differ."""
    rng = np.random.default_rng([seed, n])
    found = {}
    while len(found) < n:
        facts = report(rng)
        found.setdefault(document(facts), headline(facts, rng))
    rows = {
        "id": [f"{headline.__name__}-{seed}-{i}" for i in range(n)],
        "document": list(found),
        "summary": list(found.values()),
    }
    return tm.Dataset(rows | columns)


def save_start(folder, seed=0):
    """A directory with the configuration of a tiny Llama, its untrained weights and a tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = [*SPECIAL, *FRAME, *WHO, *WHAT, *DID, *WHEN, *WHERE]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(dict.fromkeys(words))}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>", model_max_length=48
    )
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=48, tie_word_embeddings=True, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip
    with tm.own_randomness(seed):
        model = LlamaForCausalLM(config)
    tm.save_model(folder, model, fast)
    return folder
