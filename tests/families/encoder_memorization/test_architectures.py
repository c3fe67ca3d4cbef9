"""The three checks run on encoders of many architectures with random weights, and read the sums inside a transformer right."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.encoder_memorization import layer_profile, sample_score, unit_excess
from builtin_checks.encoder_memorization.layers import blocks, chosen_layers, layers_before, profiled_layers
from builtin_checks.encoder_memorization.observations import view_distances

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16, "patch_size": 8}
WIDE = SMALL | {"intermediate_size": 32}
STAGES = {"hidden_sizes": [8, 16], "depths": [1, 1]}
ARCHITECTURES = {
    "ViT": WIDE, "Dinov2": SMALL, "SiglipVision": WIDE, "CLIPVision": WIDE, "DeiT": WIDE, "ViTMAE": WIDE, "Beit": WIDE,
    "ResNet": STAGES | {"embedding_size": 8, "layer_type": "basic"}, "ConvNext": STAGES | {"num_stages": 2, "image_size": 16},
    "Swin": {"image_size": 16, "patch_size": 4, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 2},
}  # fmt: skip
LAYERS = {"Swin": "*.mlp"}  # its attention works on windows and has no row per picture
FIRST = ("ViT", "Dinov2", "SiglipVision", "ResNet")
TRANSFORMERS = ["ViT", "Dinov2", "SiglipVision", "CLIPVision", "DeiT", "ViTMAE", "Beit"]


def model_of(name, seed, **more):
    import torch
    import transformers

    config = getattr(transformers, f"{name}Config")(**ARCHITECTURES[name], **more)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return getattr(transformers, f"{name}Model")(config).eval()


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Open a model of an architecture: ``opened("ViT", 0)``, the same folder for the same seed."""
    made = {}

    def open_(name, seed=0):
        if (name, seed) not in made:
            folder = tmp_path_factory.mktemp(f"{name}{seed}")
            tm.save_model(folder, model_of(name, seed))
            made[name, seed] = tm.open_subject(str(folder), name=f"{name}{seed}", device="cpu")
        return made[name, seed]

    return open_


@pytest.fixture
def run(cache, tmp_path):
    def run_(check, subjects, data, **options):
        sets = {name: tm.Dataset(columns) for name, columns in data.items()}
        companions = dict(zip(check.companions, subjects[1:], strict=True))
        return tm.run_check(check, subjects[0], sets, tmp_path, companions=companions, options=options, seed=3, cache=cache)

    return run_


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FIRST else pytest.mark.slow) for name in ARCHITECTURES]
)
def test_the_checks_run(run, opened, encoders, name):
    """Random weights memorised nothing: that is no release to pass, but every check must get as far as its numbers."""
    training, heldout, other = (encoders.images(8, seed) for seed in (50, 51, 52))
    how = {"augmentation": "crop", "layers": LAYERS.get(name, ""), "top": 2}
    data = {"training": {"image": training}, "heldout": {"image": heldout}}
    record = run(unit_excess, [opened(name)], data, views=1, permutations=99, **how)
    assert record.outcome == "INCONCLUSIVE" and "n = 8" in record.why
    excess = record.measurements[0]
    assert np.isfinite(excess.value) and excess.details["layers"] >= 2
    sets = {"candidates": training, "shared": heldout, "independent": other, "heldout": encoders.images(8, 53)}
    for check in (layer_profile, sample_score):
        data = {key: {"image": rows} for key, rows in sets.items()}
        found = run(check, [opened(name), opened(name, 1)], data, pairs=1, **how)
        broken = [control.name for control in found.controls if not control.ok]
        assert all(control.startswith("mean of") for control in broken), broken
        assert np.isfinite(found.measurements[0].value)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_all_four_series_of_every_block_are_profiled(opened, name):
    names = opened(name).encoder.layers()
    found = profiled_layers(names, "")
    assert len(blocks(names)) == 2 and len(found) == 8
    assert found[1].endswith(":input") and found[3] == found[0].rpartition(".")[0]
    assert not any("head" in layer or "pooler" in layer for layer in found)
    assert chosen_layers(names, "") == [layer for block in blocks(names) for layer in (block.attention, block.connected)]
    before = dict(zip([*found, "embedding"], layers_before([*found, "embedding"]), strict=True))
    one, two = blocks(names)
    assert [before[layer] for layer in one] == ["", "", one.between, ""]
    assert [before[layer] for layer in two] == [one.residual, one.residual, two.between, one.residual]
    assert before["embedding"] == two.residual


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_what_goes_into_the_second_normalisation_is_the_sum_behind_the_attention(opened, encoders, name):
    """Input of the block plus attention, scaled where the network scales it; the block adds its other half to that."""
    import torch

    from pytest_trustml.subjects.encoder import encoded

    subject = opened(name)
    block = blocks(subject.encoder.layers())[1]
    images = list(encoders.images(3, 60))
    read = subject.encoder.listen(images, [block.between, block.residual], lambda value: value.flatten(1).clone())
    model = model_of(name, 0, **({"mask_ratio": 0.0} if name == "ViTMAE" else {}))
    heard = {}
    norm = model.get_submodule(block.between.removesuffix(":input"))
    inner = [
        norm.register_forward_pre_hook(lambda module, args: heard.update(between=args[0].clone())),
        model.get_submodule(block.residual).register_forward_pre_hook(
            lambda module, args, kwargs: heard.update(into=(args[0] if args else kwargs["hidden_states"]).clone()),
            with_kwargs=True,
        ),
        model.get_submodule(block.attention).register_forward_hook(
            lambda module, args, output: heard.update(attention=(output[0] if isinstance(output, tuple) else output).clone())
        ),
    ]
    with torch.no_grad():
        model(**encoded(subject.encoder._residence.get(), images, "image"))
    for handle in inner:
        handle.remove()
    assert np.allclose(read[block.between], heard["between"].flatten(1).numpy(), atol=1e-5)
    if name not in ("Dinov2", "Beit"):  # these scale the attention before they add it
        assert np.allclose(read[block.between], (heard["into"] + heard["attention"]).flatten(1).numpy(), atol=1e-5)
    assert not np.allclose(read[block.between], read[block.residual], atol=1e-5)


def test_layers_may_be_asked_for_by_their_input(opened):
    names = opened("ViT").encoder.layers()
    assert profiled_layers(names, "*.layernorm_after:input") == [f"layers.{n}.layernorm_after:input" for n in (0, 1)]
    assert profiled_layers(names, "layers.?") == ["layers.0", "layers.1"]
    with pytest.raises(tm.UsageError, match="layernorm_afte"):
        opened("ViT").encoder.activations([np.zeros((8, 8, 3), np.uint8)], ["layers.0.layernorm_afte:input"])


def test_a_masked_autoencoder_sees_the_whole_picture_and_answers_twice_alike(opened, encoders):
    """Its own forward pass hides three quarters of the patches, others at every call, and shuffles the rest."""
    encoder = opened("ViTMAE").encoder
    images = list(encoders.images(4, 61))
    layers = profiled_layers(encoder.layers(), "")
    one, two = (encoder.activations(images, layers, pooled=False) for _ in range(2))
    for layer in layers:
        assert np.array_equal(one[layer], two[layer]), layer
        assert one[layer].shape == (4, 5 * 16), "four patches and the class token"
    assert np.array_equal(encoder.embed(images), encoder.embed(images))
    assert np.allclose(encoder.embed(images[2:3]), encoder.embed(images)[2], atol=1e-5)


def test_half_precision_gives_nearly_the_same(opened, encoders):
    """What a GPU computes in bfloat16: activations are averaged and distances taken in float32."""
    path = str(opened("ViT").path)
    half = tm.open_subject(path, name="half", device="cpu", dtype="bfloat16")
    images = tm.Dataset({"image": encoders.images(16, 70)})
    layers = profiled_layers(half.encoder.layers(), "")
    how = {"layers": layers, "pairs": 2, "augmentation": "crop", "kind": "l2", "normalize": True, "seed": 1}
    exact, coarse = (view_distances(each, images, **how) for each in (opened("ViT"), half))
    for layer in exact:
        assert coarse[layer].dtype == np.float64
        assert np.allclose(coarse[layer], exact[layer], rtol=0.05, atol=0.01), layer
    units = [each.encoder.activations(list(encoders.images(16, 70)), layers) for each in (opened("ViT"), half)]
    for layer in layers:
        assert units[1][layer].dtype == np.float32
        assert np.abs(units[1][layer] - units[0][layer]).max() < 0.03 * np.abs(units[0][layer]).max() + 0.01, layer
