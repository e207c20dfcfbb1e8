"""Every row of the table is a LangChain tool, and its named errors reach the caller."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from checkpoints import minilm
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from PIL import Image

from hugginggraph.registry import (
    EmptyFileError,
    FileMissingError,
    MissingArgumentError,
    ModelCard,
    UnknownArgumentError,
    UnknownModelError,
    UnknownTaskError,
    UnreadableFileError,
    WrongKindError,
    load_settings,
    task_types,
)
from hugginggraph.tools import Artifacts, ModelPool, TaskRunner, hugginggraph_tools

CANNY = ModelCard(id="opencv/canny", task="canny-control", library="opencv", description="")
LABELS = {"text": "The team won the final 3-1", "candidate_labels": ["politics", "sport"]}


def find(task: str, model: str | None, args: Mapping[str, Any]) -> ModelCard:
    if model == "no/such":
        raise UnknownModelError("No model 'no/such' in the registry.")
    return CANNY if task == "canny-control" else minilm(task)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> TaskRunner:
    folder = tmp_path_factory.mktemp("artifacts")
    return TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))


@pytest.fixture(scope="module")
def tools(runner: TaskRunner) -> dict[str, BaseTool]:
    return {tool.name: tool for tool in hugginggraph_tools(runner=runner, find_card=find)}


def test_there_is_one_tool_for_each_row(tools: dict[str, BaseTool]) -> None:
    assert list(tools) == list(task_types())
    for name, tool in tools.items():
        assert tool.description == task_types()[name].description


def test_a_tools_schema_is_made_from_the_slots(tools: dict[str, BaseTool]) -> None:
    schema = convert_to_openai_tool(tools["zero-shot-classification"])["function"]["parameters"]
    assert schema["required"] == ["text", "candidate_labels"]
    assert schema["properties"]["candidate_labels"]["items"] == {"type": "string"}
    assert set(schema["properties"]) == {"text", "candidate_labels", "model"}
    image = tools["object-detection"].args["image"]
    assert image["type"] == "string" and "path" in image["description"]


def test_named_tools_come_in_the_order_asked_for(runner: TaskRunner) -> None:
    names = ["summarization", "canny-control"]
    made = hugginggraph_tools(names, runner=runner, find_card=find)
    assert [tool.name for tool in made] == names
    with pytest.raises(UnknownTaskError, match="summarization"):
        hugginggraph_tools(["sumarization"], runner=runner, find_card=find)


def test_a_tool_call_gives_a_message_with_the_result_beside_it(
    tools: dict[str, BaseTool],
) -> None:
    name = "zero-shot-classification"
    message = tools[name].invoke({"name": name, "args": LABELS, "id": "7", "type": "tool_call"})
    assert isinstance(message, ToolMessage) and message.tool_call_id == "7"
    assert str(message.content).startswith("sport (0.")
    assert message.artifact["value"][0]["label"] == "sport"
    assert message.artifact["model"] == "sentence-transformers/all-MiniLM-L6-v2"


async def test_a_tool_runs_from_async_code_too(tools: dict[str, BaseTool]) -> None:
    assert (await tools["zero-shot-classification"].ainvoke(LABELS)).startswith("sport (0.")


def test_files_made_are_named_in_the_content(tools: dict[str, BaseTool], tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    content = tools["canny-control"].invoke({"image": str(tmp_path / "red.png")})
    assert content.startswith("a picture of 20 × 20 pixels")
    assert Path(content.rpartition("image file: ")[2]).is_file()


def test_an_agent_can_call_the_tools(tools: dict[str, BaseTool]) -> None:
    from langchain.agents import create_agent

    call = {"name": "zero-shot-classification", "args": LABELS, "id": "7", "type": "tool_call"}

    class Chat(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **more: Any) -> Any:
            return self

    chat = Chat(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("It is sport.")]))
    agent: Any = create_agent(chat, list(tools.values()))
    messages = agent.invoke({"messages": [("user", "What is this about?")]})["messages"]
    assert isinstance(messages[2], ToolMessage) and "sport" in str(messages[2].content)
    assert messages[3].content == "It is sport."


def test_named_errors_reach_a_direct_caller(tools: dict[str, BaseTool], tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.png").write_text("words")
    detect = tools["object-detection"]
    for name, error in (
        ("empty.png", EmptyFileError),
        ("notes.png", UnreadableFileError),
        ("none.png", FileMissingError),
    ):
        with pytest.raises(error, match=name):
            detect.invoke({"image": str(tmp_path / name)})
    with pytest.raises(UnknownModelError):
        tools["summarization"].invoke({"text": "words", "model": "no/such"})


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ({"candidate_labels": ["a"]}, MissingArgumentError, "needs 'text'"),
        ({"text": "a", "candidate_labels": []}, MissingArgumentError, "empty list"),
        ({"text": " ", "candidate_labels": ["a"]}, MissingArgumentError, "'text' .* is empty"),
        ({"text": "a", "candidate_labels": "a, b"}, WrongKindError, "takes a list of texts"),
        ({"text": ["a"], "candidate_labels": ["a"]}, WrongKindError, "takes a text"),
        ({"text": "a", "candidate_labels": [1]}, WrongKindError, "takes a text"),
        ({**LABELS, "style": "short"}, UnknownArgumentError, "no argument 'style'"),
    ],
)
def test_arguments_are_checked_by_name_and_kind(
    runner: TaskRunner, args: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        runner.run("zero-shot-classification", args, minilm("zero-shot-classification"))


def test_the_room_opens_without_heavy_libraries() -> None:
    code = (
        "import sys, hugginggraph.tools as t; [getattr(t, name) for name in t.__all__]; "
        "heavy = {'torch', 'transformers', 'PIL', 'cv2', 'chromadb', 'langchain_core'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_loading_and_running_write_nothing_to_the_terminal(
    tools: dict[str, BaseTool], capfd: pytest.CaptureFixture[str]
) -> None:
    tools["summarization"].invoke({"text": "One thing. Another thing. A third thing."})
    assert capfd.readouterr() == ("", "")
