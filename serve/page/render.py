"""The conversation as HTML. Everything that came from a person, a file or a model is escaped."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import ExifTags, Image

from hugginggraph.graph import limits, plan_svg, shown_path
from hugginggraph.tools import as_text

from ..folders import without_folders, without_folders_of_errors
from .chats import Turn

SMALL = 192
"""Pixels of the longer side below which a picture is shown enlarged, to at least so many."""
_CODE = re.compile(r"`([^`]+)`")
_KINDS = {"image": "picture", "audio": "sound", "video": "film", "text": "text"}

Example = tuple[str, list[str]]
"""A request and the files that go with it."""


def conversation(turns: Sequence[Turn], examples: Sequence[Example]) -> str:
    """All turns of a thread; an invitation with examples where there is none yet."""
    return "".join(map(turn_html, turns, range(len(turns)))) if turns else _welcome(examples)


def _welcome(examples: Sequence[Example]) -> str:
    cards = "".join(
        f'<button class="hg-example" data-act="example" data-value="{number}">'
        f"{''.join(map(_sample, files))}"
        f"<span>{escape(request)}</span></button>"
        for number, (request, files) in enumerate(examples)
    )
    return (
        '<section class="hg-welcome"><h1>What shall the models do?</h1>'
        "<p>Ask in plain words, with pictures, sounds or videos. You see the plan, which model "
        f'does each step and why, and what comes out.</p><div class="hg-examples">{cards}</div>'
        "</section>"
    )


def _sample(path: str) -> str:
    if (mimetypes.guess_type(path)[0] or "").startswith("image/"):
        return _picture(path, f"Example picture {Path(path).name}")
    return f'<span class="hg-sheet" aria-hidden="true">{escape(Path(path).suffix[1:])}</span>'


def turn_html(turn: Turn, number: int) -> str:
    """A request, its plan, its results and its answer."""
    state = turn.state
    parts = [_asked(state)]
    plan = state.get("plan")
    if plan and plan["tasks"]:
        parts.append(_plan(plan, turn))
    if turn.status == "running":
        parts.append(f'<p class="hg-stage" role="status"><i></i>{escape(turn.stage)} …</p>')
    elif turn.status == "stopped":
        parts.append(_stopped())
    elif turn.status == "waiting" and turn.review:
        parts.append(_approval(turn.review))
    elif turn.trouble:
        parts.append(
            f'<p class="hg-trouble" role="alert">{escape(without_folders(turn.trouble))}</p>'
        )
    if turn.status not in ("running", "waiting", "stopped") and state.get("answer"):
        parts.append(_answer(state))
    if plan and plan["tasks"]:
        parts += [_result(task, turn) for task in plan["tasks"]]
    return (
        f'<article class="hg-turn hg-is-{turn.status}" id="turn-{number}">'
        f"{''.join(parts)}</article>"
    )


def _asked(state: Mapping[str, Any]) -> str:
    given = state.get("given") or state.get("files") or []
    files = "".join(media(_resource(path), Path(path).name) for path in given)
    return (
        f'<div class="hg-asked"><div class="hg-given">{files}</div>'
        f"<p>{escape(str(state.get('request', '')))}</p></div>"
    )


def _resource(path: str) -> dict[str, Any]:
    mime = mimetypes.guess_type(path)[0] or ""
    return {"path": path, "kind": mime.partition("/")[0]}


def _plan(plan: Mapping[str, Any], turn: Turn) -> str:
    drawn = "".join(
        f'<div class="hg-{width}">{plan_svg(plan, turn.tasks, columns=columns, box=box)}</div>'
        for width, columns, box in (("wide", 3, 240), ("narrow", 2, 165))
    )
    by = "the built-in planner" if plan.get("planner") == "builtin" else "the LLM planner"
    mended = "".join(f"<li>{escape(line)}</li>" for line in plan.get("repairs") or [])
    mended = f"<details><summary>Mended</summary><ul>{mended}</ul></details>" if mended else ""
    count = len(plan["tasks"])
    return (
        f'<figure class="hg-figure"><figcaption>Plan: {count} {"task" if count == 1 else "tasks"}'
        f" <small>by {by}</small></figcaption>{drawn}{mended}</figure>"
    )


def _result(task: Mapping[str, Any], turn: Turn) -> str:
    key = str(task["id"])
    state = turn.state
    result = (state.get("results") or {}).get(key) or turn.made.get(key)
    if not result:
        return ""
    head = f"<h3>{escape(task['task'])}{_about(task, state)}</h3>"
    if result["status"] != "done":
        error = result.get("error") or {}
        said = f"{error.get('message', '')} {error.get('hint', '')}".strip()
        word = "Failed" if result["status"] == "failed" else "Skipped"
        return (
            f'<section class="hg-result hg-bad" id="result-{key}">{head}'
            f"<p><b>{word}.</b> {escape(_error(said, state))}</p>{_why(key, turn, result)}"
            "</section>"
        )
    said = as_text(result["kind"], result["value"])
    resources = state.get("resources") or {}
    files = [resources.get(name) or {**_resource(name), "kind": result["kind"]}
             for name in result["files"]]  # fmt: skip
    seen = [media(each, f"{task['task']}: {said}") for each in files]
    if result["kind"] == "masks":  # the drawn picture, then a mask for each segment
        seen[1:] = [f'<div class="hg-masks">{"".join(seen[1:])}</div>'] if seen[1:] else []
    shown = "".join(seen)
    return (
        f'<section class="hg-result" id="result-{key}">{head}'
        f'<div class="hg-body">{_value(result, said)}{shown}</div>'
        f"{_why(key, turn, result)}</section>"
    )


def _about(task: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """The names of the files that a task reads."""
    resources = state.get("resources") or {}
    read = [resources[v]["path"] for v in task["args"].values()
            if isinstance(v, str) and v in resources]  # fmt: skip
    names = ", ".join("what was made" if _made(path) else Path(path).name for path in read)
    return f" <small>{escape(names)}</small>" if names else ""


def _made(path: str) -> bool:
    """Whether a file was made by a task: it is named by its content."""
    return re.fullmatch(r"[0-9a-f]{32}\.\w+", Path(path).name) is not None


def _named(item: Mapping[str, Any]) -> str:
    """A label, with the words that it stands for where it names a piece of a text."""
    words = str(item.get("text") or "")
    return f"{words[:60]} ({item['label']})" if words else str(item["label"])


def _value(result: Mapping[str, Any], said: str) -> str:
    value = result["value"]
    if result["kind"] in ("labels", "boxes") and isinstance(value, list) and value:
        rows = "".join(
            f"<li><span>{escape(_named(item))}</span>"
            f'<i style="--share:{float(item["score"]):.3f}" aria-hidden="true"></i>'
            f"<small>{float(item['score']):.2f}</small></li>"
            for item in value[:12]
        )
        return f'<ul class="hg-scores">{rows}</ul>'
    return f'<p class="hg-text">{escape(said[:4000])}</p>'


def _why(key: str, turn: Turn, result: Mapping[str, Any]) -> str:
    state = turn.state
    choice = (state.get("choices") or {}).get(key) or {}
    model = result.get("model") or choice.get("model") or "no model"
    others = [c for c in choice.get("candidates", []) if c["model"] != model]
    rows = "".join(
        f"<li><b>{escape(c['model'])}</b> {c['score']:.2f} <span>{escape(c['reason'])}</span></li>"
        for c in others
    )
    tried = "".join(
        f"<li><b>{escape(a['model'])}</b> {a['seconds']:.2f} s, {escape(a['route'])}"
        f"{': ' + escape(_error(a['error']['message'], state)) if 'error' in a else ''}</li>"
        for a in result.get("attempts") or []
    )
    runners = f"<h4>Runners-up</h4><ul>{rows}</ul>" if rows else "<p>There was no runner-up.</p>"
    return (
        f'<details class="hg-why"><summary><code>{escape(str(model))}</code>'
        f"<small>{result['seconds']:.1f} s</small></summary>"
        f"<p>{escape(str(choice.get('reason', '')))}</p>{runners}"
        f"{'<h4>Attempts</h4><ul>' + tried + '</ul>' if tried else ''}</details>"
    )


def _approval(review: Mapping[str, Any]) -> str:
    """The panel on which a plan is approved, edited or rejected."""
    action = review["action_requests"][0]
    edited = json.dumps(action["args"], indent=1, ensure_ascii=False)
    told = "".join(f"<p>{escape(each)}</p>" for each in action["description"].split("\n\n")[:-1])
    models = "".join(
        f"<li>{escape(str(task['id']))} {escape(task['task'])} "
        f"<code>{escape(str(action['args']['models'].get(str(task['id'])) or 'no model'))}</code>"
        "</li>"
        for task in action["args"]["tasks"]
    )
    return (
        f'<section class="hg-approve" aria-label="Approve the plan">{told}<h3>Run this plan?</h3>'
        f"<ul>{models}</ul><details><summary>Edit it</summary>"
        f'<textarea aria-label="Tasks and models as JSON" spellcheck="false">{escape(edited)}'
        '</textarea><button data-act="edit">Run as edited</button></details>'
        '<div class="hg-buttons"><button class="hg-go" data-act="approve">Run it</button>'
        '<button data-act="reject" data-value="">Do not run it</button></div>'
        '<div class="hg-anew"><input aria-label="What should be different" '
        'placeholder="What should be different?">'
        '<button data-act="reject">Plan anew</button></div></section>'
    )


def _stopped() -> str:
    return (
        '<p class="hg-stopped" role="status">Stopped. What was finished is kept.'
        ' <button data-act="continue">Continue</button></p>'
    )


def _answer(state: Mapping[str, Any]) -> str:
    seconds = (state.get("usage") or {}).get("seconds", 0.0)
    lines = [line for line in str(state["answer"]).split("\n")
             if line.strip() and not line.startswith("Models: ")]  # fmt: skip
    lines = _without_errors(lines, state)
    lines = [without_folders_of_errors(line, state) for line in lines]
    text = _paragraphs(_short_names(line, state) for line in lines)
    results = (state.get("results") or {}).values()
    used = {str(each.get("model")) for each in results if each["status"] == "done"}
    text += "".join(f'<p class="hg-limit">{escape(line)}</p>' for line in limits(used))
    return f'<div class="hg-answer" role="status">{text}<small>{seconds:.1f} s in all</small></div>'


def _without_errors(lines: list[str], state: Mapping[str, Any]) -> list[str]:
    """The answer's lines with one for all tasks that have an error: their cards say which."""
    results, lost = state.get("results") or {}, dict[str, list[str]]()
    for task in (state.get("plan") or {"tasks": []})["tasks"]:
        result = results.get(str(task["id"])) or {}
        if not (error := result.get("error")):
            continue
        head = f"{task['task']} (task {task['id']}) "
        left = [line for line in lines if not (line.startswith(head) and error["message"] in line)]
        if len(left) < len(lines):
            word = "Failed" if result["status"] == "failed" else "Skipped"
            lost.setdefault(word, []).append(task["task"])
        lines = left
    said = "".join(f"{word}: {', '.join(names)}. " for word, names in lost.items())
    return [*lines, f"{said}What was wrong is said below."] if lost else lines


def _paragraphs(lines: Iterable[str]) -> str:
    """Each line as a paragraph, lines that begin with a dash as a list; commands as such."""
    html = ""
    for listed, some in groupby(lines, lambda line: line.startswith("- ")):
        shown = [_CODE.sub(r"<code>\1</code>", escape(line.removeprefix("- "))) for line in some]
        html += f"<ul>{''.join(f'<li>{line}</li>' for line in shown)}</ul>" if listed else (
            "".join(f"<p>{line}</p>" for line in shown)
        )  # fmt: skip
    return html


def _short_names(text: str, state: Mapping[str, Any]) -> str:
    """The text with each file called by its name alone: people gave it, not its folder.

    What was made has no name that says anything: it is below, or was made before.
    """
    resources = state.get("resources") or {}
    here = {name for result in (state.get("results") or {}).values() for name in result["files"]}
    names = dict[str, str]()
    for key, each in resources.items():
        text = text.replace(f"{key} ({each['name']})", each["name"])
        path = each["path"]
        before = f"the {_KINDS.get(each['kind'], 'file')} made before"
        made = "the file below" if key in here else before
        names[path] = names[shown_path(path)] = made if _made(path) else Path(path).name
    for path in sorted(names, key=len, reverse=True):
        text = text.replace(path, names[path])
    text = re.sub(r"the file below(,? (and )?the file below)+", "the files below", text)
    text = re.sub(r"\bSee the files? below\.", "See below.", text)
    text = re.sub(r"(Drawn|Its wave is drawn|It is) in the files? below\.", _below, text)
    return text.replace("It is below. It is drawn below.", "It is below.")


def _error(message: str, state: Mapping[str, Any]) -> str:
    return without_folders(_short_names(message, state))


def _below(found: re.Match[str]) -> str:
    return "It is drawn below." if "rawn" in found[1] else "It is below."


def media(resource: Mapping[str, Any], said: str) -> str:
    """A file as people look at it or listen to it; a designed note where it is gone."""
    path, kind = Path(resource["path"]), resource["kind"]
    label = escape(said[:300], quote=True)
    if not path.is_file():
        name, again = escape(path.name), "Add it again to use it."
        if _made(str(path)):
            name, again = "What was made here", "Ask again to make it anew."
        return f'<p class="hg-gone"><b>{name}</b> is no longer on the disk. {again}</p>'
    url = _url(path)
    mime = mimetypes.guess_type(path.name)[0] or ""
    if kind in ("audio", "video") or mime.startswith(("audio/", "video/")):
        tag = "video" if mime.startswith("video/") else "audio"
        return f'<{tag} controls preload="metadata" aria-label="{label}" src="{url}"></{tag}>'
    if mime.startswith("image/") and (size := _size(str(path))):
        times = -(-SMALL // max(size))  # whole pixels, as sharp as they are
        drawn = _picture(str(path), said[:300], size, times)
        link = f'<a href="{url}" target="_blank" rel="noopener">{drawn}</a>'
        caption = f"<small>{size[0]} × {size[1]} pixels, enlarged</small>"
        return f'<span class="hg-small">{link}{caption}</span>' if times > 1 else link
    return f'<a class="hg-file" href="{url}" target="_blank" rel="noopener">{escape(path.name)}</a>'


@lru_cache(1024)
def _size(path: str) -> tuple[int, int] | None:
    """Width and height of a picture as it is shown, none where the file is only named as one."""
    try:
        with Image.open(path) as image:  # as a browser turns it
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
            return image.size[::-1] if turned else image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _picture(path: str, said: str, size: tuple[int, int] = (0, 0), times: int = 1) -> str:
    """A picture, one that is shown ``times`` as large with the size that it is shown at."""
    large = f' class="hg-pixels" width="{size[0] * times}" height="{size[1] * times}"'
    return (
        f'<img src="{_url(Path(path))}" alt="{escape(said, quote=True)}"'
        f"{large if times > 1 else ''}>"
    )


def _url(path: Path) -> str:
    return f"gradio_api/file={quote(str(path))}"
