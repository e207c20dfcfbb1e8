"""Tiny checkpoints that hear, speak and watch: real architectures with random weights.

As in `checkpoints.py`: each builder writes into a folder, gives its card, and needs no file from
outside.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checkpoints import NARROW, SEQ2SEQ, card, named, save, save_words, seed

from hugginggraph.registry import ModelCard

RATE = 16_000
SIDE = 32
SOUNDS = ["dog bark", "rain", "siren", "speech", "music", "wind", "bell"]


def _conv_parts() -> dict[str, Any]:
    """A Wav2Vec2 of 20 ms a frame, as the trained ones."""
    return {
        **NARROW,
        "num_hidden_layers": 2,
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

    seed()
    size = _save_letters(folder)
    save(folder, Wav2Vec2ForCTC(Wav2Vec2Config(**_conv_parts(), vocab_size=size, pad_token_id=0)))
    _save_samples_extractor(folder)
    return card(folder, "automatic-speech-recognition")


def wav2vec2_layer_ctc(folder: Path) -> ModelCard:
    """Wav2Vec2 with layer norms, as XLSR, which masks what fills up a batch."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    seed()
    size = _save_letters(folder)
    config = Wav2Vec2Config(
        **_conv_parts(), vocab_size=size, pad_token_id=0, feat_extract_norm="layer"
    )
    save(folder, Wav2Vec2ForCTC(config))
    extractor = Wav2Vec2FeatureExtractor(
        sampling_rate=RATE, do_normalize=True, return_attention_mask=True
    )
    extractor.save_pretrained(folder)
    return card(folder, "automatic-speech-recognition")


def hubert_ctc(folder: Path) -> ModelCard:
    """HuBERT that spells."""
    from transformers import HubertConfig, HubertForCTC

    seed()
    size = _save_letters(folder)
    save(folder, HubertForCTC(HubertConfig(**_conv_parts(), vocab_size=size, pad_token_id=0)))
    _save_samples_extractor(folder)
    return card(folder, "automatic-speech-recognition")


def wav2vec2_bert_ctc(folder: Path) -> ModelCard:
    """Wav2Vec2-BERT, which reads a spectrogram, that spells."""
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertForCTC

    seed()
    config = Wav2Vec2BertConfig(
        **NARROW,
        num_hidden_layers=2,
        feature_projection_input_dim=160,
        vocab_size=_save_letters(folder),
        pad_token_id=0,
        initializer_range=0.5,
        conv_depthwise_kernel_size=7,
        output_hidden_size=32,
    )
    save(folder, Wav2Vec2BertForCTC(config))
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

    seed()
    marks = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]
    size = _save_byte_words(folder, marks)
    start = size - len(marks)
    config = WhisperConfig(
        vocab_size=size,
        **SEQ2SEQ,
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
    save(folder, model)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return card(folder, "automatic-speech-recognition")


def speech2text(folder: Path) -> ModelCard:
    """Speech2Text, which reads a spectrogram and writes words."""
    from transformers import (
        Speech2TextConfig,
        Speech2TextFeatureExtractor,
        Speech2TextForConditionalGeneration,
    )

    seed()
    config = Speech2TextConfig(
        vocab_size=save_words(folder),
        **SEQ2SEQ,
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
    save(folder, model)
    Speech2TextFeatureExtractor().save_pretrained(folder)
    return card(folder, "automatic-speech-recognition")


def moonshine(folder: Path) -> ModelCard:
    """Moonshine, which hears samples and writes words."""
    from transformers import MoonshineConfig, MoonshineForConditionalGeneration

    seed()
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
    save(folder, MoonshineForConditionalGeneration(config))
    _save_samples_extractor(folder)
    return card(folder, "automatic-speech-recognition")


def sound_classifier(folder: Path) -> ModelCard:
    """Wav2Vec2 with seven classes."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForSequenceClassification

    seed()
    config = Wav2Vec2Config(**_conv_parts(), **named(*SOUNDS), classifier_proj_size=16)
    save(folder, Wav2Vec2ForSequenceClassification(config))
    _save_samples_extractor(folder)
    return card(folder, "audio-classification")


def ast(folder: Path) -> ModelCard:
    """The Audio Spectrogram Transformer with seven classes."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    seed()
    config = ASTConfig(
        **NARROW,
        num_hidden_layers=2,
        max_length=128,
        num_mel_bins=32,
        initializer_range=0.5,
        **named(*SOUNDS),
    )
    save(folder, ASTForAudioClassification(config))
    ASTFeatureExtractor(max_length=128, num_mel_bins=32).save_pretrained(folder)
    return card(folder, "audio-classification")


def clap(folder: Path) -> ModelCard:
    """CLAP: a Swin of spectrograms beside a RoBERTa."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    seed()
    text = {
        "vocab_size": save_words(folder),
        **NARROW,
        "num_hidden_layers": 1,
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
    save(folder, ClapModel(config))
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

    seed()
    parts = _conv_parts() | {"num_hidden_layers": 1, "initializer_range": 0.02}
    config = getattr(transformers, f"{kind}Config")(**parts, **named(*labels))
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
    save(folder, model)
    _save_samples_extractor(folder)
    return card(folder, "voice-activity-detection")


def diarizer(folder: Path) -> ModelCard:
    """WavLM that says for each frame which of two people speak."""
    save(folder, _frame_model("WavLM", ["LABEL_0", "LABEL_1"]))
    _save_samples_extractor(folder)
    return card(folder, "voice-activity-detection")


def vits(folder: Path) -> ModelCard:
    """VITS with the letters of an MMS voice, at 22 kHz."""
    import json

    from transformers import VitsConfig, VitsModel, VitsTokenizer

    seed()
    folder.mkdir(parents=True, exist_ok=True)
    letters = [*string.ascii_lowercase, " ", "'", "-", "<pad>", "<unk>"]
    path = folder / "vocab.json"
    path.write_text(json.dumps({letter: i for i, letter in enumerate(letters)}))
    VitsTokenizer(
        str(path), pad_token="<pad>", unk_token="<unk>", phonemize=False, add_blank=True
    ).save_pretrained(folder)
    config = VitsConfig(
        vocab_size=len(letters),
        hidden_size=16,
        num_hidden_layers=1,
        ffn_dim=24,
        flow_size=16,
        spectrogram_bins=9,
        upsample_initial_channel=16,
        upsample_rates=(8, 8, 4),
        upsample_kernel_sizes=(16, 16, 8),
        resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1, 3),),
        duration_predictor_filter_channels=16,
        prior_encoder_num_flows=2,
        prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1,
        duration_predictor_num_flows=2,
        depth_separable_num_layers=1,
        sampling_rate=22_050,
        initializer_range=0.2,
    )
    save(folder, VitsModel(config))
    return card(folder, "text-to-speech")


def _speecht5_parts(folder: Path) -> Any:
    import torch
    from safetensors.torch import save_file
    from transformers import SpeechT5Config, SpeechT5HifiGan, SpeechT5HifiGanConfig

    seed()
    vocoder = SpeechT5HifiGanConfig(
        model_in_dim=8, upsample_initial_channel=16, upsample_rates=(16, 16),
        upsample_kernel_sizes=(32, 32), resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1, 3),), initializer_range=0.3,
    )  # fmt: skip
    save(folder / "vocoder", SpeechT5HifiGan(vocoder))
    save_file({"speaker": torch.randn(12)}, folder / "speaker.safetensors")
    return SpeechT5Config(
        vocab_size=save_words(folder),
        hidden_size=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        conv_dim=(16, 16, 16, 16),
        conv_stride=(5, 4, 4, 4),
        conv_kernel=(10, 8, 8, 8),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        num_mel_bins=8,
        speech_decoder_prenet_units=16,
        speech_decoder_postnet_units=16,
        speech_decoder_postnet_layers=2,
        speaker_embedding_dim=12,
        pad_token_id=0,
        initializer_range=0.3,
        max_text_positions=64,
    )


def _never_stopping(model: Any) -> Any:
    """The model without its wish to stop: it speaks as long as it may."""
    model.speech_decoder_postnet.prob_out.bias.data.fill_(-100)
    return model


def speecht5(folder: Path) -> ModelCard:
    """SpeechT5 that speaks, its vocoder and its speaker in the same folder."""
    from transformers import SpeechT5ForTextToSpeech

    config = _speecht5_parts(folder)
    save(folder, _never_stopping(SpeechT5ForTextToSpeech(config)))
    return card(folder, "text-to-speech")


def speecht5_voice(folder: Path) -> ModelCard:
    """SpeechT5 that changes a voice."""
    from transformers import SpeechT5FeatureExtractor, SpeechT5ForSpeechToSpeech

    config = _speecht5_parts(folder)
    save(folder, _never_stopping(SpeechT5ForSpeechToSpeech(config)))
    SpeechT5FeatureExtractor(num_mel_bins=8).save_pretrained(folder)
    return card(folder, "audio-to-audio")


def _encodec(**more: Any) -> Any:
    from transformers import EncodecConfig

    return EncodecConfig(
        **{
            "sampling_rate": 3200, "target_bandwidths": [1.6], "num_filters": 4,
            "hidden_size": 8, "upsampling_ratios": [8, 8], "codebook_size": 16, "codebook_dim": 8,
            "num_lstm_layers": 1, "kernel_size": 3, "last_kernel_size": 3,
        } | more
    )  # fmt: skip


def _fill_codebooks(model: Any) -> None:
    """Gives each code of an EnCodec its own vector; untrained they are all zero."""
    for name, buffer in model.named_buffers():
        if name.endswith("codebook.embed"):
            buffer.normal_()


def musicgen(folder: Path) -> ModelCard:
    """MusicGen: a T5, a decoder of codes and an EnCodec, 50 codes a second."""
    return _musicgen(folder, 1)


def musicgen_stereo(folder: Path) -> ModelCard:
    """MusicGen with a left and a right."""
    return _musicgen(folder, 2)


def _musicgen(folder: Path, channels: int) -> ModelCard:
    from transformers import (
        MusicgenConfig,
        MusicgenDecoderConfig,
        MusicgenForConditionalGeneration,
        T5Config,
    )

    seed()
    text = T5Config(
        vocab_size=save_words(folder), d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2,
    )  # fmt: skip
    decoder = MusicgenDecoderConfig(
        vocab_size=16, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=24,
        num_codebooks=4 * channels, pad_token_id=16, bos_token_id=16, audio_channels=channels,
    )  # fmt: skip
    config = MusicgenConfig(
        text_encoder=text, audio_encoder=_encodec(), decoder=decoder, initializer_factor=0.5
    )
    model = MusicgenForConditionalGeneration(config)
    _fill_codebooks(model)
    for name, weights in model.named_parameters():
        if "decoder" in name and "audio_encoder" not in name and weights.ndim == 2:
            weights.data *= 15  # what it was asked must matter to random weights too
    model.generation_config.update(
        do_sample=True, guidance_scale=3.0, max_length=80, decoder_start_token_id=16,
        pad_token_id=16, bos_token_id=16,
    )  # fmt: skip
    save(folder, model)
    return card(folder, "text-to-audio")


def bark(folder: Path) -> ModelCard:
    """Bark: three GPTs and an EnCodec."""
    from transformers import (
        BarkCoarseConfig,
        BarkConfig,
        BarkFineConfig,
        BarkModel,
        BarkSemanticConfig,
        GenerationConfig,
    )

    seed()
    size = save_words(folder)
    parts = {
        "hidden_size": 16, "num_layers": 1, "num_heads": 2, "block_size": 64,
        "initializer_range": 0.3,
    }  # fmt: skip
    config = BarkConfig(
        semantic_config=BarkSemanticConfig(
            **parts, input_vocab_size=size + 60, output_vocab_size=size + 60
        ),
        coarse_acoustics_config=BarkCoarseConfig(
            **parts, input_vocab_size=120, output_vocab_size=120
        ),
        fine_acoustics_config=BarkFineConfig(
            **parts, input_vocab_size=17, output_vocab_size=17, n_codes_total=4, n_codes_given=2
        ),
        codec_config=_encodec(sampling_rate=24_000, upsampling_ratios=[20, 16]),
    )
    model = BarkModel(config)
    _fill_codebooks(model)
    semantic = {
        "eos_token_id": 40, "max_new_tokens": 24, "do_sample": True, "semantic_vocab_size": 40,
        "text_encoding_offset": 41, "text_pad_token": 42, "semantic_infer_token": 43,
        "semantic_pad_token": 40, "max_input_semantic_length": 16, "min_eos_p": 0.0,
    }  # fmt: skip
    coarse = {
        "do_sample": True, "coarse_semantic_pad_token": 41, "coarse_rate_hz": 75,
        "n_coarse_codebooks": 2,
        "coarse_infer_token": 42, "max_coarse_input_length": 16, "max_coarse_history": 24,
        "sliding_window_len": 12,
    }  # fmt: skip
    fine = {"max_fine_history_length": 16, "max_fine_input_length": 32, "n_fine_codebooks": 4}
    model.generation_config = GenerationConfig(
        semantic_config=semantic,
        coarse_acoustics_config=coarse,
        fine_acoustics_config=fine,
        sample_rate=24_000,
        codebook_size=16,
    )
    save(folder, model)
    return card(folder, "text-to-speech")


def fastspeech2(folder: Path) -> ModelCard:
    """The configuration of a FastSpeech2, whose tokenizer needs a library of its own."""
    import json

    from transformers import FastSpeech2ConformerWithHifiGanConfig

    folder.mkdir(parents=True, exist_ok=True)
    FastSpeech2ConformerWithHifiGanConfig().save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({"<blank>": 0, "<unk>": 1}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "FastSpeech2ConformerTokenizer"})
    )
    (folder / "model.safetensors").write_bytes(b"")
    return card(folder, "text-to-speech")


def stable_audio(folder: Path) -> ModelCard:
    """Stable Audio: a T5, a diffusion transformer and an Oobleck, in stereo."""
    from diffusers import (
        AutoencoderOobleck,
        EDMDPMSolverMultistepScheduler,
        StableAudioDiTModel,
        StableAudioPipeline,
        StableAudioProjectionModel,
    )
    from transformers import AutoTokenizer, T5Config, T5EncoderModel

    seed()
    text = T5Config(
        vocab_size=save_words(folder / "words"), d_model=16, d_kv=8, d_ff=24, num_layers=1,
        num_heads=2,
    )  # fmt: skip
    StableAudioPipeline(
        vae=AutoencoderOobleck(
            encoder_hidden_size=6, downsampling_ratios=[4, 8], decoder_channels=3,
            decoder_input_channels=3, audio_channels=2, channel_multiples=[2, 4],
            sampling_rate=3200,
        ),
        text_encoder=T5EncoderModel(text).eval(),
        projection_model=StableAudioProjectionModel(
            text_encoder_dim=16, conditioning_dim=4, min_value=0, max_value=32
        ),
        tokenizer=AutoTokenizer.from_pretrained(folder / "words", model_max_length=16),
        transformer=StableAudioDiTModel(
            sample_size=200, in_channels=3, num_layers=1, attention_head_dim=4,
            num_attention_heads=2, num_key_value_attention_heads=2, out_channels=3,
            cross_attention_dim=4, time_proj_dim=8, global_states_input_dim=8,
            cross_attention_input_dim=4,
        ),
        scheduler=EDMDPMSolverMultistepScheduler(
            solver_order=2, prediction_type="v_prediction", sigma_data=1.0,
            sigma_schedule="exponential",
        ),
    ).save_pretrained(folder)  # fmt: skip
    return card(folder, "text-to-audio", "diffusers")


ACTIONS = ["walking", "running", "jumping", "falling", "throwing", "swimming"]


def _eye_parts() -> dict[str, Any]:
    return {
        **NARROW,
        "num_hidden_layers": 2,
        "image_size": SIDE,
        "patch_size": 8,
        "num_frames": 4,
        "initializer_range": 0.5,
    }


def _save_frames_processor(folder: Path) -> None:
    from transformers import VideoMAEImageProcessor

    VideoMAEImageProcessor(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    ).save_pretrained(folder)


def videomae(folder: Path) -> ModelCard:
    """VideoMAE with six actions."""
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    seed()
    config = VideoMAEConfig(**_eye_parts(), tubelet_size=2, **named(*ACTIONS))
    save(folder, VideoMAEForVideoClassification(config))
    _save_frames_processor(folder)
    return card(folder, "video-classification")


def timesformer(folder: Path) -> ModelCard:
    """TimeSformer with six actions."""
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    seed()
    config = TimesformerConfig(**_eye_parts(), **named(*ACTIONS))
    save(folder, TimesformerForVideoClassification(config))
    _save_frames_processor(folder)
    return card(folder, "video-classification")


def vivit(folder: Path) -> ModelCard:
    """ViViT with six actions."""
    from transformers import VivitConfig, VivitForVideoClassification, VivitImageProcessor

    seed()
    parts = {key: value for key, value in _eye_parts().items() if key != "patch_size"}
    config = VivitConfig(**parts, tubelet_size=[2, 8, 8], **named(*ACTIONS))
    save(folder, VivitForVideoClassification(config))
    VivitImageProcessor(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    ).save_pretrained(folder)
    return card(folder, "video-classification")


def git_video(folder: Path) -> ModelCard:
    """GIT that sees four pictures at once."""
    import json

    from checkpoints import git
    from transformers import GitConfig, GitForCausalLM

    plain = git(folder)
    config = GitConfig.from_pretrained(folder)
    config.num_image_with_embedding = 4
    seed()
    model = GitForCausalLM(config)
    for place in model.git.img_temporal_embedding:
        place.data.normal_()
    save(folder, model)
    assert json.loads((folder / "config.json").read_text())["num_image_with_embedding"] == 4
    return plain.model_copy(update={"task": "video-to-text"})


def timesformer_gpt2(folder: Path) -> ModelCard:
    """A TimeSformer that a GPT-2 with cross-attention writes from."""
    from transformers import (
        GPT2Config,
        TimesformerConfig,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
    )

    seed()
    decoder = GPT2Config(
        vocab_size=save_words(folder), n_embd=32, n_layer=1, n_head=2, n_positions=64,
        add_cross_attention=True, is_decoder=True, initializer_range=0.5,
    )  # fmt: skip
    model = VisionEncoderDecoderModel(
        VisionEncoderDecoderConfig.from_encoder_decoder_configs(
            TimesformerConfig(**_eye_parts()), decoder
        )
    )
    model.generation_config.decoder_start_token_id = 2
    model.generation_config.eos_token_id = 1
    model.generation_config.pad_token_id = 0
    save(folder, model)
    _save_frames_processor(folder)
    return card(folder, "video-to-text")


BUILDERS: dict[str, Callable[[Path], ModelCard]] = {
    each.__name__: each
    for each in (
        wav2vec2_ctc, wav2vec2_layer_ctc, hubert_ctc, wav2vec2_bert_ctc,
        whisper, speech2text, moonshine, sound_classifier, ast, clap, speech_finder, diarizer, vits,
        speecht5, speecht5_voice, musicgen, musicgen_stereo, stable_audio, bark, fastspeech2,
        videomae, timesformer, vivit, git_video, timesformer_gpt2,
    )
}  # fmt: skip
