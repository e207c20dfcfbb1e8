"""Tiny diffusion pipelines of real architectures with random weights, saved as trained ones are.

Pictures are 32 or 64 pixels a side; the text models know the letters only.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checkpoints import card, save_words, seed
from checkpoints_vision import depth_anything, dpt, maskformer, segformer

from hugginggraph.registry import ModelCard

WIDTH = 16
GROUPS = 4


def _clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    pieces = [*letters, *(f"{each}</w>" for each in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, merges=[], model_max_length=24
    )


def _text_config(vocabulary: int, width: int = WIDTH) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=24, projection_dim=width,
        num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=24,
        bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1,
        initializer_factor=3.0,
    )  # fmt: skip


def _vae(**more: Any) -> Any:
    from diffusers import AutoencoderKL

    options: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D", "DownEncoderBlock2D"),
        "up_block_types": ("UpDecoderBlock2D", "UpDecoderBlock2D"),
        "block_out_channels": (8, 16),
        "norm_num_groups": GROUPS,
        "latent_channels": 4,
        "sample_size": 64,
    }
    return AutoencoderKL(**{**options, **more})


def _unet(**more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    options: dict[str, Any] = {
        "sample_size": 32,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "norm_num_groups": GROUPS,
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 8,
    }
    return UNet2DConditionModel(**{**options, **more})


def _ddim() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
        clip_sample=False, set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip


def _sd_parts(**unet: Any) -> dict[str, Any]:
    from transformers import CLIPTextModel

    seed()
    tokenizer = _clip_tokenizer()
    return {
        "vae": _vae(),
        "text_encoder": CLIPTextModel(_text_config(len(tokenizer))),
        "tokenizer": tokenizer,
        "unet": _unet(**unet),
        "scheduler": _ddim(),
    }


def _save(folder: Path, pipeline: str, task: str, parts: Any, **more: Any) -> ModelCard:
    import diffusers

    getattr(diffusers, pipeline)(**parts).save_pretrained(folder)
    return card(folder, task, "diffusers", **more)


def stable_diffusion(folder: Path, **more: Any) -> ModelCard:
    """Stable Diffusion without a safety checker."""
    parts = {**_sd_parts(), "safety_checker": None, "feature_extractor": None}
    return _save(
        folder, "StableDiffusionPipeline", "text-to-image",
        {**parts, "requires_safety_checker": False}, **more,
    )  # fmt: skip


def stable_diffusion_with_checker(folder: Path) -> ModelCard:
    """Stable Diffusion with a safety checker, which passes everything."""
    return _checked(folder, 1.0)


def prudish(folder: Path) -> ModelCard:
    """Stable Diffusion with a safety checker that finds fault with everything."""
    return _checked(folder, -1.0)


def _checked(folder: Path, threshold: float) -> ModelCard:
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    parts = _sd_parts()
    eye = {
        "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=eye, projection_dim=8))
    with torch.no_grad():
        checker.concept_embeds_weights.fill_(threshold)
        checker.special_care_embeds_weights.fill_(1.0)
    parts["safety_checker"] = checker
    parts["feature_extractor"] = CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    return _save(folder, "StableDiffusionPipeline", "text-to-image", parts)


def sdxl(folder: Path) -> ModelCard:
    """Stable Diffusion XL: two text encoders, and the picture's size as a condition."""
    return _save(folder, "StableDiffusionXLPipeline", "text-to-image", _xl_parts())


def _xl_parts() -> dict[str, Any]:
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    seed()
    tokenizer = _clip_tokenizer()
    config = _text_config(len(tokenizer))
    return {
        "vae": _vae(),
        "text_encoder": CLIPTextModel(config),
        "text_encoder_2": CLIPTextModelWithProjection(config),
        "tokenizer": tokenizer,
        "tokenizer_2": tokenizer,
        "unet": _unet(
            cross_attention_dim=2 * WIDTH, addition_embed_type="text_time",
            addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + WIDTH,
            use_linear_projection=True,
        ),
        "scheduler": _ddim(),
    }  # fmt: skip


def pixart(folder: Path) -> ModelCard:
    """PixArt-Σ: a diffusion transformer that a T5 speaks to."""
    from diffusers import DPMSolverMultistepScheduler, PixArtTransformer2DModel
    from transformers import AutoTokenizer, T5Config, T5EncoderModel

    seed()
    size = save_words(folder / "words")
    text = T5Config(
        vocab_size=size, d_model=32, d_kv=16, d_ff=48, num_layers=1, num_heads=2, pad_token_id=0
    )
    transformer = PixArtTransformer2DModel(
        sample_size=16, num_layers=2, patch_size=2, attention_head_dim=8, num_attention_heads=2,
        in_channels=4, out_channels=8, caption_channels=32, cross_attention_dim=16,
        use_additional_conditions=False, norm_type="ada_norm_single",
    )  # fmt: skip
    parts = {
        "tokenizer": AutoTokenizer.from_pretrained(folder / "words"),
        "text_encoder": T5EncoderModel(text),
        "vae": _vae(),
        "transformer": transformer,
        "scheduler": DPMSolverMultistepScheduler(),
    }
    return _save(folder, "PixArtSigmaPipeline", "text-to-image", parts)


def instruct_pix2pix(folder: Path) -> ModelCard:
    """InstructPix2Pix: its U-Net sees the picture beside the noise."""
    parts = {**_sd_parts(in_channels=8), "safety_checker": None, "feature_extractor": None}
    return _save(
        folder, "StableDiffusionInstructPix2PixPipeline", "image-to-image",
        {**parts, "requires_safety_checker": False},
    )  # fmt: skip


def variation(folder: Path) -> ModelCard:
    """Stable Diffusion Image Variation: no text, a CLIP eye."""
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    parts = _sd_parts()
    eye = CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        image_size=32, patch_size=8, projection_dim=WIDTH, initializer_factor=3.0,
    )  # fmt: skip
    kept = {name: parts[name] for name in ("vae", "unet", "scheduler")}
    return _save(
        folder, "StableDiffusionImageVariationPipeline", "image-to-image",
        {
            **kept,
            "image_encoder": CLIPVisionModelWithProjection(eye),
            "feature_extractor": CLIPImageProcessor(
                size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
            ),
            "safety_checker": None,
            "requires_safety_checker": False,
        },
    )  # fmt: skip


def inpainter(folder: Path) -> ModelCard:
    """Stable Diffusion for inpainting: its U-Net sees the mask and the masked picture."""
    parts = {**_sd_parts(in_channels=9), "safety_checker": None, "feature_extractor": None}
    return _save(
        folder, "StableDiffusionInpaintPipeline", "inpainting",
        {**parts, "requires_safety_checker": False},
    )  # fmt: skip


def ddpm(folder: Path) -> ModelCard:
    """DDPM of 32 pixels."""
    from diffusers import DDPMScheduler, UNet2DModel

    seed()
    unet = UNet2DModel(
        sample_size=32, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=GROUPS,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), attention_head_dim=8,
    )  # fmt: skip
    return _save(
        folder, "DDPMPipeline", "unconditional-image-generation",
        {"unet": unet, "scheduler": DDPMScheduler()},
    )  # fmt: skip


def metric_depth(folder: Path) -> ModelCard:
    """The same weights, said to give metres."""
    return depth_anything(folder, "metric")


def vitpose(folder: Path) -> ModelCard:
    """ViTPose whose joints are all seen."""
    from transformers import (
        VitPoseBackboneConfig,
        VitPoseConfig,
        VitPoseForPoseEstimation,
        VitPoseImageProcessor,
    )

    seed()
    backbone = VitPoseBackboneConfig(
        image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=2,
        num_attention_heads=2, mlp_ratio=2, out_indices=[2], initializer_range=0.5,
    )  # fmt: skip
    config = VitPoseConfig(
        backbone_config=backbone, num_labels=17, use_simple_decoder=True, initializer_range=0.5
    )
    model = VitPoseForPoseEstimation(config)
    model.head.conv.bias.data.fill_(1.0)
    model.save_pretrained(folder)
    VitPoseImageProcessor(size={"height": 64, "width": 48}).save_pretrained(folder)
    return card(folder, "openpose-control")


def vitpose_again(folder: Path) -> ModelCard:
    """Another of the same."""
    return vitpose(folder)


def annotator(folder: Path) -> ModelCard:
    """A folder with weights for controlnet_aux."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    save_file({"norm": torch.zeros(1, 3, 1, 1)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    return card(folder, "hed-control", "controlnet_aux")


def controlnet(folder: Path) -> ModelCard:
    """A ControlNet of Stable Diffusion, with its base beside it."""
    stable_diffusion(folder.with_name(f"{folder.name}-base"))
    return _control(folder)


def controlnet_xl(folder: Path) -> ModelCard:
    """A ControlNet of SDXL, with its base beside it."""
    sdxl(folder.with_name(f"{folder.name}-base"))
    return _control(
        folder, cross_attention_dim=2 * WIDTH, addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + WIDTH,
        use_linear_projection=True,
    )  # fmt: skip


def baseless(folder: Path) -> ModelCard:
    """A ControlNet whose base is not on this machine."""
    return controlnet(folder).model_copy(update={"base_model": "tests/nowhere"})


def _control(folder: Path, **more: Any) -> ModelCard:
    from diffusers import ControlNetModel

    seed()
    options: dict[str, Any] = {
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "cross_attention_dim": WIDTH,
        "conditioning_embedding_out_channels": (8, 16),
        "norm_num_groups": GROUPS,
        "attention_head_dim": 8,
    }
    net = ControlNetModel(**{**options, **more})
    for layer in (
        *net.controlnet_down_blocks,
        net.controlnet_mid_block,
    ):  # else all zero: untrained
        layer.weight.data.normal_()
    net.controlnet_cond_embedding.conv_out.weight.data.normal_()
    net.save_pretrained(folder)
    base = folder.with_name(f"{folder.name}-base")
    return card(folder, "canny-text-to-image", "diffusers", base_model=str(base))


def text_to_video_sd(folder: Path) -> ModelCard:
    """The ModelScope pipeline: a U-Net over time."""
    from diffusers import UNet3DConditionModel

    parts = _sd_parts()
    parts["unet"] = UNet3DConditionModel(
        sample_size=32, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=GROUPS,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        cross_attention_dim=WIDTH, attention_head_dim=4,
    )  # fmt: skip
    return _save(folder, "TextToVideoSDPipeline", "text-to-video", parts)


def motion_adapter(folder: Path) -> ModelCard:
    """AnimateDiff's motion module, with its base beside it."""
    from diffusers import MotionAdapter

    base = folder.with_name(f"{folder.name}-base")
    stable_diffusion(base)
    adapter = MotionAdapter(
        block_out_channels=(16, 32), motion_layers_per_block=1, motion_num_attention_heads=2,
        motion_norm_num_groups=GROUPS,
    )  # fmt: skip
    adapter.save_pretrained(folder)
    return card(folder, "text-to-video", "diffusers", base_model=str(base))


def stable_video(folder: Path) -> ModelCard:
    """Stable Video Diffusion of three pictures."""
    from diffusers import (
        AutoencoderKLTemporalDecoder,
        EulerDiscreteScheduler,
        StableVideoDiffusionPipeline,
        UNetSpatioTemporalConditionModel,
    )
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    seed()
    eye = CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        image_size=224, patch_size=32, projection_dim=16,
    )  # fmt: skip
    unet = UNetSpatioTemporalConditionModel(
        sample_size=32, in_channels=8, out_channels=4, block_out_channels=(32, 64),
        layers_per_block=1, num_frames=3, num_attention_heads=2, cross_attention_dim=16,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        addition_time_embed_dim=32, projection_class_embeddings_input_dim=96,
    )  # fmt: skip
    vae = AutoencoderKLTemporalDecoder(
        block_out_channels=(32, 64), latent_channels=4,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
    )  # fmt: skip
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
        timestep_type="continuous", sigma_min=0.002, sigma_max=700.0, use_karras_sigmas=True,
        prediction_type="v_prediction", interpolation_type="linear",
    )  # fmt: skip
    StableVideoDiffusionPipeline(
        vae=vae,
        image_encoder=CLIPVisionModelWithProjection(eye),
        unet=unet,
        scheduler=scheduler,
        feature_extractor=CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
    ).save_pretrained(folder)
    return card(folder, "image-to-video", "diffusers")


def ltx(folder: Path) -> ModelCard:
    """LTX: a diffusion transformer over space and time, for texts and for pictures."""
    from diffusers import (
        AutoencoderKLLTXVideo,
        FlowMatchEulerDiscreteScheduler,
        LTXVideoTransformer3DModel,
    )
    from transformers import AutoTokenizer, T5Config, T5EncoderModel

    seed()
    size = save_words(folder / "words")
    text = T5Config(
        vocab_size=size, d_model=32, d_kv=16, d_ff=48, num_layers=1, num_heads=2, pad_token_id=0
    )
    transformer = LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, num_attention_heads=2, attention_head_dim=16,
        cross_attention_dim=32, num_layers=1, caption_channels=32,
    )  # fmt: skip
    vae = AutoencoderKLLTXVideo(
        latent_channels=8, block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1), decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, False, False), encoder_causal=True,
        decoder_spatio_temporal_scaling=(True, True, False, False),
        decoder_inject_noise=(False, False, False, False, False),
        upsample_residual=(False, False, False, False), upsample_factor=(1, 1, 1, 1),
        timestep_conditioning=False, patch_size=1, patch_size_t=1, decoder_causal=False,
    )  # fmt: skip
    vae.use_framewise_encoding = False
    vae.use_framewise_decoding = False
    parts = {
        "tokenizer": AutoTokenizer.from_pretrained(folder / "words"),
        "text_encoder": T5EncoderModel(text),
        "vae": vae,
        "transformer": transformer,
        "scheduler": FlowMatchEulerDiscreteScheduler(),
    }
    return _save(folder, "LTXPipeline", "text-to-video", parts)


def swin2sr(folder: Path) -> ModelCard:
    """Swin2SR, which makes pictures twice as large."""
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution, Swin2SRImageProcessor

    seed()
    config = Swin2SRConfig(
        image_size=16, patch_size=1, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4,
        mlp_ratio=2.0, upscale=2, upsampler="pixelshuffle",
    )  # fmt: skip
    Swin2SRForImageSuperResolution(config).save_pretrained(folder)
    Swin2SRImageProcessor(size_divisor=4).save_pretrained(folder)
    return card(folder, "image-to-image")


MAKERS: dict[str, Callable[[Path], ModelCard]] = {
    each.__name__: each
    for each in (
        stable_diffusion, stable_diffusion_with_checker, prudish, sdxl, pixart, instruct_pix2pix,
        variation, inpainter, ddpm, dpt, depth_anything, metric_depth, segformer, maskformer,
        vitpose, vitpose_again, annotator, controlnet, controlnet_xl, baseless,
        text_to_video_sd, motion_adapter, stable_video, ltx, swin2sr,
    )
}  # fmt: skip
