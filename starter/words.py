"""Tokenizers for the small texts of the world."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

PAD, START, END, STRANGE = "[PAD]", "[CLS]", "[SEP]", "[?]"


def words_tokenizer(texts: Iterable[str], longest: int) -> PreTrainedTokenizerFast:
    """Every word and mark of the texts in lower case, between `START` and `END`.

    A word that the texts do not hold is `STRANGE`, whichever it is.
    """
    split = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), "removed", invert=True)
    lower = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    words = {word for text in texts for word, _ in split.pre_tokenize_str(text.lower())}
    vocabulary = {word: i for i, word in enumerate([PAD, START, END, STRANGE, *sorted(words)])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=STRANGE))
    tokenizer.normalizer, tokenizer.pre_tokenizer = lower, split
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, 1), (END, 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, cls_token=START, sep_token=END,
        bos_token=START, eos_token=END, unk_token=STRANGE, model_max_length=longest,
    )  # fmt: skip


def marked(tokenizer: Tokenizer, longest: int, marks: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of a model that writes answers, with marks that tell it where something begins.

    Its vocabulary holds `PAD`, `START`, `END` and `STRANGE`.
    """
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, cls_token=START, sep_token=END, eos_token=END,
        model_max_length=longest,
    )  # fmt: skip
    fast.add_special_tokens({"additional_special_tokens": list(marks)})
    return fast
