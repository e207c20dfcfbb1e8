"""Runners that read and write text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hugginggraph.registry import ModelLoadError, ModelRunError

from .embedding import feature_extraction as feature_extraction
from .loading import greedy, load_model, load_tokenizer, max_tokens
from .runner import Batched, Checkpoint, Output, Run
from .sentences import split_sentences
from .values import Label
from .vision import best_labels

WINDOW = 384
ANSWER_TOKENS = 30
SUMMARY_TOKENS = 142
SUMMARY_INPUT = 1024
PARTS_TOGETHER = 4
NEW_TOKENS = 256
HYPOTHESIS = "This text is about {}."


def text_classification(checkpoint: Checkpoint) -> Run:
    """The model's five best classes for a text; what is longer than the model takes is cut."""
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForSequenceClassification")
    limit = max_tokens(tokenizer, model)

    def batch(calls: Sequence[Mapping[str, Any]]) -> list[Output]:
        inputs = tokenizer(
            [args["text"] for args in calls],
            truncation=True,
            max_length=limit,
            padding=len(calls) > 1,
            return_tensors="pt",
        )
        logits = model(**inputs.to(model.device)).logits
        return [Output(best_labels(model.config, row)) for row in logits]

    return Batched(batch)


def token_classification(checkpoint: Checkpoint) -> Run:
    """The named pieces of a text in its order, with their words and offsets in characters."""
    from transformers import TokenClassificationPipeline

    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForTokenClassification")
    tokenizer.model_max_length = limit = max_tokens(tokenizer, model)
    tag = TokenClassificationPipeline(
        model=model, tokenizer=tokenizer, aggregation_strategy="simple", stride=limit // 4
    )

    def run(args: Mapping[str, Any]) -> Output:
        text: str = args["text"]
        return Output([_piece(text, found) for found in tag(text)])

    return run


def _piece(text: str, found: Mapping[str, Any]) -> Label:
    start, end = int(found["start"]), int(found["end"])
    words = text[start:end]
    start += len(words) - len(words.lstrip())
    return {
        "label": str(found["entity_group"]),
        "score": float(found["score"]),
        "text": words.strip(),
        "start": start,
        "end": start + len(words.strip()),
    }


def zero_shot_classification(checkpoint: Checkpoint) -> Run:
    """The labels by how strongly the text entails "This text is about …"; scores add up to 1.

    With one label its score is entailment against contradiction.
    """
    import torch

    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForSequenceClassification")
    limit = max_tokens(tokenizer, model)
    names = {name.lower(): int(place) for place, name in model.config.id2label.items()}
    entails = next((place for name, place in names.items() if name.startswith("entail")), None)
    if entails is None:
        raise ModelLoadError(
            f"The model '{checkpoint.card.id}' has no class 'entailment' (it has "
            f"{', '.join(names)}), so it cannot compare a text with labels.",
            "Choose a model trained on natural language inference.",
        )
    other = next((p for name, p in names.items() if name.startswith("contra")), 1 - entails)

    def run(args: Mapping[str, Any]) -> Output:
        labels = list(dict.fromkeys(args["candidate_labels"]))
        inputs = tokenizer(
            [args["text"]] * len(labels),
            [HYPOTHESIS.format(label) for label in labels],
            truncation="only_first",
            max_length=limit,
            padding=True,
            return_tensors="pt",
        )
        logits = model(**inputs.to(model.device)).logits.float()
        if len(labels) == 1:
            scores = logits[:, [entails, other]].softmax(-1)[:, 0]
        else:
            scores = logits[:, entails].softmax(0)
        best = torch.argsort(scores, descending=True).tolist()
        return Output([{"label": labels[i], "score": float(scores[i])} for i in best])

    return run


def question_answering(checkpoint: Checkpoint) -> Run:
    """The words of the context that answer the question best.

    A long context is read in overlapping windows. The answer is never empty: a model that would
    rather not answer still gives its best words.
    """
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForQuestionAnswering")
    limit = max_tokens(tokenizer, model, WINDOW)

    def run(args: Mapping[str, Any]) -> Output:
        context: str = args["context"]
        windows = tokenizer(
            next(pieces(tokenizer, args["question"], limit // 2)),
            context,
            truncation="only_second",
            max_length=limit,
            stride=limit // 6,
            padding=True,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        offsets = windows.pop("offset_mapping").tolist()
        windows.pop("overflow_to_sample_mapping")
        logits = model(**windows.to(model.device))
        found: list[tuple[float, str]] = []
        for i, places in enumerate(offsets):
            inside = [each == 1 for each in windows.sequence_ids(i)]
            for score, first, last in _spans(logits.start_logits[i], logits.end_logits[i], inside):
                words = context[places[first][0] : places[last][1]].strip()
                if words:
                    found.append((score, words))
                    break
        if not found:
            raise ModelRunError(f"The model '{checkpoint.card.id}' found no answer in the text.")
        return Output(max(found)[1])

    return run


def _spans(start: Any, end: Any, inside: list[bool]) -> list[tuple[float, int, int]]:
    """The 20 best spans of one window: score, first and last token; none leaves the context."""
    import torch

    outside = ~torch.tensor(inside, device=start.device)
    start = start.float().masked_fill(outside, -torch.inf)
    end = end.float().masked_fill(outside, -torch.inf)
    # [first, last]: the last not before the first, nor more than ANSWER_TOKENS - 1 after it
    allowed = torch.ones(len(inside), len(inside), dtype=torch.bool, device=start.device)
    allowed = allowed.triu() & allowed.tril(ANSWER_TOKENS - 1)
    scores = (start[:, None] + end[None, :]).masked_fill(~allowed, -torch.inf)
    values, places = scores.flatten().topk(min(20, scores.numel()))
    return [
        (value, place // len(inside), place % len(inside))
        for value, place in zip(values.tolist(), places.tolist(), strict=True)
        if value > -torch.inf
    ]


def best_span(start: Any, end: Any, inside: list[bool]) -> tuple[int, int] | None:
    """The first and the last token of the best answer inside the context; None where none is."""
    return next(((first, last) for _, first, last in _spans(start, end, inside)), None)


def summarization(checkpoint: Checkpoint) -> Run:
    """A shorter text in the model's own words.

    A text longer than the model takes is summarised in parts, cut between sentences; where there
    are many parts, their summaries are summarised once more.
    """
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForSeq2SeqLM")
    known = getattr(model.config, "task_specific_params", None) or {}
    default = "summarize: " if model.config.model_type == "t5" else ""
    prefix: str = known.get("summarization", {}).get("prefix", default)
    limit = max_tokens(tokenizer, model, SUMMARY_INPUT)
    room = limit - len(tokenizer(prefix)["input_ids"])

    def shorten(text: str) -> str:
        inputs = tokenizer(prefix + text, truncation=True, max_length=limit, return_tensors="pt")
        length = inputs["input_ids"].shape[1]
        settings = model.generation_config
        most = min(
            settings.max_new_tokens or settings.max_length or SUMMARY_TOKENS, max(16, length)
        )
        tokens = model.generate(
            **inputs.to(model.device),
            generation_config=greedy(
                model,
                max_new_tokens=most,
                min_length=min(settings.min_length or 0, length // 2, most // 2),
            ),
        )
        return str(tokenizer.decode(tokens[0], skip_special_tokens=True)).strip()

    def run(args: Mapping[str, Any]) -> Output:
        parts = [shorten(part) for part in packed(tokenizer, args["text"], room)]
        if len(parts) > PARTS_TOGETHER:
            parts = [shorten(part) for part in packed(tokenizer, " ".join(parts), room)]
        return Output(" ".join(filter(None, parts)))

    return run


def pieces(tokenizer: Any, text: str, limit: int) -> Iterator[str]:
    """The text cut, between tokens, into pieces of at most so many tokens each."""
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)[
        "offset_mapping"
    ]
    for start in range(0, max(len(offsets), 1), limit):
        chosen = offsets[start : start + limit]
        yield text[chosen[0][0] : chosen[-1][1]] if chosen else text


def packed(tokenizer: Any, text: str, limit: int) -> list[str]:
    """The text in parts of at most so many tokens, cut between sentences where one fits."""
    parts: list[str] = []
    used = limit + 1
    for sentence in split_sentences(text):
        for piece in pieces(tokenizer, sentence, limit):
            count = len(tokenizer(piece, add_special_tokens=False, verbose=False)["input_ids"])
            if used + count > limit:
                parts.append(piece)
                used = count
            else:
                parts[-1] += f" {piece}"
                used += count
    return parts


def text_generation(checkpoint: Checkpoint) -> Run:
    """What the model writes after the prompt, without it; greedy, so always the same.

    A model with a chat template is asked as a user would. Of a prompt that is longer than the
    model takes, the end counts.
    """
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForCausalLM")
    limit = max_tokens(tokenizer, model)
    new = min(NEW_TOKENS, limit // 2)

    def run(args: Mapping[str, Any]) -> Output:
        if tokenizer.chat_template:
            turns = [{"role": "user", "content": args["text"]}]
            inputs = tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, return_dict=True, return_tensors="pt"
            )
        else:
            inputs = tokenizer(args["text"], return_tensors="pt", verbose=False)
        prompt = inputs["input_ids"][:, -(limit - new) :].to(model.device)
        tokens = model.generate(
            prompt,
            attention_mask=prompt.new_ones(prompt.shape),
            generation_config=greedy(
                model, max_new_tokens=new, pad_token_id=tokenizer.pad_token_id
            ),
        )
        text = tokenizer.decode(tokens[0, prompt.shape[1] :], skip_special_tokens=True)
        return Output(str(text).strip())

    return run
