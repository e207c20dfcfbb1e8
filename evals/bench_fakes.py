"""A fake controller LLM and a fake Inference API on loopback, each with a latency of its own.

    python -m hugginggraph.evals.bench_fakes LLM_MS MODEL_MS     prints its address and serves

The LLM speaks the OpenAI chat protocol: it gives the plan that the request names
(``[plan:chain4]``), chooses the first candidate of each task, and writes an answer. The model
server answers every model of the packaged cards in the form of its task.
"""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from hugginggraph.registry import model_cards


def _task(number: int, task: str, *dep: int, **args: str) -> dict[str, Any]:
    return {"id": number, "task": task, "dep": list(dep), "args": args}


def _from(number: int) -> str:
    return f"<resource>-{number}"


PLANS: dict[str, list[dict[str, Any]]] = {
    "one": [_task(0, "image-to-text", image="r1")],
    "ind4": [
        _task(0, "image-to-text", image="r1"),
        _task(1, "image-classification", image="r1"),
        _task(2, "object-detection", image="r1"),
        _task(3, "image-segmentation", image="r1"),
    ],
    "chain4": [
        _task(0, "image-to-image", image="r1"),
        _task(1, "image-to-image", 0, image=_from(0)),
        _task(2, "image-to-image", 1, image=_from(1)),
        _task(3, "image-to-text", 2, image=_from(2)),
    ],
    "dag6": [
        _task(0, "image-to-image", image="r1"),
        _task(1, "image-to-image", 0, image=_from(0)),
        _task(2, "image-to-text", 0, image=_from(0)),
        _task(3, "image-to-image", 1, image=_from(1)),
        _task(4, "image-classification", 0, image=_from(0)),
        _task(5, "visual-question-answering", 3, 2, image=_from(3), question=_from(2)),
    ],
}
"""Plans by name, with the longest paths 1, 1, 4 and 4."""


@cache
def _picture() -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).save(made, "PNG")
    return made.getvalue()


def _choices(prompt: str) -> dict[str, Any]:
    tasks = [json.loads(line) for line in prompt.splitlines() if line.startswith('{"task"')]
    return {
        "choices": [
            {"task": t["task"], "model": t["candidates"][0]["id"], "reason": "the first"}
            for t in tasks
        ]
    }


def llm_reply(body: dict[str, Any]) -> dict[str, Any]:
    """The chat completion for a request."""
    prompt = str(body["messages"][-1]["content"])
    message: dict[str, Any] = {"role": "assistant", "content": "This is what was found."}
    if body.get("tools"):
        name = body["tools"][0]["function"]["name"]
        plan = re.search(r"\[plan:(\w+)\]", prompt)
        value = {"tasks": PLANS[plan[1]]} if name == "TaskPlan" and plan else _choices(prompt)
        call = {"name": name, "arguments": json.dumps(value)}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": call}]
    return {
        "id": "chat-1", "object": "chat.completion", "created": 0, "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100},
    }  # fmt: skip


def _events(reply: dict[str, Any]) -> bytes:
    """A reply as a stream of server-sent events: its text in two pieces, then what it cost."""
    text = reply["choices"][0]["message"]["content"]
    pieces = [{"role": "assistant", "content": text[:8]}, {"content": text[8:]}]
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    said = [[{"index": 0, "delta": piece, "finish_reason": None}] for piece in pieces]
    kind = {**reply, "object": "chat.completion.chunk", "usage": None}
    chunks = [*({**kind, "choices": choices} for choices in (*said, [last])),
              {**kind, "choices": [], "usage": reply["usage"]}]  # fmt: skip
    lines = [*(json.dumps(chunk) for chunk in chunks), "[DONE]"]
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def model_reply(task: str) -> bytes | list[dict[str, Any]]:
    """What a model of a task answers."""
    if task == "image-to-image":
        return _picture()
    corners = {"xmin": 1, "ymin": 2, "xmax": 30, "ymax": 40}
    mask = base64.b64encode(_picture()).decode()
    return [{"generated_text": "a zebra in a field", "answer": "yes", "label": "zebra",
             "score": 0.9, "box": corners, "mask": mask}]  # fmt: skip


def serve(llm_ms: float, model_ms: float) -> None:
    """Print the address and serve both below it until the process ends."""
    tasks = {card.id: card.task for card in model_cards()}
    _picture()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._send(b"{}", "application/json")

        do_HEAD = do_GET

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path.startswith("/v1/"):
                asked = json.loads(body)
                reply: Any = llm_reply(asked)
                time.sleep(llm_ms / 1000)
                if asked.get("stream"):
                    self._send(_events(reply), "text/event-stream")
                    return
            else:
                reply = model_reply(tasks.get(unquote(self.path.removeprefix("/models/")), ""))
                time.sleep(model_ms / 1000)
            if isinstance(reply, bytes):
                self._send(reply, "image/png")
            else:
                self._send(json.dumps(reply).encode(), "application/json")

        def _send(self, body: bytes, kind: str) -> None:
            head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + (b"" if self.command == "HEAD" else body))

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    serve(*map(float, sys.argv[1:3]))
