"""Many models at once are what each would be alone, and they learn, resume, answer and leave."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

import pytest_trustml as tm
from pytest_trustml.shadows import stack as stacking
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress, TerminalProgress
from tests.unit.shadows.conftest import LABELS, TOPICS, texts

torch = pytest.importorskip("torch")
DATA = texts(90)
MEMBERS = [np.arange(0, 60), np.arange(30, 90), np.arange(10, 45)]
SEEDS = [4, 5, 6]


def made(training, folder, *, members=MEMBERS, seeds=SEEDS, data=DATA, **how):
    return tm.train_shadows(training, data, members, seeds=seeds, cache=Cache(folder), device="cpu", **how)


def test_stacked_models_are_what_they_are_one_by_one(quick, tmp_path, monkeypatch):
    together = made(quick, tmp_path / "a")
    assert together.how == "stacked" and len(together) == 3 and together.labels == LABELS
    monkeypatch.setattr(stacking, "can_be_stacked", lambda *anything: False)
    alone = made(quick, tmp_path / "b")
    assert alone.how == "one by one"
    np.testing.assert_allclose(together.logits(DATA), alone.logits(DATA), atol=2e-3)


def test_a_model_depends_on_its_own_rows_and_seed_alone(quick, tmp_path):
    together = made(quick, tmp_path / "a").logits(DATA)
    single = made(quick, tmp_path / "b", group=1).logits(DATA)
    other = made(quick, tmp_path / "c", members=[MEMBERS[2], MEMBERS[0]], seeds=[6, 4]).logits(DATA)
    np.testing.assert_allclose(together, single, atol=2e-3)
    np.testing.assert_allclose(together[[2, 0]], other, atol=2e-3)
    assert np.abs(made(quick, tmp_path / "d", seeds=[7, 5, 6]).logits(DATA)[0] - together[0]).max() > 0.01


def test_models_learn(bert, tmp_path):
    longer = tm.Training(start=str(bert), labels=LABELS, epochs=20, batch_size=8, learning_rate=4e-3)
    held = texts(80, seed=1)
    logits = made(longer, tmp_path).logits(held)
    gold = np.array([LABELS.index(label) for label in held.column("label")])
    assert logits.shape == (3, 80, 3) and logits.dtype == np.float32
    assert ((logits.argmax(-1) == gold).mean(1) > 0.8).all()


def test_a_run_that_was_killed_goes_on_where_it_was(quick, tmp_path, monkeypatch):
    trained = []
    train = stacking.train

    def counted(stack, material, members, seeds, *more):
        if len(trained) == 1 and stop[0]:
            raise KeyboardInterrupt
        trained.append(list(seeds))
        return train(stack, material, members, seeds, *more)

    stop = [True]
    monkeypatch.setattr(stacking, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        made(quick, tmp_path, group=2)
    stop[0] = False
    made(quick, tmp_path, group=2)
    assert trained == [[4, 5], [6]]
    made(quick, tmp_path, group=2).logits(DATA)
    assert trained == [[4, 5], [6]]


def test_the_cost_is_told_before_training_and_progress_is_shown(quick, tmp_path):
    said = []
    clock = iter(range(0, 10**6, 20))
    made(quick, tmp_path, progress=TerminalProgress(said.append, clock=lambda: next(clock)))
    assert said[0].startswith("Training shadow models (stacked): 3 models on 35 to 60 rows each, 2 epochs in batches of 8: ")
    assert "about" in said[0] and any("training shadow models 1 to 3 of 3" in text for text in said[1:])
    said.clear()
    made(quick, tmp_path, progress=TerminalProgress(said.append))
    assert said == []  # nothing is trained, so nothing is told
    Progress().note("silent")


@pytest.mark.parametrize("change", ["learning_rate", "epochs", "labels", "data", "start"])
def test_whatever_changes_a_model_is_part_of_its_name(change, quick, bert, tmp_path):
    first = made(quick, tmp_path).fingerprint
    training, data = quick, DATA
    if change == "data":
        data = tm.Dataset({"text": DATA.column("text"), "label": ["sea", *DATA.column("label")[1:]], "id": DATA.ids})
    elif change == "labels":
        training = msgspec.structs.replace(quick, labels=LABELS[::-1])
    elif change == "start":
        training = msgspec.structs.replace(quick, pretrained=True)
    else:
        training = msgspec.structs.replace(quick, **{change: 1})
    assert made(training, tmp_path, data=data).fingerprint != first
    assert made(quick, tmp_path).fingerprint == first


def test_dropout_is_drawn_from_the_seed_of_the_model(bert, tmp_path):
    import json
    import shutil

    folder = shutil.copytree(bert, tmp_path / "dropout")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hidden_dropout_prob": 0.3}))
    training = tm.Training(start=str(folder), labels=LABELS, epochs=1, batch_size=8, learning_rate=3e-3)
    together = made(training, tmp_path / "a")
    assert together.how == "one by one"
    np.testing.assert_allclose(together.logits(DATA), made(training, tmp_path / "b", group=1).logits(DATA), atol=1e-4)
    plain = tm.Training(start=str(bert), labels=LABELS, epochs=1, batch_size=8, learning_rate=3e-3)
    assert np.abs(together.logits(DATA) - made(plain, tmp_path / "c").logits(DATA)).max() > 1e-3


def test_fine_tuning_begins_with_the_weights_of_the_start(bert, tmp_path):
    hardly = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-12}
    tuned = made(tm.Training(start=str(bert), labels=LABELS, pretrained=True, **hardly), tmp_path)
    tuned.export(0, tmp_path / "out")
    import transformers

    one = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "out").state_dict()
    start = transformers.BertForSequenceClassification.from_pretrained(bert).state_dict()
    for name, value in start.items():
        if not name.startswith("classifier"):
            torch.testing.assert_close(one[name], value, atol=1e-6, rtol=0)
    assert one["classifier.weight"].shape == (3, 24)


def test_heads_on_a_frozen_encoder_are_what_whole_models_would_be(bert, tmp_path, monkeypatch):
    from pytest_trustml.shadows.networks import Blueprint

    frozen = tm.Training(
        start=str(bert), labels=LABELS, pretrained=True, frozen=("bert.*",), epochs=3, batch_size=8, learning_rate=5e-3
    )
    heads = made(frozen, tmp_path / "a")
    assert heads.how == "heads"
    monkeypatch.setattr(Blueprint, "head", None)
    whole = made(frozen, tmp_path / "b")
    assert whole.how == "stacked"
    np.testing.assert_allclose(heads.logits(DATA), whole.logits(DATA), atol=1e-3)


def test_soft_logits_have_gradients_into_the_embeddings_alone(quick, tmp_path):
    shadows = made(quick, tmp_path, group=2)
    soft = torch.randn(5, 4, 24, requires_grad=True)
    said = shadows.soft_logits(soft)
    assert said.shape == (3, 5, 3)
    said.softmax(-1)[..., 0].sum().backward()
    assert soft.grad is not None and float(soft.grad.abs().min(dim=-1).values.max()) > 0
    whole = tm.Dataset({"text": ["wave near the ship"]})
    tokens = shadows._blueprint.loaded.tokenizer("wave near the ship")["input_ids"]
    own = shadows._stack(0)
    table = own.trained["bert.embeddings.word_embeddings.weight"][0]
    np.testing.assert_allclose(
        shadows.soft_logits(table[tokens][None])[0].detach().numpy(), shadows.logits(whole)[0], atol=1e-4
    )


def test_an_exported_model_is_the_model(quick, tmp_path):
    shadows = made(quick, tmp_path)
    for k in (0, 2):
        shadows.export(k, tmp_path / f"out{k}")
        subject = tm.open_subject(str(tmp_path / f"out{k}"), device="cpu")
        assert list(subject.classifier.labels) == list(LABELS)
        np.testing.assert_allclose(subject.classifier.logits(DATA.column("text")), shadows.logits(DATA)[k], atol=1e-4)
    with pytest.raises(tm.UsageError, match="There is no model 3"):
        shadows.export(3, tmp_path / "none")


def test_pictures(resnet, tmp_path):
    rng = np.random.default_rng(0)
    labels = ["dark", "light"] * 20
    pixels = (rng.uniform(0, 120, (40, 8, 8)) + np.array([0, 130] * 20)[:, None, None]).astype(np.uint8)
    data = tm.Dataset({"image": pixels, "label": labels})
    training = tm.Training(start=str(resnet), labels=("dark", "light"), epochs=6, batch_size=8, learning_rate=1e-2)
    shadows = made(training, tmp_path, data=data, members=[range(30), range(10, 40)], seeds=[0, 1], text="image")
    assert shadows.how == "one by one"  # its normalisation layers keep running statistics
    said = shadows.logits(data, column="image")
    assert ((said.argmax(-1) == np.array([0, 1] * 20)).mean(1) > 0.9).all()
    shadows.export(1, tmp_path / "out")
    own = tm.open_subject(str(tmp_path / "out"), device="cpu").classifier.logits(list(pixels))
    np.testing.assert_allclose(own, said[1], atol=1e-4)


def test_language_models_learn_to_continue(llama, tmp_path):
    words = list(TOPICS["sea"])
    pairs = [
        (f"we saw {one} and", f" {two}") for one in words for two in words if (words.index(one) + 1) % 4 == words.index(two)
    ] * 8
    data = tm.Dataset({"prompt": [p for p, _ in pairs], "text": [t for _, t in pairs]})
    training = tm.Training(start=str(llama), epochs=30, batch_size=8, learning_rate=5e-3)
    shadows = made(training, tmp_path, data=data, members=[range(32), range(4, 32)], seeds=[0, 1])
    assert shadows.how == "stacked"
    asked = tm.Dataset({"prompt": [p for p, _ in pairs[:4]]})
    said = shadows.generate(asked, max_new_tokens=8)
    assert [[answer.strip() for answer in own] for own in said] == [[t.strip() for _, t in pairs[:4]]] * 2
    shadows.export(0, tmp_path / "out")
    own = tm.open_subject(str(tmp_path / "out"), device="cpu").text.generate(
        asked.column("prompt"), chat=False, max_new_tokens=8
    )
    assert own == said[0]
    with pytest.raises(tm.Unsupported, match="no classes"):
        shadows.logits(asked, column="prompt")


def test_linear_models(tmp_path):
    training = tm.Training(architecture="linear", labels=LABELS)
    shadows = made(training, tmp_path, group=2)
    held = texts(60, seed=2)
    gold = np.array([LABELS.index(label) for label in held.column("label")])
    assert shadows.how == "linear" and ((shadows.logits(held).argmax(-1) == gold).mean(1) > 0.9).all()
    only = [row for row in range(90) if DATA.column("label")[row] != "town"]
    two = made(training, tmp_path, members=[only], seeds=[0]).logits(held)
    assert (two.argmax(-1) != LABELS.index("town")).all()
    with pytest.raises(tm.UsageError, match="one class alone"):
        made(training, tmp_path, members=[[row for row in only if DATA.column("label")[row] == "sea"]], seeds=[0])
    with pytest.raises(tm.Unsupported, match="no form"):
        shadows.export(0, tmp_path / "x")


def test_no_pickles_are_written(quick, tmp_path):
    made(quick, tmp_path).logits(DATA)
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes <= {".safetensors", ".json", ".lock", ""}


def test_a_refreshing_run_trains_anew(quick, tmp_path):
    made(quick, tmp_path)
    with Cache(tmp_path, "refresh") as cache:
        again = tm.train_shadows(quick, DATA, MEMBERS, seeds=SEEDS, cache=cache, device="cpu")
        assert not str(again._folders[0]).startswith(str(tmp_path / "shadows"))


def decoder(folder, tokenizer, seed=0):
    """A Llama with a head for three classes, which is read at the last token."""
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=48, pad_token_id=0, bos_token_id=1, eos_token_id=2, num_labels=3,
        initializer_range=0.15,
    )  # fmt: skip
    with tm.own_randomness(seed):
        tm.save_model(folder, transformers.LlamaForSequenceClassification(config), tokenizer)
    return folder


@pytest.mark.parametrize("frozen", [(), ("model.*",)])
def test_decoders_as_classifiers_see_no_later_tokens(frozen, llama, tmp_path):
    import transformers

    start = decoder(tmp_path / "start", transformers.AutoTokenizer.from_pretrained(llama))
    training = tm.Training(
        start=str(start), labels=LABELS, pretrained=bool(frozen), frozen=frozen, epochs=2, batch_size=8, learning_rate=3e-3
    )
    shadows = made(training, tmp_path / "a")
    assert shadows.how == "stacked"
    shadows.export(0, tmp_path / "out")
    own = tm.open_subject(str(tmp_path / "out"), device="cpu").classifier.logits(DATA.column("text"))
    np.testing.assert_allclose(own, shadows.logits(DATA)[0], atol=1e-4)
    np.testing.assert_allclose(made(training, tmp_path / "b", group=1).logits(DATA), shadows.logits(DATA), atol=2e-3)


def test_encoder_decoders_learn_to_answer_one_by_one(llama, tmp_path):
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(llama)
    config = transformers.T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4, dropout_rate=0.0, pad_token_id=0,
        eos_token_id=2, decoder_start_token_id=0,
    )  # fmt: skip
    with tm.own_randomness(0):
        tm.save_model(tmp_path / "t5", transformers.T5ForConditionalGeneration(config), tokenizer)
    words = TOPICS["sea"]
    asked = [f"we saw {word} and" for word in words]
    data = tm.Dataset({"prompt": asked * 8, "text": [words[(n + 1) % 4] for n in range(4)] * 8})
    training = tm.Training(start=str(tmp_path / "t5"), epochs=25, batch_size=8, learning_rate=1e-2)
    shadows = made(training, tmp_path / "a", data=data, members=[range(32), range(4, 32)], seeds=[0, 1])
    assert shadows.how == "one by one"
    said = shadows.generate(tm.Dataset({"prompt": asked}), max_new_tokens=8)
    assert [[answer.strip() for answer in own] for own in said] == [[words[1], words[2], words[3], words[0]]] * 2
    shadows.export(0, tmp_path / "out")
    own = tm.open_subject(str(tmp_path / "out"), device="cpu").text.generate(asked, chat=False, max_new_tokens=8)
    assert own == said[0]


def test_models_that_begin_at_random_do_not_depend_on_the_weights_of_their_start(quick, bert, tmp_path):
    import shutil

    import transformers

    other = shutil.copytree(bert, tmp_path / "other")
    with tm.own_randomness(9):
        transformers.BertForSequenceClassification(transformers.BertConfig.from_pretrained(bert)).save_pretrained(other)
    elsewhere = msgspec.structs.replace(quick, start=str(other))
    assert made(elsewhere, tmp_path).fingerprint == made(quick, tmp_path).fingerprint
    tuned = [made(msgspec.structs.replace(one, pretrained=True), tmp_path).fingerprint for one in (quick, elsewhere)]
    assert tuned[0] != tuned[1]
