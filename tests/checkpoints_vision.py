"""More tiny checkpoints of real architectures: rewriting, tables, and pictures with words."""

from __future__ import annotations

import json
import string
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checkpoints import (
    NARROW,
    POSITIONS,
    SEQ2SEQ,
    SIDE,
    WORDS,
    card,
    named,
    save,
    save_wordpieces,
    save_words,
    seed,
    vit_parts,
)

from hugginggraph.registry import ModelCard

Builder = Callable[[Path], ModelCard]


def _sentencepiece(folder: Path, name: str) -> list[str]:
    """Trains a small SentencePiece model on the words of the tests; gives its pieces."""
    import sentencepiece as spm

    spm.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS), string.ascii_lowercase, "Anna. Paris, ok?"] * 4),
        model_prefix=str(folder / name),
        vocab_size=90,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / f"{name}.model").rename(folder / f"{name}.spm")
    (folder / f"{name}.vocab").unlink()
    processor = spm.SentencePieceProcessor(model_file=str(folder / f"{name}.spm"))
    return [processor.id_to_piece(i) for i in range(processor.get_piece_size())]


def _bart_parts(vocabulary: int) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        **SEQ2SEQ,
        "max_position_embeddings": POSITIONS,
        "init_std": 0.5,
    }


def _marian(folder: Path, *languages: str) -> None:
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    seed()
    warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
    pieces = _sentencepiece(folder, "source")
    (folder / "target.spm").write_bytes((folder / "source.spm").read_bytes())
    names = ["</s>", "<unk>", *(p for p in pieces if p not in ("</s>", "<unk>", "<s>")), *languages]
    vocabulary = {name: i for i, name in enumerate([*names, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    MarianTokenizer(
        source_spm=str(folder / "source.spm"),
        target_spm=str(folder / "target.spm"),
        vocab=str(folder / "vocab.json"),
        model_max_length=POSITIONS,
    ).save_pretrained(folder)
    pad = vocabulary["<pad>"]
    config = MarianConfig(
        **_bart_parts(len(vocabulary)), pad_token_id=pad, eos_token_id=0,
        decoder_start_token_id=pad, forced_eos_token_id=0,
    )  # fmt: skip
    model = MarianMTModel(config)
    model.generation_config.max_length = 24
    model.generation_config.bad_words_ids = [[pad]]
    save(folder, model)


def marian(folder: Path) -> ModelCard:
    """Marian from English to German."""
    _marian(folder)
    return card(folder, "translation", translates=("en", "de"))


def marian_many(folder: Path) -> ModelCard:
    """Marian from English to two languages."""
    _marian(folder, ">>fra<<", ">>ita<<")
    return card(folder, "translation")


def m2m(folder: Path) -> ModelCard:
    """M2M100."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    seed()
    pieces = _sentencepiece(folder, "pieces")
    names = ["<s>", "<pad>", "</s>", "<unk>", *pieces[3:]]
    vocabulary = {name: i for i, name in enumerate(names)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    tokenizer = M2M100Tokenizer(
        str(folder / "vocab.json"), str(folder / "pieces.spm"), language_codes="wmt21"
    )
    tokenizer.save_pretrained(folder)
    config = M2M100Config(
        **_bart_parts(len(vocabulary) + 16), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        decoder_start_token_id=2,
    )  # fmt: skip
    model = M2M100ForConditionalGeneration(config)
    model.generation_config.max_length = 24
    size = len(vocabulary)
    model.generation_config.bad_words_ids = [[i] for i in range(size, size + 16)]
    save(folder, model)
    return card(folder, "translation")


def nllb(folder: Path) -> ModelCard:
    """NLLB: M2M100's model with another tokenizer."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    seed()
    letters = ["▁", *string.ascii_letters, *string.digits, *".,:?"]
    vocabulary = {piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters])}
    tokenizer = NllbTokenizer(
        vocab=vocabulary,
        merges=[],
        extra_special_tokens=["eng_Latn", "deu_Latn", "rus_Cyrl", "zho_Hans", "zho_Hant"],
    )
    tokenizer.save_pretrained(folder)
    size = len(tokenizer)
    config = M2M100Config(
        **{**_bart_parts(size), "max_position_embeddings": 256},
        pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
    )  # fmt: skip
    model = M2M100ForConditionalGeneration(config)
    model.generation_config.max_length = 24
    model.generation_config.bad_words_ids = [[i] for i in (*range(4), *range(size - 6, size))]
    save(folder, model)
    return card(folder, "translation")


def _bert_parts(folder: Path) -> dict[str, Any]:
    return {
        "vocab_size": save_wordpieces(folder),
        **NARROW,
        "num_hidden_layers": 2,
        "max_position_embeddings": POSITIONS,
        "initializer_range": 0.5,
    }


def blank_filler(folder: Path) -> ModelCard:
    """BERT that fills blanks."""
    from transformers import BertConfig, BertForMaskedLM

    seed()
    save(folder, BertForMaskedLM(BertConfig(**_bert_parts(folder))))
    return card(folder, "fill-mask")


def blank_filler_distil(folder: Path) -> ModelCard:
    """DistilBERT that fills blanks."""
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    seed()
    config = DistilBertConfig(
        vocab_size=save_wordpieces(folder), dim=32, hidden_dim=48, n_layers=1, n_heads=2,
        max_position_embeddings=POSITIONS, initializer_range=0.5,
    )  # fmt: skip
    save(folder, DistilBertForMaskedLM(config))
    return card(folder, "fill-mask")


def blenderbot(folder: Path) -> ModelCard:
    """Blenderbot: an encoder and a decoder that converse."""
    from transformers import BlenderbotConfig, BlenderbotForConditionalGeneration

    seed()
    config = BlenderbotConfig(
        **_bart_parts(save_words(folder)), pad_token_id=0, bos_token_id=1, eos_token_id=1,
        decoder_start_token_id=1, forced_eos_token_id=1,
    )  # fmt: skip
    model = BlenderbotForConditionalGeneration(config)
    model.generation_config.max_length = 12
    save(folder, model)
    return card(folder, "conversational")


def tapas(folder: Path) -> ModelCard:
    """TAPAS with its four ways to sum up cells."""
    from transformers import TapasConfig, TapasForQuestionAnswering, TapasTokenizer

    seed()
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[EMPTY]"]
    pieces = [*dict.fromkeys([*pieces, *WORDS, *letters, *(f"##{each}" for each in letters)])]
    (folder / "vocab.txt").write_text("\n".join(pieces), "utf-8")
    TapasTokenizer(str(folder / "vocab.txt"), model_max_length=128).save_pretrained(folder)
    config = TapasConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=128, initializer_range=0.5,
        num_aggregation_labels=4,
        aggregation_labels={0: "NONE", 1: "SUM", 2: "AVERAGE", 3: "COUNT"},
    )  # fmt: skip
    save(folder, TapasForQuestionAnswering(config))
    return card(folder, "table-question-answering")


def _flowers() -> tuple[Any, list[str]]:
    """Two measures of three kinds of flowers, 60 rows, and the kinds."""
    import numpy as np
    import pandas as pd

    chance = np.random.default_rng(0)
    kinds = np.repeat(["daisy", "rose", "tulip"], 20)
    length = np.repeat([1.0, 4.0, 7.0], 20) + chance.normal(0, 0.2, 60)
    return pd.DataFrame({"length": length, "width": length / 2}), list(kinds)


def _dump(folder: Path, model: Any) -> None:
    import skops.io

    skops.io.dump(model, folder / "model.skops")


def logistic(folder: Path) -> ModelCard:
    """A logistic regression of flowers, with a scaler before it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression())
    _dump(folder, model.fit(*_flowers()))
    return card(folder, "tabular-classification", library="sklearn")


def line(folder: Path) -> ModelCard:
    """A straight line: price = 3 size + 10, whatever the town."""
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rows = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "town": ["Ulm", "Bonn", "Bonn", "Ulm"]})
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["town"]), remainder="passthrough"
    )
    model = make_pipeline(columns, LinearRegression())
    _dump(folder, model.fit(rows, 3 * rows["size"] + 10))
    return card(folder, "tabular-regression", library="skops")


def nameless(folder: Path) -> ModelCard:
    """Support vectors without probabilities, fitted on bare numbers; its config names columns."""
    from sklearn.svm import LinearSVC

    rows, kinds = _flowers()
    _dump(folder, LinearSVC(random_state=0).fit(rows.to_numpy(), kinds))
    about = {"sklearn": {"model": {"file": "model.skops"}, "columns": ["length", "width"]}}
    (folder / "config.json").write_text(json.dumps(about), "utf-8")
    return card(folder, "tabular-classification", library="sklearn")


TEXT_BUILDERS: dict[str, Builder] = {
    each.__name__: each
    for each in (
        marian, marian_many, m2m, nllb, blank_filler, blank_filler_distil, blenderbot, tapas,
        logistic, line, nameless,
    )
}  # fmt: skip

ROOM = ("wall", "building", "sky", "floor")
"""The first classes of ADE20K."""
SIDES = {"height": SIDE, "width": SIDE}


def clip(folder: Path) -> ModelCard:
    """CLIP."""
    from transformers import AutoTokenizer, CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    seed()
    size = save_words(folder)
    config = CLIPConfig(
        text_config={
            "vocab_size": size, "hidden_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 48,
            "max_position_embeddings": POSITIONS, "eos_token_id": 1, "pad_token_id": 0,
        },
        vision_config=vit_parts(),
        projection_dim=32,
    )  # fmt: skip
    save(folder, CLIPModel(config))
    CLIPProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDES),
        tokenizer=AutoTokenizer.from_pretrained(folder),
    ).save_pretrained(folder)
    return card(folder, "zero-shot-image-classification")


def siglip(folder: Path) -> ModelCard:
    """SigLIP."""
    from transformers import (
        AutoTokenizer,
        SiglipConfig,
        SiglipImageProcessor,
        SiglipModel,
        SiglipProcessor,
    )

    seed()
    size = save_words(folder)
    parts = {name: value for name, value in vit_parts().items() if name != "initializer_range"}
    config = SiglipConfig(
        text_config={
            "vocab_size": size, "hidden_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 48,
            "max_position_embeddings": POSITIONS, "projection_size": 32, "eos_token_id": 1,
            "pad_token_id": 0, "bos_token_id": 1,
        },
        vision_config=parts,
    )  # fmt: skip
    save(folder, SiglipModel(config))
    SiglipProcessor(
        image_processor=SiglipImageProcessor(size=SIDES),
        tokenizer=AutoTokenizer.from_pretrained(folder),
    ).save_pretrained(folder)
    return card(folder, "zero-shot-image-classification")


def _owl(folder: Path, family: str) -> ModelCard:
    import torch
    import transformers

    seed()
    size = save_words(folder)
    config = getattr(transformers, family + "Config")(
        text_config={
            "vocab_size": size, "hidden_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 48, "max_position_embeddings": 16,
            "eos_token_id": 1, "pad_token_id": 0, "bos_token_id": 1,
        },
        vision_config=vit_parts(),
        projection_dim=32,
    )  # fmt: skip
    model = getattr(transformers, family + "ForObjectDetection")(config)
    with torch.no_grad():
        for layer in (model.box_head.dense2, model.class_head.logit_shift):
            layer.weight.zero_()
            layer.bias.zero_()
    save(folder, model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = 16
    getattr(transformers, family + "Processor")(
        image_processor=getattr(transformers, family + "ImageProcessor")(size=SIDES),
        tokenizer=tokenizer,
    ).save_pretrained(folder)
    return card(folder, "zero-shot-object-detection")


def owlvit(folder: Path) -> ModelCard:
    """OWL-ViT."""
    return _owl(folder, "OwlViT")


def owlv2(folder: Path) -> ModelCard:
    """OWLv2, which also scores how much a box is a thing."""
    return _owl(folder, "Owlv2")


def _resnet() -> Any:
    from transformers import ResNetConfig

    return ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic",
        out_features=["stage1", "stage2"],
    )  # fmt: skip


def grounding_dino(folder: Path) -> ModelCard:
    """Grounding DINO over a small Swin."""
    from transformers import (
        AutoTokenizer,
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    seed()
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=SIDE, embed_dim=8, depths=[1, 1, 1], num_heads=[1, 2, 4], window_size=2,
            out_features=["stage2", "stage3"],
        ),
        text_config=BertConfig(**_bert_parts(folder)),
        d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=48, decoder_ffn_dim=48, num_queries=12,
        num_feature_levels=3, max_text_len=48, init_std=0.5,
    )  # fmt: skip
    save(folder, GroundingDinoForObjectDetection(config))
    GroundingDinoProcessor(
        image_processor=GroundingDinoImageProcessor(size={"height": 64, "width": 64}),
        tokenizer=AutoTokenizer.from_pretrained(folder),
    ).save_pretrained(folder)
    return card(folder, "zero-shot-object-detection")


def _never_nothing(classifier: Any, spread: float = 20) -> None:
    """Makes a classifier sure of its classes, of which the last is "nothing"."""
    import torch

    with torch.no_grad():
        classifier.weight.mul_(spread)
        classifier.bias[-1] = -1e4


def segformer(folder: Path) -> ModelCard:
    """SegFormer with three classes."""
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
    )

    seed()
    config = SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 16],
        patch_sizes=[3, 3], strides=[2, 2], num_attention_heads=[1, 2], mlp_ratios=[2, 2],
        decoder_hidden_size=16, initializer_range=0.5, **named(*ROOM),
    )  # fmt: skip
    save(folder, SegformerForSemanticSegmentation(config))
    SegformerImageProcessor(size=SIDES).save_pretrained(folder)
    return card(folder, "image-segmentation")


def maskformer(folder: Path) -> ModelCard:
    """MaskFormer over a small Swin."""
    from transformers import (
        DetrConfig,
        MaskFormerConfig,
        MaskFormerForInstanceSegmentation,
        MaskFormerImageProcessor,
        SwinConfig,
    )

    seed()
    config = MaskFormerConfig(
        backbone_config=SwinConfig(
            image_size=SIDE * 4, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 2],
            window_size=2, out_features=["stage1", "stage2", "stage3", "stage4"],
        ),
        decoder_config=DetrConfig(
            **SEQ2SEQ, num_queries=8,
            use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
            backbone_config=_resnet(),
        ),
        fpn_feature_size=32, mask_feature_size=32, init_std=2.0, init_xavier_std=3.0,
        **named(*ROOM),
    )  # fmt: skip
    model = MaskFormerForInstanceSegmentation(config)
    _never_nothing(model.class_predictor)
    save(folder, model)
    MaskFormerImageProcessor(size={"height": 128, "width": 128}, ignore_index=255).save_pretrained(
        folder
    )
    return card(folder, "image-segmentation")


def mask2former(folder: Path) -> ModelCard:
    """Mask2Former over a small Swin."""
    from transformers import (
        Mask2FormerConfig,
        Mask2FormerForUniversalSegmentation,
        Mask2FormerImageProcessor,
        SwinConfig,
    )

    seed()
    config = Mask2FormerConfig(
        backbone_config=SwinConfig(
            image_size=SIDE * 4, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 2],
            window_size=2, out_features=["stage1", "stage2", "stage3", "stage4"],
        ),
        feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=48,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=48,
        num_queries=8, init_std=2.0, init_xavier_std=3.0, **named("cat", "dog"),
    )  # fmt: skip
    model = Mask2FormerForUniversalSegmentation(config)
    _never_nothing(model.class_predictor)
    save(folder, model)
    Mask2FormerImageProcessor(size={"height": 128, "width": 128}, ignore_index=255).save_pretrained(
        folder
    )
    return card(folder, "image-segmentation")


def detr_panoptic(folder: Path) -> ModelCard:
    """DETR with a mask head."""
    from transformers import (
        DetrConfig,
        DetrForSegmentation,
        DetrImageProcessor,
        ResNetConfig,
    )

    seed()
    config = DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
        backbone_config=ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1],
            layer_type="basic", out_features=["stage1", "stage2", "stage3", "stage4"],
        ),
        d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=8,
        decoder_attention_heads=8, encoder_ffn_dim=48, decoder_ffn_dim=48, num_queries=6,
        init_std=1.0, init_xavier_std=3.0, **named("cat", "dog"),
    )  # fmt: skip
    model = DetrForSegmentation(config)
    _never_nothing(model.detr.class_labels_classifier)
    save(folder, model)
    DetrImageProcessor(size=SIDES, format="coco_panoptic").save_pretrained(folder)
    return card(folder, "image-segmentation")


def sam(folder: Path) -> ModelCard:
    """SAM that is sure of its masks."""
    import torch
    from transformers import (
        SamConfig,
        SamImageProcessor,
        SamMaskDecoderConfig,
        SamModel,
        SamPromptEncoderConfig,
        SamVisionConfig,
    )

    seed()
    config = SamConfig(
        vision_config=SamVisionConfig(
            hidden_size=32, output_channels=16, num_hidden_layers=1, num_attention_heads=2,
            image_size=64, patch_size=8, mlp_dim=48, window_size=4, global_attn_indexes=[0],
            num_pos_feats=8, initializer_range=0.5,
        ),
        prompt_encoder_config=SamPromptEncoderConfig(
            hidden_size=16, image_size=64, patch_size=8, mask_input_channels=4
        ),
        mask_decoder_config=SamMaskDecoderConfig(
            hidden_size=16, mlp_dim=32, num_hidden_layers=2, num_attention_heads=2,
            iou_head_hidden_dim=16,
        ),
    )  # fmt: skip
    model = SamModel(config)
    with torch.no_grad():
        model.mask_decoder.iou_prediction_head.proj_out.bias.fill_(0.95)
        for head in model.mask_decoder.output_hypernetworks_mlps:
            head.proj_out.weight.mul_(9_000)
            head.proj_out.bias.normal_(0, 9_000)
    save(folder, model)
    SamImageProcessor(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}
    ).save_pretrained(folder)
    return card(folder, "mask-generation")


def dpt(folder: Path) -> ModelCard:
    """DPT, which gives nearness."""
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessor

    seed()
    config = DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=24,
        image_size=32, patch_size=8, backbone_out_indices=[0, 1, 2, 3], fusion_hidden_size=16,
        neck_hidden_sizes=[8, 8, 16, 16], is_hybrid=False, initializer_range=0.3,
    )  # fmt: skip
    model = DPTForDepthEstimation(config)
    for layer in model.head.head:  # else its last ReLU may leave nothing
        if hasattr(layer, "bias"):
            layer.bias.data.fill_(5.0)
    model.save_pretrained(folder)
    DPTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return card(folder, "depth-control")


def depth_anything(folder: Path, kind: str = "relative") -> ModelCard:
    """Depth Anything, which gives nearness."""
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        Dinov2Config,
        DPTImageProcessor,
    )

    seed()
    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=28,
        patch_size=14, out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False, initializer_range=0.3,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 16, 16], fusion_hidden_size=16, head_hidden_size=8,
    )  # fmt: skip
    model = DepthAnythingForDepthEstimation(config)
    model.head.conv3.bias.data.fill_(5.0)
    model.config.depth_estimation_type = kind
    model.save_pretrained(folder)
    DPTImageProcessor(size={"height": 28, "width": 28}).save_pretrained(folder)
    return card(folder, "depth-control")


def glpn(folder: Path) -> ModelCard:
    """GLPN, which gives metres."""
    from transformers import GLPNConfig, GLPNForDepthEstimation, GLPNImageProcessor

    seed()
    config = GLPNConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=8, initializer_range=0.5,
    )  # fmt: skip
    save(folder, GLPNForDepthEstimation(config))
    GLPNImageProcessor(size_divisor=32).save_pretrained(folder)
    return card(folder, "depth-estimation")


def vilt(folder: Path) -> ModelCard:
    """ViLT with three answers."""
    from transformers import (
        AutoTokenizer,
        ViltConfig,
        ViltForQuestionAnswering,
        ViltImageProcessor,
        ViltProcessor,
    )

    seed()
    config = ViltConfig(
        **{**vit_parts(), **_bert_parts(folder)}, max_image_length=-1,
        **named("yes", "no", "red"),
    )  # fmt: skip
    save(folder, ViltForQuestionAnswering(config))
    ViltProcessor(
        image_processor=ViltImageProcessor(size={"shortest_edge": SIDE}, size_divisor=8),
        tokenizer=AutoTokenizer.from_pretrained(folder),
    ).save_pretrained(folder)
    return card(folder, "visual-question-answering")


def blip_vqa(folder: Path) -> ModelCard:
    """BLIP that writes answers."""
    from transformers import (
        AutoTokenizer,
        BlipConfig,
        BlipForQuestionAnswering,
        BlipImageProcessor,
        BlipProcessor,
    )

    seed()
    text = {
        **_bert_parts(folder), "encoder_hidden_size": 32, "bos_token_id": 2, "sep_token_id": 3,
        "eos_token_id": 3, "pad_token_id": 0, "num_hidden_layers": 1,
    }  # fmt: skip
    config = BlipConfig(
        text_config=text, vision_config=vit_parts(), projection_dim=32, image_text_hidden_size=32
    )
    save(folder, BlipForQuestionAnswering(config))
    BlipProcessor(
        image_processor=BlipImageProcessor(size=SIDES),
        tokenizer=AutoTokenizer.from_pretrained(folder),
    ).save_pretrained(folder)
    return card(folder, "visual-question-answering")


def donut(folder: Path) -> ModelCard:
    """Donut: a Swin and a BART that writes the answer after the question."""
    from tokenizers import AddedToken
    from transformers import (
        AutoTokenizer,
        DonutImageProcessor,
        DonutProcessor,
        DonutSwinConfig,
        MBartConfig,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
    )

    seed()
    save_words(folder, chat=False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    marks = ("<s_docvqa>", "<s_question>", "</s_question>", "<s_answer>", "</s_answer>")
    tokenizer.add_tokens([AddedToken(mark, special=True) for mark in marks], special_tokens=True)
    encoder = DonutSwinConfig(
        image_size=[SIDE, SIDE], patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2],
        window_size=2,
    )  # fmt: skip
    decoder = MBartConfig(
        **{**_bart_parts(len(tokenizer)), "d_model": 16},
        is_decoder=True, is_encoder_decoder=False, add_cross_attention=True, scale_embedding=True,
        pad_token_id=0, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    model = VisionEncoderDecoderModel(config)
    model.generation_config.decoder_start_token_id = 1
    model.generation_config.pad_token_id = 0
    model.generation_config.eos_token_id = 1
    model.generation_config.bad_words_ids = [[i] for i in (0, 1, 2)] + [
        [len(tokenizer) - 1 - i] for i in range(5)
    ]
    save(folder, model)
    DonutProcessor(
        image_processor=DonutImageProcessor(size=SIDES, do_align_long_axis=False),
        tokenizer=tokenizer,
    ).save_pretrained(folder)
    return card(folder, "document-question-answering")


def layoutlm(folder: Path) -> ModelCard:
    """LayoutLM that marks answers."""
    from transformers import LayoutLMConfig, LayoutLMForQuestionAnswering

    seed()
    config = LayoutLMConfig(**_bert_parts(folder), max_2d_position_embeddings=1024)
    save(folder, LayoutLMForQuestionAnswering(config))
    return card(folder, "document-question-answering")


def smolvlm(folder: Path) -> ModelCard:
    """SmolVLM: a SigLIP eye, a Llama, and pictures in tiles."""
    from tokenizers import AddedToken
    from transformers import (
        AutoTokenizer,
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessor,
        Idefics3Processor,
    )

    seed()
    save_words(folder, chat=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    marks = ("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
    tokenizer.add_tokens([AddedToken(mark, special=True) for mark in marks], special_tokens=True)
    eye = {
        "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 48, "image_size": SIDE, "patch_size": 8,
    }  # fmt: skip
    text = {
        "model_type": "llama", "vocab_size": len(tokenizer), "hidden_size": 32,
        "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 2, "max_position_embeddings": 512, "eos_token_id": 1,
        "pad_token_id": 0, "bos_token_id": 1, "initializer_range": 0.5,
    }  # fmt: skip
    config = Idefics3Config(
        vision_config=eye, text_config=text, scale_factor=2, pad_token_id=0,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    save(folder, Idefics3ForConditionalGeneration(config))
    Idefics3Processor(
        image_processor=Idefics3ImageProcessor(
            size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE},
            do_image_splitting=False,
        ),
        tokenizer=tokenizer,
        image_seq_len=4,
        chat_template=(
            "{% for m in messages %}{% for c in m['content'] %}"
            "{% if c['type'] == 'image' %}<image>{% else %} {{ c['text'] }} {% endif %}"
            "{% endfor %}{% endfor %}{% if add_generation_prompt %}it : {% endif %}"
        ),
    ).save_pretrained(folder)  # fmt: skip
    return card(folder, "image-text-to-text")


VISION_BUILDERS: dict[str, Builder] = {
    each.__name__: each
    for each in (
        clip, siglip, owlvit, owlv2, grounding_dino, segformer, maskformer, mask2former,
        detr_panoptic, sam, dpt, depth_anything, glpn, vilt, blip_vqa, donut, layoutlm, smolvlm,
    )
}  # fmt: skip
