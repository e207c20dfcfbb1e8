"""Small networks that several checkpoints are made of."""

from __future__ import annotations

from typing import Any

from transformers import (
    DPTConfig,
    HGNetV2Config,
    TrOCRConfig,
    VisionEncoderDecoderConfig,
)

WIDTHS = [32, 64, 96, 128]
"""The channels of its four stages."""


def small_hgnet(*, light: tuple[bool, ...] = (False,) * 4, **options: Any) -> HGNetV2Config:
    """An HGNetV2 of about 120,000 parameters; ``light`` says which stages have light blocks."""
    return HGNetV2Config(
        stem_channels=[3, 16, 24],
        stage_in_channels=[24, 32, 64, 96],
        stage_mid_channels=[16, 16, 24, 32],
        stage_out_channels=WIDTHS,
        hidden_sizes=WIDTHS,
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[2, 2, 2, 2],
        stage_downsample=[False, True, True, True],
        stage_light_block=list(light),
        stage_kernel_size=[3, 3, 3, 3],
        **options,
    )


def small_writer(
    words: int,
    *,
    stem: int,
    last: int,
    downsample: bool,
    grid: int,
    side: int,
    cell: int,
    width: int,
    layers: int,
    heads: int,
    longest: int,
) -> VisionEncoderDecoderConfig:
    """A model that writes about a picture: a DPT hybrid (ViT over HGNetV2) and a TrOCR decoder.

    Args:
        words: of the vocabulary.
        stem: channels of the convolutions that look first.
        last: convolutions of the last stage, which halves its input where it is to ``downsample``.
        grid: cells in a row that the picture of ``side`` pixels becomes, each ``cell`` pixels.
        width: channels of a cell; ``layers`` and ``heads`` are those of the ViT.
        longest: tokens of what is written.
    """
    backbone = HGNetV2Config(
        stem_channels=[3, stem, 32],
        stage_in_channels=[32, 48, 96],
        stage_mid_channels=[24, 32, 48],
        stage_out_channels=[48, 96, width],
        hidden_sizes=[48, 96, width],
        depths=[1, 1, 1],
        stage_num_blocks=[1, 1, 1],
        stage_numb_of_layers=[2, 2, last],
        stage_downsample=[False, True, downsample],
        stage_light_block=[False, False, False],
        stage_kernel_size=[3, 3, 3],
        out_features=["stage1", "stage2", "stage3"],
    )
    encoder = DPTConfig(
        is_hybrid=True,
        backbone_config=backbone.to_dict(),
        backbone_featmap_shape=[1, width, grid, grid],
        image_size=side,
        patch_size=cell,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=2 * width,
    )
    decoder = TrOCRConfig(
        vocab_size=words,
        d_model=128,
        decoder_layers=2,
        decoder_attention_heads=4,
        decoder_ffn_dim=256,
        cross_attention_hidden_size=width,
        max_position_embeddings=longest,
        dropout=0.0,
        scale_embedding=False,
        is_decoder=True,
        add_cross_attention=True,
    )
    return VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
