"""A single task type is a tool of any LangChain agent; only the LLM is scripted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolCall
from langchain_core.runnables import Runnable

from hugginggraph.registry import Settings
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
