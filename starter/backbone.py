"""The small convolutional network that classifier, detector and segmenter begin with."""

from __future__ import annotations

from typing import Any

from transformers import HGNetV2Config

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
