from __future__ import annotations

import shutil

import numpy as np
import pytest

from pytest_trustml.errors import DataError, SubjectError, Unsupported, UsageError
from pytest_trustml.subjects import open_subject

PROMPTS = ["the cat", "how do i make a cake please", "the dog sat on the mat", "no"]
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


def test_a_text_classifier(bert, torch):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    subject = open_subject(str(bert), device="cpu")
    assert subject.capabilities == ("classifier", "encoder")
    assert subject.classifier.labels == ["benign", "hate", "spam"]
    found = subject.classifier.logits(PROMPTS)
    assert (found.shape, found.dtype) == ((4, 3), np.float32)
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(bert).eval(), AutoTokenizer.from_pretrained(bert)
    for prompt, row in zip(PROMPTS, found, strict=True):
        with torch.no_grad():
            np.testing.assert_allclose(row, model(**tokenizer(prompt, return_tensors="pt")).logits[0], **CLOSE)
    assert subject.classifier.logits([]).shape == (0, 3)
    assert subject.classifier.logits(["a " * 500]).shape == (1, 3)
    with pytest.raises(UsageError, match="found one string"):
        subject.classifier.logits("the cat")


def test_a_text_encoder_averages_the_real_tokens(bert, torch):
    from transformers import AutoTokenizer, BertModel

    encoder = open_subject(str(bert), device="cpu").encoder
    found, layers = encoder.embed(PROMPTS), encoder.layers()
    model, tokenizer = BertModel.from_pretrained(bert).eval(), AutoTokenizer.from_pretrained(bert)
    inner = encoder.activations(PROMPTS, ["bert.encoder.layer.0", "bert.encoder.layer.1.output.dense"])
    assert "bert.encoder.layer.0" in layers
    for i, prompt in enumerate(PROMPTS):
        with torch.no_grad():
            hidden = model(**tokenizer(prompt, return_tensors="pt"), output_hidden_states=True).hidden_states
        np.testing.assert_allclose(found[i], hidden[-1][0].mean(0), **CLOSE)
        np.testing.assert_allclose(inner["bert.encoder.layer.0"][i], hidden[1][0].mean(0), **CLOSE)
    with pytest.raises(UsageError, match=r"Unknown layer 'bert.encoder.layer.7'. Did you mean"):
        encoder.activations(PROMPTS, ["bert.encoder.layer.7"])
    with pytest.raises(Unsupported, match="cannot be flattened"):
        encoder.activations(PROMPTS, layers[:1], pooled=False)


def test_an_image_classifier_and_encoder(resnet, pictures, torch):
    from transformers import AutoModelForImageClassification

    subject = open_subject(str(resnet), device="cpu")
    logits, embedding = subject.classifier.logits(pictures), subject.encoder.embed(pictures)
    model = AutoModelForImageClassification.from_pretrained(resnet).eval()
    pixels = torch.from_numpy(np.stack([np.asarray(one) for one in pictures])).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        np.testing.assert_allclose(logits, model(pixels).logits, **CLOSE)
        np.testing.assert_allclose(embedding, model.resnet(pixels).pooler_output.flatten(1), **CLOSE)
    np.testing.assert_allclose(subject.classifier.logits(pictures[2:3]), logits[2:3], **CLOSE)
    np.testing.assert_allclose(subject.classifier.logits([np.asarray(one) for one in pictures]), logits, **CLOSE)
    layer = "resnet.encoder.stages.1"
    pooled = subject.encoder.activations(pictures, [layer])[layer]
    flat = subject.encoder.activations(pictures, [layer], pooled=False)[layer]
    np.testing.assert_allclose(pooled, flat.reshape(5, 16, -1).mean(2), **CLOSE)
    with pytest.raises(DataError, match="different sizes"):
        subject.classifier.logits([pictures[0], pictures[1].resize((8, 8))])
    with pytest.raises(DataError, match=r"Image 1 of the batch is a float64 array of shape \(4, 4\)"):
        subject.classifier.logits([pictures[0], np.zeros((4, 4))])
    with pytest.raises(DataError, match="found an empty batch"):
        subject.encoder.embed([])
    with pytest.raises(UsageError, match="found one image"):
        subject.classifier.logits(pictures[0])


def test_clip_pairs(clip, pictures, torch):
    from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel

    subject = open_subject(str(clip), device="cpu")
    assert subject.capabilities == ("pairs", "encoder")
    assert subject.pairs.image_size == 16
    images, texts = subject.pairs.embed_images(pictures), subject.pairs.embed_texts(PROMPTS)
    model, tokenizer = CLIPModel.from_pretrained(clip).eval(), AutoTokenizer.from_pretrained(clip)
    processor = CLIPImageProcessorPil.from_pretrained(clip)
    with torch.no_grad():
        for i, picture in enumerate(pictures):
            expected = model.get_image_features(**processor(picture, return_tensors="pt")).pooler_output
            np.testing.assert_allclose(images[i : i + 1], expected, **CLOSE)
        for i, text in enumerate(PROMPTS):
            ids = tokenizer(text, return_tensors="pt")["input_ids"]
            np.testing.assert_allclose(texts[i : i + 1], model.get_text_features(input_ids=ids).pooler_output, **CLOSE)
    np.testing.assert_allclose(subject.encoder.embed(pictures), images, **CLOSE)
    layer = "vision_model.encoder.layers.0"
    assert layer in subject.encoder.layers()
    assert not any(name.startswith("text_") for name in subject.encoder.layers())
    assert subject.encoder.activations(pictures, [layer])[layer].shape == (5, 16)
    with pytest.raises(Unsupported, match=r"This model is an image-text encoder \(CLIPModel\); text needs a language model"):
        _ = subject.text


def test_siglip_pairs_without_a_processor(siglip, pictures, torch):
    from transformers import AutoTokenizer, SiglipModel

    subject = open_subject(str(siglip), device="cpu")
    images, texts = subject.pairs.embed_images(pictures), subject.pairs.embed_texts(PROMPTS)
    model, tokenizer = SiglipModel.from_pretrained(siglip).eval(), AutoTokenizer.from_pretrained(siglip)
    pixels = torch.from_numpy(np.stack([np.asarray(one) for one in pictures])).permute(0, 3, 1, 2).float() / 127.5 - 1
    ids = tokenizer(PROMPTS, padding="max_length", max_length=12, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        np.testing.assert_allclose(images, model.get_image_features(pixel_values=pixels).pooler_output, **CLOSE)
        np.testing.assert_allclose(texts, model.get_text_features(input_ids=ids).pooler_output, **CLOSE)
    np.testing.assert_allclose(subject.pairs.embed_texts(PROMPTS[:1]), texts[:1], **CLOSE)
    np.testing.assert_allclose(subject.pairs.embed_images([one.resize((32, 32)) for one in pictures]).shape, images.shape)


def test_a_vision_tower_without_a_trained_pooler_averages_its_tokens(torch, tmp_path, pictures):
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24, image_size=16, patch_size=8
    )
    model = ViTModel(config, add_pooling_layer=False)
    model.save_pretrained(tmp_path)
    found = open_subject(str(tmp_path), device="cpu").encoder.embed(pictures)
    pixels = torch.from_numpy(np.stack([np.asarray(one) for one in pictures])).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        np.testing.assert_allclose(found, model.eval()(pixels).last_hidden_state.mean(1), **CLOSE)


def test_a_language_model_is_an_encoder_too(llama, adapters):
    subject = open_subject(str(llama), device="cpu")
    found = subject.encoder.embed(PROMPTS)
    np.testing.assert_allclose(subject.encoder.embed(PROMPTS[1:2]), found[1:2], **CLOSE)
    layer = "model.layers.1.mlp"
    assert subject.encoder.activations(PROMPTS, [layer])[layer].shape == (4, 16)


def test_images_depend_on_seed_and_prompt_but_not_on_the_batch(diffusion):
    subject = open_subject(str(diffusion), device="cpu")
    assert subject.capabilities == ("images",)
    images = subject.images
    settings = {"num_inference_steps": 3, "guidance_scale": 2.0}
    together = images.generate(PROMPTS, [1, 2, 1, 3], **settings)
    for i, seed in enumerate([1, 2, 1, 3]):
        (alone,) = images.generate(PROMPTS[i : i + 1], [seed], **settings)
        assert np.abs(np.asarray(alone, int) - np.asarray(together[i], int)).max() <= 1
    assert np.abs(np.asarray(together[0], int) - np.asarray(images.generate(PROMPTS[:1], [9], **settings)[0], int)).max() > 8
    assert images.generate([], []) == []
    assert not images.has_safety_checker
    assert "flagged" not in together[0].info
    with pytest.raises(UsageError, match="Did you mean 'guidance_scale'"):
        images.generate(["a"], [1], guidance=3)
    with pytest.raises(UsageError, match="found 2 prompts and 1 seeds"):
        images.generate(["a", "b"], [1])


def test_findings_of_a_safety_checker_come_with_the_image(diffusion, torch):
    import diffusers

    class Nervous(torch.nn.Module):
        dtype, device = torch.float32, torch.device("cpu")

        def forward(self, images, clip_input):
            return images, [True, False]

    class Extractor:
        def __call__(self, images, return_tensors):
            from transformers import BatchFeature

            return BatchFeature({"pixel_values": torch.zeros(len(images), 3, 4, 4)})

    subject = open_subject(str(diffusion), device="cpu")
    loaded = subject._residence.get()
    assert isinstance(loaded.model, diffusers.StableDiffusionPipeline)
    loaded.model.safety_checker, loaded.model.feature_extractor = Nervous(), Extractor()
    found = subject.images.generate(["a", "no"], [1, 2], num_inference_steps=1)
    assert [one.info["flagged"] for one in found] == [True, False]
    assert subject.images.has_safety_checker


def test_a_pipeline_with_foreign_code_is_refused(diffusion, tmp_path, edit_json):
    folder = shutil.copytree(diffusion, tmp_path / "pipeline")
    edit_json(folder / "model_index.json", unet=["my_unet", "MyUNet"])
    with pytest.raises(SubjectError, match=r"'unet' of .* comes from 'my_unet', whose code is never run"):
        open_subject(str(folder))
    edit_json(folder / "model_index.json", unet=["diffusers", "UNet2DConditionModel"], _class_name=["pipeline", "Mine"])
    with pytest.raises(SubjectError, match="names a pipeline of its own"):
        open_subject(str(folder))
    edit_json(folder / "model_index.json", _class_name="StableDiffusionImg2ImgPipeline")
    with pytest.raises(SubjectError, match="does not draw images from prompts alone"):
        open_subject(str(folder), device="cpu").load()
