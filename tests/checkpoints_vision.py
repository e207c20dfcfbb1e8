"""More tiny checkpoints of real architectures: rewriting, tables, and pictures with words."""

from __future__ import annotations

import json
import string
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from checkpoints import POSITIONS, SIDE, WORDS, card, save_wordpieces, save_words

from hugginggraph.registry import ModelCard, load_settings, task_type
from hugginggraph.tools import Artifacts, ModelPool, TaskResult, TaskRunner, hugginggraph_tools

Builder = Callable[[Path], ModelCard]
Run = Callable[..., TaskResult]


def tool_run(folder: Path, builders: Mapping[str, Builder]) -> Run:
    """Runs a task on a checkpoint of the builders through its tool; each is built once."""
    runner = TaskRunner(ModelPool(4), Artifacts(folder / "artifacts"), load_settings(offline=True))
    cards: dict[str, ModelCard] = {}

    def find(task: str, model: str | None, args: Mapping[str, Any]) -> ModelCard:
        name = model or ""
        if name not in cards:
            (folder / name).mkdir()
            cards[name] = builders[name](folder / name)
        return cards[name].model_copy(update={"task": task})

    def run(name: str, task: str, **args: Any) -> TaskResult:
        tool = hugginggraph_tools([task], runner=runner, find_card=find)[0]
        call = {"name": task, "args": {**args, "model": name}, "id": "1", "type": "tool_call"}
        result: TaskResult = tool.invoke(call).artifact
        assert result["kind"] == task_type(task).output
        assert result["model"] == f"tests/{name}"
        assert json.loads(json.dumps(result)) == result
        return result

    return run


def save(folder: Path, model: Any) -> None:
    model.eval().save_pretrained(folder)


def seed() -> None:
    import torch

    torch.manual_seed(0)


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
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 48,
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
    tokenizer = M2M100Tokenizer(str(folder / "vocab.json"), str(folder / "pieces.spm"), language_codes="wmt21")
    tokenizer.save_pretrained(folder)
    config = M2M100Config(
        **_bart_parts(len(vocabulary) + 16), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        decoder_start_token_id=2,
    )  # fmt: skip
    model = M2M100ForConditionalGeneration(config)
    model.generation_config.max_length = 24
    save(folder, model)
    return card(folder, "translation")


def nllb(folder: Path) -> ModelCard:
    """NLLB: M2M100's model with another tokenizer."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    seed()
    letters = ["▁", *string.ascii_letters, *string.digits, *".,:?"]
    vocabulary = {
        piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters])
    }
    tokenizer = NllbTokenizer(
        vocab=vocabulary,
        merges=[],
        extra_special_tokens=["eng_Latn", "deu_Latn", "rus_Cyrl", "zho_Hans", "zho_Hant"],
    )
    tokenizer.save_pretrained(folder)
    config = M2M100Config(
        **{**_bart_parts(len(tokenizer)), "max_position_embeddings": 256},
        pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
    )  # fmt: skip
    model = M2M100ForConditionalGeneration(config)
    model.generation_config.max_length = 24
    model.generation_config.bad_words_ids = [[2]]
    save(folder, model)
    return card(folder, "translation")


def _bert_parts(folder: Path) -> dict[str, Any]:
    return {
        "vocab_size": save_wordpieces(folder),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
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
        num_aggregation_labels=4, aggregation_labels={0: "NONE", 1: "SUM", 2: "AVERAGE", 3: "COUNT"},
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

SIDES = {"height": SIDE, "width": SIDE}
