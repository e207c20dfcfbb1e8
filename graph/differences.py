"""Where two models see different things in one picture: a caption against what a detector found.

Only things that the detector has a label for count, and only where its labels lie in a folder of an
installed package. Not covered: how many there are, and captions in another language than English.
"""

from __future__ import annotations

import re

from hugginggraph.registry import task_types
from hugginggraph.tools import as_text, listed, plural

from .existence import known_labels
from .state import State, Task


def differences(tasks: list[Task], state: State) -> list[str]:
    """A sentence for each caption that names what the detector of the same picture did not find."""
    rows, results = task_types(), state["results"]
    captions = [t for t in tasks if t["task"] == "image-to-text"]
    seen = [t for t in tasks if rows[t["task"]].output == "boxes"]
    lines: list[str] = []
    for caption in captions:
        for other in seen:
            if caption["args"].get("image") != other["args"].get("image"):
                continue
            result, said = results[str(other["id"])], str(results[str(caption["id"])]["value"])
            found = {box["label"].lower() for box in result["value"]}
            known = known_labels(result.get("model", ""))
            missed = sorted(label for label in known - found if _names(said, label))
            if missed:
                file = (state.get("resources") or {}).get(str(caption["args"].get("image")))
                picture = file["name"] if file else "one picture"
                shown = as_text("boxes", result["value"])
                lines.append(
                    f"Two models differ about {picture}: {caption['task']} names "
                    f"{listed(missed)}, and {other['task']} found {shown}. Either may be wrong."
                )
    return lines


def _names(text: str, label: str) -> bool:
    """Whether a text has a label, or its plural, as words of its own."""
    return bool(re.search(rf"\b(?:{re.escape(label)}|{re.escape(plural(label))})\b", text, re.I))
