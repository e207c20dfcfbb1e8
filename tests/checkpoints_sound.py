"""Tiny checkpoints that hear, speak and watch: real architectures with random weights.

As in `checkpoints.py`: each builder writes into a folder, gives its card, and needs no file from
outside.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checkpoints import card, save_words

from hugginggraph.registry import ModelCard

RATE = 16_000
SIDE = 32
SOUNDS = ["dog bark", "rain", "siren", "speech", "music", "wind", "bell"]


def _seed() -> None:
    import torch

    torch.manual_seed(0)


def _named(labels: list[str]) -> dict[str, Any]:
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
    }


def _save(folder: Path, model: Any) -> None:
    model.eval().save_pretrained(folder)


def _conv_parts() -> dict[str, Any]:
    """A Wav2Vec2 of 20 ms a frame, as the trained ones."""
    return {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "conv_dim": (16, 16, 16, 16),
        "conv_stride": (5, 4, 4, 4),
        "conv_kernel": (10, 8, 8, 8),
        "num_feat_extract_layers": 4,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 2,
        "initializer_range": 0.5,
    }


def _save_samples_extractor(folder: Path) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    Wav2Vec2FeatureExtractor(sampling_rate=RATE, do_normalize=True).save_pretrained(folder)


def _save_letters(folder: Path) -> int:
    import json

    from transformers import Wav2Vec2CTCTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *string.ascii_uppercase, "'"]
    path = folder / "vocab.json"
    path.write_text(json.dumps({letter: i for i, letter in enumerate(letters)}))
    Wav2Vec2CTCTokenizer(str(path)).save_pretrained(folder)
    return len(letters)


def wav2vec2_ctc(folder: Path) -> ModelCard:
    """Wav2Vec2 that spells."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    _seed()
    size = _save_letters(folder)
    _save(folder, Wav2Vec2ForCTC(Wav2Vec2Config(**_conv_parts(), vocab_size=size, pad_token_id=0)))
    _save_samples_extractor(folder)
    return card(folder, "automatic-speech-recognition")


def hubert_ctc(folder: Path) -> ModelCard:
    """HuBERT that spells."""
    from transformers import HubertConfig, HubertForCTC

    _seed()
    size = _save_letters(folder)
    _save(folder, HubertForCTC(HubertConfig(**_conv_parts(), vocab_size=size, pad_token_id=0)))
    _save_samples_extractor(folder)
    return card(folder, "automatic-speech-recognition")


def wav2vec2_bert_ctc(folder: Path) -> ModelCard:
    """Wav2Vec2-BERT, which reads a spectrogram, that spells."""
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertForCTC

    _seed()
    config = Wav2Vec2BertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        feature_projection_input_dim=160,
        vocab_size=_save_letters(folder),
        pad_token_id=0,
        initializer_range=0.5,
        conv_depthwise_kernel_size=7,
        output_hidden_size=32,
    )
    _save(folder, Wav2Vec2BertForCTC(config))
    SeamlessM4TFeatureExtractor(sampling_rate=RATE).save_pretrained(folder)
    return card(folder, "automatic-speech-recognition")


def _save_byte_words(folder: Path, more: list[str]) -> int:
    """A Whisper tokenizer of bytes and special tokens; gives its size."""
    from transformers import WhisperTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    vocabulary = {piece: i for i, piece in enumerate([*letters, "<|endoftext|>"])}
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": more})
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def whisper(folder: Path) -> ModelCard:
    """Whisper with the special tokens of an English model."""
    from transformers import (
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    _seed()
    marks = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]
    size = _save_byte_words(folder, marks)
    start = size - len(marks)
    config = WhisperConfig(
        vocab_size=size,
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        max_target_positions=32,
        num_mel_bins=80,
        pad_token_id=start - 1,
        bos_token_id=start - 1,
        eos_token_id=start - 1,
        decoder_start_token_id=start,
        init_std=0.5,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config.update(
        forced_decoder_ids=None,
        no_timestamps_token_id=size - 1,
        begin_suppress_tokens=[start - 1],
        suppress_tokens=[*range(33), *range(94, start - 1)],
        return_timestamps=False,
        is_multilingual=False,
    )
    _save(folder, model)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return card(folder, "automatic-speech-recognition")


def speech2text(folder: Path) -> ModelCard:
    """Speech2Text, which reads a spectrogram and writes words."""
    from transformers import (
        Speech2TextConfig,
        Speech2TextFeatureExtractor,
        Speech2TextForConditionalGeneration,
    )

    _seed()
    config = Speech2TextConfig(
        vocab_size=save_words(folder),
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        conv_channels=32,
        max_source_positions=6000,
        max_target_positions=32,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=1,
        decoder_start_token_id=1,
        init_std=0.5,
    )
    model = Speech2TextForConditionalGeneration(config)
    model.generation_config.begin_suppress_tokens = [0, 1, 2]
    _save(folder, model)
    Speech2TextFeatureExtractor().save_pretrained(folder)
    return card(folder, "automatic-speech-recognition")


def moonshine(folder: Path) -> ModelCard:
    """Moonshine, which hears samples and writes words."""
    from transformers import MoonshineConfig, MoonshineForConditionalGeneration

    _seed()
    config = MoonshineConfig(
        vocab_size=save_words(folder),
        hidden_size=32,
        intermediate_size=48,
        encoder_num_hidden_layers=1,
        decoder_num_hidden_layers=1,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
        max_position_embeddings=2048,
        pad_token_id=0,
        bos_token_id=2,
        decoder_start_token_id=2,
        eos_token_id=1,
        initializer_range=0.5,
    )
    _save(folder, MoonshineForConditionalGeneration(config))
    _save_samples_extractor(folder)
    return card(folder, "automatic-speech-recognition")


def sound_classifier(folder: Path) -> ModelCard:
    """Wav2Vec2 with seven classes."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForSequenceClassification

    _seed()
    config = Wav2Vec2Config(**_conv_parts(), **_named(SOUNDS), classifier_proj_size=16)
    _save(folder, Wav2Vec2ForSequenceClassification(config))
    _save_samples_extractor(folder)
    return card(folder, "audio-classification")


def ast(folder: Path) -> ModelCard:
    """The Audio Spectrogram Transformer with seven classes."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    _seed()
    config = ASTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_length=128,
        num_mel_bins=32,
        initializer_range=0.5,
        **_named(SOUNDS),
    )
    _save(folder, ASTForAudioClassification(config))
    ASTFeatureExtractor(max_length=128, num_mel_bins=32).save_pretrained(folder)
    return card(folder, "audio-classification")


def clap(folder: Path) -> ModelCard:
    """CLAP: a Swin of spectrograms beside a RoBERTa."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    _seed()
    text = {
        "vocab_size": save_words(folder),
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        "projection_dim": 16,
        "initializer_range": 0.5,
    }
    audio = {
        "spec_size": 64,
        "num_mel_bins": 16,
        "patch_size": 4,
        "patch_stride": [4, 4],
        "window_size": 4,
        "patch_embeds_hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "hidden_size": 32,
        "projection_dim": 16,
        "enable_fusion": False,
        "aff_block_r": 2,
        "initializer_range": 0.5,
    }
    config = ClapConfig(text_config=text, audio_config=audio, projection_dim=16)
    _save(folder, ClapModel(config))
    ClapFeatureExtractor(
        feature_size=16,
        sampling_rate=RATE,
        hop_length=800,
        frequency_max=7000,
        truncation="rand_trunc",
    ).save_pretrained(folder)
    return card(folder, "zero-shot-audio-classification")


def _frame_model(kind: str, labels: list[str]) -> Any:
    import transformers

    _seed()
    parts = _conv_parts() | {"num_hidden_layers": 1, "initializer_range": 0.02}
    config = getattr(transformers, f"{kind}Config")(**parts, **_named(labels))
    return getattr(transformers, f"{kind}ForAudioFrameClassification")(config).eval()


def speech_finder(folder: Path) -> ModelCard:
    """Wav2Vec2 that says speech or not for each frame; its head is fitted to tones in silence."""
    import numpy as np
    import torch

    model = _frame_model("Wav2Vec2", ["non-speech", "speech"])
    times = np.arange(RATE * 8) / RATE
    loud = (times * 0.7) % 1 < 0.5
    sound = np.sin(2 * np.pi * (200 + 60 * times) * times) * loud
    sound = (sound / sound.std()).astype(np.float32)
    with torch.no_grad():
        hidden = model.wav2vec2(torch.from_numpy(sound)[None]).last_hidden_state[0]
        wanted = torch.from_numpy(loud[:: len(loud) // len(hidden)][: len(hidden)] * 8.0 - 4)
        known = torch.cat([hidden, torch.ones(len(hidden), 1)], 1).double()
        weights = torch.linalg.lstsq(known, wanted[:, None]).solution[:, 0].float()
        model.classifier.weight[:] = torch.stack([-weights[:-1], weights[:-1]]) / 2
        model.classifier.bias[:] = torch.stack([-weights[-1], weights[-1]]) / 2
    _save(folder, model)
    _save_samples_extractor(folder)
    return card(folder, "voice-activity-detection")


def diarizer(folder: Path) -> ModelCard:
    """WavLM that says for each frame which of two people speak."""
    _save(folder, _frame_model("WavLM", ["LABEL_0", "LABEL_1"]))
    _save_samples_extractor(folder)
    return card(folder, "voice-activity-detection")


BUILDERS: dict[str, Callable[[Path], ModelCard]] = {
    each.__name__: each
    for each in (
        wav2vec2_ctc, hubert_ctc, wav2vec2_bert_ctc, whisper, speech2text, moonshine,
        sound_classifier, ast, clap, speech_finder, diarizer,
    )
}  # fmt: skip
