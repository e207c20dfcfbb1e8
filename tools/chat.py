"""The runner that replies in a conversation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypedDict

from .loading import greedy, load_config, load_model, load_tokenizer, max_tokens
from .runner import Checkpoint, Output, Run

NEW_TOKENS = 256
NAMES = {
    "user": "user",
    "human": "user",
    "you": "user",
    "me": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "system": "system",
}
_TURN = re.compile(rf"^\s*({'|'.join(NAMES)})\s*:\s*", re.IGNORECASE | re.MULTILINE)


class Turn(TypedDict):
    """What one side said: ``user``, ``assistant`` or ``system``, and the words."""

    role: str
    content: str


def turns(history: str) -> list[Turn]:
    """A conversation that is written with a name before each turn; text before the first is left.

    Turns of one side that follow each other are one, as chat templates want it.
    """
    pieces = _TURN.split(history)
    said: list[Turn] = []
    for name, words in zip(pieces[1::2], pieces[2::2], strict=True):
        role = NAMES[name.lower()]
        if not words.strip():
            continue
        if said and said[-1]["role"] == role:
            said[-1]["content"] += f"\n{words.strip()}"
        else:
            said.append({"role": role, "content": words.strip()})
    return said


def conversational(checkpoint: Checkpoint) -> Run:
    """The next turn of a conversation; greedy, so always the same.

    Turns of the history that are too long for the model are left out, oldest first. A model
    without a chat template gets the turns as lines.
    """
    encodes = bool(getattr(load_config(checkpoint), "is_encoder_decoder", False))
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForSeq2SeqLM" if encodes else "AutoModelForCausalLM")
    limit = max_tokens(tokenizer, model)
    new = min(NEW_TOKENS, limit // 2)
    room = limit if encodes else limit - new

    def prompt(said: list[Turn]) -> Any:
        if tokenizer.chat_template:
            return tokenizer.apply_chat_template(
                said, add_generation_prompt=True, return_dict=True, return_tensors="pt"
            )["input_ids"]
        if encodes:  # Blenderbot was trained on the bare turns, two spaces between them
            text = "  ".join(turn["content"] for turn in said)
        else:
            lines = [f"{turn['role'].capitalize()}: {turn['content']}" for turn in said]
            text = "\n".join([*lines, "Assistant:"])
        return tokenizer(text, return_tensors="pt", verbose=False)["input_ids"]

    def run(args: Mapping[str, Any]) -> Output:
        said = [*turns(args.get("history") or ""), Turn(role="user", content=args["text"])]
        if len(said) > 1 and said[-2]["role"] == "user":
            said[-2:] = [Turn(role="user", content=f"{said[-2]['content']}\n{args['text']}")]
        while said[0]["role"] == "assistant":  # templates begin with the user
            del said[0]
        ids = prompt(said)
        while ids.shape[1] > room and len(said) > 2:
            del said[:2]
            ids = prompt(said)
        ids = ids[:, -room:].to(model.device)
        tokens = model.generate(
            ids,
            attention_mask=ids.new_ones(ids.shape),
            generation_config=greedy(
                model, max_new_tokens=new, pad_token_id=tokenizer.pad_token_id
            ),
        )
        reply = tokens[0] if encodes else tokens[0, ids.shape[1] :]
        text = str(tokenizer.decode(reply, skip_special_tokens=True)).strip()
        if not encodes and not tokenizer.chat_template:
            text = _TURN.split(text, maxsplit=1)[0].strip() or text
        return Output(text)

    return run
