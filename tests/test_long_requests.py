"""No request and no answer of an LLM takes long to read: meanwhile nobody else is served.

Not covered: quoted texts, which the tests of the planner's words hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from hugginggraph.graph import Aloud, Fact, Grounding, PlanRequest, unfounded
from hugginggraph.graph.builtin_planner import plan
from hugginggraph.graph.builtin_planner.cues import cues
from hugginggraph.graph.builtin_planner.files import has_path
from hugginggraph.graph.builtin_planner.followups import complete
from hugginggraph.graph.builtin_planner.rejected import without_named
from hugginggraph.graph.existence import yes_or_no
from hugginggraph.graph.ground import words_of
from hugginggraph.graph.ingest import named_files
from hugginggraph.graph.planner import Setback
from hugginggraph.graph.references import references, whole_reference
from hugginggraph.graph.restrictions import unkept
from hugginggraph.registry import task_types

LONG = 30_000
"""Characters; a third of the most that are taken."""


def quick(work: Callable[..., Any], *given: Any) -> Any:
    cues()
    start = time.process_time()
    found = work(*given)
    assert time.process_time() - start < 1
    return found


@pytest.mark.parametrize(
    ("head", "blanks"),
    [
        ("Summarize. Context: a", "\n"),
        ("Summarize. Context: a", "\n "),
        ("Classify 'a b'. Labels: a", " "),
        ("Classify 'a b'. Labels: a,", "\n "),
        ("Embed these texts: a", " "),
        ("Embed these texts: a;", " "),
    ],
)
def test_blanks_within_a_text_are_read_in_no_time(head: str, blanks: str) -> None:
    text = f"{head}{blanks * (LONG // len(blanks))}b"
    assert quick(plan, PlanRequest(text), task_types()).tasks


@pytest.mark.parametrize("repeated", ["-", "~", "-a", "-/", "..", "\\", "a:", "~a"])
def test_what_looks_like_a_path_is_read_in_no_time(repeated: str) -> None:
    text = repeated * (LONG // len(repeated))
    assert quick(named_files, f"{text} b.png") == ["b.png"]
    assert not quick(has_path, text)
    assert has_path(f"{text} b.png")


@pytest.mark.parametrize("repeated", [",", " and", " or", " ", ", and", " “", ' "', " 'a", "'a"])
def test_a_long_request_is_gone_on_from_in_no_time(repeated: str) -> None:
    before = f"Describe this picture{repeated * (LONG // len(repeated))} x"
    request = PlanRequest("and the second one?", history=(("human", before), ("ai", "Well.")))
    assert quick(complete, request) == before.replace("this picture", "the second one")


@pytest.mark.parametrize("repeated", [' "a', " 'a", " “a"])
def test_a_long_request_is_held_against_its_summary_in_no_time(repeated: str) -> None:
    state: Any = {
        "plan": {"tasks": [{"id": 0, "task": "summarization"}]},
        "results": {"0": {"status": "done", "kind": "text", "value": "One. Two.", "files": []}},
        "request": f"Summarize in one sentence{repeated * (LONG // len(repeated))}",
    }
    assert len(quick(unkept, state)) == 1
    assert len(quick(unkept, {**state, "request": f"{state['request']}'"})) == 1


@pytest.mark.parametrize("repeated", ["-", "a-", "- ", ".abc", "a "])
def test_a_long_question_is_no_question_for_yes_or_no(repeated: str) -> None:
    asked = f"Is there a circle{repeated * (LONG // len(repeated))} b c d e"
    state: Any = {"request": asked, "results": {"0": {"kind": "boxes", "value": []}}}
    assert quick(yes_or_no, state) == ""


@pytest.mark.parametrize("repeated", ["[<", "a<b>", "<think>x</think>", "x</think>", "<|end|>"])
def test_what_an_llm_says_is_passed_on_in_no_time(repeated: str) -> None:
    def passed_on(text: str) -> str:
        told: list[str] = []
        aloud = Aloud(told.append)
        for start in range(0, len(text), 4):
            aloud.take(text[start : start + 4])
        aloud.finish()
        return "".join(told)

    assert quick(passed_on, "<|end|>" + repeated * (LONG // len(repeated)) + "</think> Well.")


@pytest.mark.parametrize("repeated", ["word ", "a [1] ", "[<", ". "])
def test_an_answer_without_an_end_of_a_sentence_is_tied_in_no_time(repeated: str) -> None:
    def tied(text: str) -> str:
        grounding = Grounding({0: Fact("A word.")}, ())
        return "".join(grounding.take(text[at : at + 4]) for at in range(0, len(text), 4))

    said = quick(tied, repeated * (LONG // len(repeated)) + "word is last. A word.")
    assert not said or said.endswith("is last [0]. ")


@pytest.mark.parametrize("repeated", ["17 ", "about 17 ", "“a ", "„a ", "« a ", "「a", " ‘a ", "9"])
def test_what_an_answer_claims_is_looked_up_in_no_time(repeated: str) -> None:
    fact = Fact(" ".join(map(str, range(2000, 4000))), "boxes", [{"label": "fox"}])
    said = repeated * (LONG // len(repeated)) + " 2017 foxes"
    assert quick(unfounded, said, [fact])


MANY = "9" * 5000
"""More digits than Python makes a number of."""


def test_thousands_of_digits_are_no_number_and_no_reference() -> None:
    assert references(f"<resource>-{MANY} <resource>-7") == [7]
    assert whole_reference(f"<resource>-{MANY}") is None
    assert words_of(f"{MANY} 7") == {MANY, "7", "seven"}
    boxes = Fact("", "boxes", [{"label": "fox", "score": 0.9}])
    assert unfounded(f"There are {MANY} foxes and {MANY} objects.", [boxes])
    assert without_named(Setback([], reason=f"Without task {MANY}."), task_types()) in (None, [])
    state: Any = {
        "plan": {"tasks": [{"id": 0, "task": "summarization"}]},
        "results": {"0": {"status": "done", "kind": "text", "value": "One. Two.", "files": []}},
        "request": f"Summarize it in {MANY} words",
    }
    assert unkept(state) == []
    state["request"] = "Summarize it in 1 word"
    assert len(unkept(state)) == 1
    for request in (f"Describe picture {MANY}", f"Describe the {MANY}th picture"):
        picture: Any = {"kind": "image", "path": "a.png", "name": "a.png"}
        plan(PlanRequest(request, {"r1": picture, "r2": picture}), task_types())
