"""A single task type is a tool of any LangChain agent; only the LLM is scripted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from hugginggraph.graph import Parts, build_graph
from hugginggraph.registry import FileMissingError, Settings
from hugginggraph.tools import hugginggraph_tools

SCENE = str(Path(__file__).parents[1] / "examples" / "scene.png")


class Scripted(GenericFakeChatModel):
    """A chat model that says its lines and is told what tools there are."""

    offered: list[str] = []  # noqa: RUF012 - a pydantic field

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        self.offered = [tool.name for tool in tools]
        return self


def test_an_agent_calls_a_task_type_and_reads_its_result(
    settings: Settings,
) -> None:
    tools = hugginggraph_tools(["object-detection", "canny-control"], settings=settings)
    call = ToolCall(name="object-detection", args={"image": SCENE}, id="1", type="tool_call")
    lines = [AIMessage("", tool_calls=[call]), AIMessage("There are five objects.")]
    model = Scripted(messages=iter(lines))
    agent = create_agent(model, tools=tools)
    out = agent.invoke({"messages": [HumanMessage("What is in the picture?")]})
    kinds = [message.type for message in out["messages"]]
    assert kinds == ["human", "ai", "tool", "ai"]
    assert model.offered == ["object-detection", "canny-control"]
    seen = out["messages"][2]
    assert "orange heart" in seen.text and seen.artifact["model"] == "hugginggraph/shapes-detector"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_a_model_asked_for_wrongly_is_told_to_it_and_it_can_ask_again(
    settings: Settings, asynchronous: bool
) -> None:
    tools = hugginggraph_tools(["object-detection"], settings=settings)
    calls = [
        ToolCall(name="object-detection", args={"image": image}, id=image, type="tool_call")
        for image in ("no-such.png", SCENE)
    ]
    lines = [*(AIMessage("", tool_calls=[call]) for call in calls), AIMessage("Five objects.")]
    agent = create_agent(Scripted(messages=iter(lines)), tools=tools)
    given: Any = {"messages": [HumanMessage("What is in the picture?")]}
    out = await agent.ainvoke(given) if asynchronous else agent.invoke(given)
    told, seen = (message for message in out["messages"] if isinstance(message, ToolMessage))
    assert (told.status, told.text) == ("error", "There is no file 'no-such.png'. Check the path.")
    assert told.artifact["error"] == "FileMissingError"
    assert seen.status == "success" and "orange heart" in seen.text
    with pytest.raises(FileMissingError):  # who calls a tool as code gets the error itself
        tools[0].invoke({"image": "no-such.png"})


def test_a_graph_whose_tools_tell_their_errors_does_not_take_them_for_results(
    settings: Settings,
) -> None:
    class WithToolsOfAgents(Parts):
        @property
        def tools(self) -> dict[str, BaseTool]:
            return {tool.name: tool for tool in hugginggraph_tools(settings=self.settings)}

    nowhere = settings.model_copy(update={"artifacts_dir": Path("/proc/nowhere")})
    graph = build_graph(parts=WithToolsOfAgents(nowhere))
    out = graph.invoke({"request": f"Count the objects in {SCENE}"})
    assert out["status"] == "failed"
    assert "artifacts folder '/proc/nowhere' cannot be written" in out["answer"]
