"""Tiny pipelines of the classes that people release, with random weights: all are loaded and asked by the same code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_trustml.errors import DataError, SubjectError, Unsupported, UsageError
from pytest_trustml.subjects import open_subject

WORDS = ["the", "cat", "dog", "mat", "sat", "on"]
PROMPTS, SEEDS = ["the cat", "the dog sat on the mat", "the cat"], [1, 2, 3]
CLOSE = 2


@pytest.fixture(scope="module")
def parts(torch):
    """Builders of the parts that several classes share, all tiny; each call draws the same weights."""
    import diffusers
    import transformers as tf
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    class Parts:
        @staticmethod
        def tokenizer():
            vocabulary = {word: number for number, word in enumerate(["<pad>", "<unk>", "<s>", "</s>", *WORDS])}
            tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
            tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
            tokenizer.post_processor = processors.TemplateProcessing(
                single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
            )
            marks = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
            return tf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=12, **marks)

        @staticmethod
        def text(kind=None, width=16):
            config = tf.CLIPTextConfig(
                vocab_size=10, hidden_size=width, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                max_position_embeddings=12, pad_token_id=0, bos_token_id=2, eos_token_id=3, projection_dim=width,
            )  # fmt: skip
            torch.manual_seed(1)
            return (kind or tf.CLIPTextModel)(config)

        @staticmethod
        def t5(width=16):
            torch.manual_seed(2)
            return tf.T5EncoderModel(
                tf.T5Config(vocab_size=10, d_model=width, d_kv=8, d_ff=24, num_layers=1, num_heads=2, pad_token_id=0)
            )

        @staticmethod
        def vae(channels=4, **more):
            torch.manual_seed(3)
            return diffusers.AutoencoderKL(
                block_out_channels=(8, 8), norm_num_groups=4, latent_channels=channels, sample_size=16, layers_per_block=1,
                down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, **more,
            )  # fmt: skip

        @staticmethod
        def unet(**more):
            torch.manual_seed(4)
            return diffusers.UNet2DConditionModel(
                sample_size=8, block_out_channels=(8, 16), norm_num_groups=4, layers_per_block=1, attention_head_dim=4,
                down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
                **{"cross_attention_dim": 16, **more},
            )  # fmt: skip

        @staticmethod
        def checker(threshold):
            from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

            tower = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
            torch.manual_seed(5)
            checker = StableDiffusionSafetyChecker(
                tf.CLIPConfig(vision_config={**tower, "image_size": 16, "patch_size": 8}, projection_dim=8)
            )
            checker.concept_embeds_weights.data.fill_(threshold)
            checker.special_care_embeds_weights.data.fill_(2.0)
            return checker

        @staticmethod
        def extractor():
            return tf.CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})

    return Parts


def stable_diffusion(parts, threshold=None):
    import diffusers

    checker = None if threshold is None else parts.checker(threshold)
    return diffusers.StableDiffusionPipeline(
        vae=parts.vae(), text_encoder=parts.text(), tokenizer=parts.tokenizer(), unet=parts.unet(),
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False), safety_checker=checker,
        feature_extractor=None if checker is None else parts.extractor(), requires_safety_checker=checker is not None,
    )  # fmt: skip


def stable_diffusion_xl(parts):
    import diffusers
    from transformers import CLIPTextModelWithProjection

    return diffusers.StableDiffusionXLPipeline(
        vae=parts.vae(), text_encoder=parts.text(), text_encoder_2=parts.text(CLIPTextModelWithProjection),
        tokenizer=parts.tokenizer(), tokenizer_2=parts.tokenizer(), scheduler=diffusers.EulerDiscreteScheduler(steps_offset=1),
        unet=parts.unet(
            cross_attention_dim=32, addition_embed_type="text_time", addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 16,
        ),
        add_watermarker=False,
    )  # fmt: skip


def stable_diffusion_3(parts):
    import diffusers
    import torch
    from transformers import CLIPTextModelWithProjection

    torch.manual_seed(6)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8, patch_size=1, in_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=32, caption_projection_dim=16, pooled_projection_dim=32, out_channels=4, pos_embed_max_size=16,
    )  # fmt: skip
    return diffusers.StableDiffusion3Pipeline(
        transformer=transformer, scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), vae=parts.vae(shift_factor=0.1),
        text_encoder=parts.text(CLIPTextModelWithProjection), tokenizer=parts.tokenizer(),
        text_encoder_2=parts.text(CLIPTextModelWithProjection), tokenizer_2=parts.tokenizer(),
        text_encoder_3=parts.t5(32), tokenizer_3=parts.tokenizer(),
    )  # fmt: skip


def flux(parts):
    import diffusers
    import torch

    torch.manual_seed(7)
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), vae=parts.vae(shift_factor=0.1), text_encoder=parts.text(),
        tokenizer=parts.tokenizer(), text_encoder_2=parts.t5(), tokenizer_2=parts.tokenizer(), transformer=transformer,
    )  # fmt: skip


def ddpm(parts):
    import diffusers
    import torch

    torch.manual_seed(8)
    unet = diffusers.UNet2DModel(
        sample_size=16, block_out_channels=(8, 8), norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2,
    )  # fmt: skip
    return diffusers.DDPMPipeline(unet=unet, scheduler=diffusers.DDPMScheduler())


NAMES = {"281": "tabby, tabby cat", "207": "golden retriever"}


def dit(parts):
    import diffusers
    import torch

    torch.manual_seed(9)
    transformer = diffusers.DiTTransformer2DModel(
        sample_size=8, patch_size=2, in_channels=4, out_channels=8, num_layers=1, attention_head_dim=8, num_attention_heads=2,
        num_embeds_ada_norm=1000,
    )  # fmt: skip
    for weight in transformer.parameters():
        torch.nn.init.normal_(weight, std=0.3)  # a fresh one draws the same for every class: its last layers are zero
    return diffusers.DiTPipeline(transformer=transformer, vae=parts.vae(), scheduler=diffusers.DDIMScheduler())


CLASSES = {
    "stable diffusion": (stable_diffusion, PROMPTS, {"num_inference_steps": 2}),
    "sdxl": (stable_diffusion_xl, PROMPTS, {"num_inference_steps": 2, "height": 16, "width": 16}),
    "sd3": (stable_diffusion_3, PROMPTS, {"num_inference_steps": 2, "height": 16, "width": 16}),
    "flux": (flux, PROMPTS, {"num_inference_steps": 2, "height": 16, "width": 16}),
    "ddpm": (ddpm, ["", "", ""], {"num_inference_steps": 3}),
    "dit": (dit, ["281", "207", "281"], {"num_inference_steps": 2}),
}


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_draws_one_picture_per_seed_in_any_batch(name, parts, tmp_path):
    build, prompts, settings = CLASSES[name]
    build(parts).save_pretrained(tmp_path / "pipeline")
    subject = open_subject(str(tmp_path / "pipeline"), device="cpu")
    assert (subject.kind, subject.capabilities, subject.cacheable) == ("diffusers", ("images",), True)
    assert not subject.images.has_safety_checker
    together = [np.asarray(one, int) for one in subject.images.generate(prompts, SEEDS, **settings)]
    assert {one.shape[2] for one in together} == {3}
    for prompt, seed, picture in zip(prompts, SEEDS, together, strict=True):
        (alone,) = subject.images.generate([prompt], [seed], **settings)
        assert np.abs(np.asarray(alone, int) - picture).max() <= CLOSE
    assert np.abs(together[0] - together[2]).max() > CLOSE  # the same prompt from another seed
    with pytest.raises(Unsupported, match="no safety checker"):
        subject.images.judge([Image.new("RGB", (16, 16))])


def test_a_pipeline_of_classes_is_asked_by_names_or_numbers(parts, tmp_path, edit_json):
    dit(parts).save_pretrained(tmp_path / "named")
    edit_json(tmp_path / "named" / "model_index.json", id2label=NAMES)  # as in the released files
    named = open_subject(str(tmp_path / "named"), device="cpu").images
    by_name, by_number = named.generate(["tabby cat", "281"], [1, 1], num_inference_steps=2)
    assert np.array_equal(by_name, by_number)
    (other,) = named.generate(["golden retriever"], [1], num_inference_steps=2)
    assert not np.array_equal(by_name, other)
    with pytest.raises(DataError, match="Did you mean 'tabby cat'"):
        named.generate(["tabby cats"], [1])
    with pytest.raises(DataError, match="class of the DiTPipeline"):
        named.generate(["17"], [1])
    dit(parts).save_pretrained(tmp_path / "numbered")
    numbered = open_subject(str(tmp_path / "numbered"), device="cpu").images
    assert len(numbered.generate(["17"], [1], num_inference_steps=1)) == 1
    with pytest.raises(DataError, match="takes their numbers, found 'cat'"):
        numbered.generate(["cat"], [1])


def test_a_pipeline_without_any_condition_refuses_a_wish(parts, tmp_path):
    ddpm(parts).save_pretrained(tmp_path / "ddpm")
    images = open_subject(str(tmp_path / "ddpm"), device="cpu").images
    with pytest.raises(DataError, match="draws without any condition and cannot be asked for 'a cat'"):
        images.generate(["a cat"], [1])
    with pytest.raises(UsageError, match="guidance_scale"):
        images.generate([""], [1], guidance_scale=3.0)


def test_the_safety_checker_can_stay_out_and_judge_afterwards(parts, tmp_path):
    stable_diffusion(parts, threshold=-2.0).save_pretrained(tmp_path / "nervous")
    stable_diffusion(parts, threshold=2.0).save_pretrained(tmp_path / "calm")
    nervous, calm = (open_subject(str(tmp_path / name), device="cpu").images for name in ("nervous", "calm"))
    settings = {"num_inference_steps": 2}
    shown = nervous.generate(PROMPTS, SEEDS, **settings)
    assert all(one.info["flagged"] and not np.asarray(one).any() for one in shown)
    drawn = nervous.generate(PROMPTS, SEEDS, checked=False, **settings)
    assert nervous.has_safety_checker
    assert all("flagged" not in one.info and np.asarray(one).any() for one in drawn)
    assert nervous.judge(drawn).tolist() == [True] * 3
    assert all(np.asarray(one).any() for one in drawn)  # what is judged is not blackened
    assert nervous.judge([]).shape == (0,)
    assert calm.judge(drawn).tolist() == [False] * 3
    passed = calm.generate(PROMPTS, SEEDS, **settings)
    assert [one.info["flagged"] for one in passed] == [False] * 3
    assert all(np.array_equal(one, other) for one, other in zip(passed, drawn, strict=True))


def test_the_scores_of_the_safety_checker(parts, torch):
    """Cosines .19, .21, .05 with thresholds .195, .20, .22: scores -.005, .010, -.170; one special score adds .01."""
    checker = parts.checker(2.0)
    cosines, thresholds = [0.19, 0.21, 0.05], [0.195, 0.20, 0.22]
    direction = torch.zeros(8)
    direction[0] = 1.0

    def at(cosine):  # a unit vector with this cosine to the picture's embedding
        vector = torch.zeros(8)
        vector[0], vector[1] = cosine, (1 - cosine**2) ** 0.5
        return vector

    class Fixed(torch.nn.Module):
        def forward(self, _):
            return direction[None]

    checker.visual_projection = Fixed()
    for row, (cosine, threshold) in enumerate(zip(cosines, thresholds, strict=True)):
        checker.concept_embeds.data[row], checker.concept_embeds_weights.data[row] = at(cosine), threshold
    pixels, images = torch.zeros(1, 3, 16, 16), [np.ones((16, 16, 3), np.float32)]

    def flagged():
        return checker(images=[images[0].copy()], clip_input=pixels)[1]

    assert flagged() == [True]  # .010 is above 0
    checker.concept_embeds_weights.data[1] = 0.215
    assert flagged() == [False]  # -.005, -.005, -.170
    checker.special_care_embeds.data[0], checker.special_care_embeds_weights.data[0] = at(0.5), 0.4
    assert flagged() == [True]  # a special score adds .01: .005


def test_an_editor_of_pictures_is_refused(parts, tmp_path):
    import diffusers

    editor = diffusers.StableDiffusionImg2ImgPipeline(**stable_diffusion(parts).components, requires_safety_checker=False)
    editor.save_pretrained(tmp_path / "editor")
    assert Path(tmp_path / "editor" / "model_index.json").is_file()
    with pytest.raises(SubjectError, match="does not draw images from prompts alone"):
        open_subject(str(tmp_path / "editor"), device="cpu").load()
