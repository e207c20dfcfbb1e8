"""The command line: ``hugginggraph run``, ``plan``, ``chat``, ``models``, ``tasks``, ``doctor``,
``eval``.

Only typer and rich are imported at the top, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from .cache import cache
from .evaluate import evaluate
from .models import models
from .server import listen
from .starter import starter

if TYPE_CHECKING:
    from hugginggraph.graph import Context
    from hugginggraph.registry import Settings

    from .session import Session

app = typer.Typer(
    help="Ask in plain words; Hugging Face models do the work.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models, name="models")
app.add_typer(cache, name="cache")
app.add_typer(evaluate, name="eval")
app.command("serve")(listen)
app.add_typer(starter, name="starter")

Request = Annotated[
    list[str],
    typer.Argument(metavar="request", help='What you want, in plain words; "-" reads stdin.'),
]
Files = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", help="A picture, sound, video or text to work on; repeatable."),
]
Llm = Annotated[
    str | None,
    typer.Option(
        help="Controller LLM as provider:model, e.g. openai:gpt-4o-mini. "
        "Default: HUGGINGGRAPH_LLM, else none."
    ),
]
Planner = Annotated[str | None, typer.Option(help="auto, llm or builtin.")]
Pins = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="Use this model: TASK=OWNER/NAME; repeatable."),
]
ThreadName = Annotated[
    str | None,
    typer.Option("--thread", help="Go on with this thread, or start one of this name."),
]
Approve = Annotated[
    bool, typer.Option("--approve", help="Show the plan with its models and ask before it runs.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show what happens inside, and tracebacks.")]


def main() -> None:
    """Run the command line; every error ends in plain words and an exit code of 1 or 2."""
    from hugginggraph.registry import HuggingGraphError

    set_environment()
    try:
        app()
    except HuggingGraphError as exc:
        if "--debug" in sys.argv:
            raise
        fail(exc.message, exc.hint)
        sys.exit(exc.exit_code)
    except KeyboardInterrupt:
        stopped()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def set_environment() -> None:
    """Keep progress bars and telemetry of libraries out of a terminal that is ours.

    Idle threads of OpenMP must not spin either: on a busy machine that costs a model ten times its
    time, and it can only be set before torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def fail(message: str, hint: str = "") -> None:
    """One error on stderr, in the form of all errors."""
    text = f"[bold red]Error:[/] {escape(message)}"
    Console(stderr=True, highlight=False).print(f"{text} {escape(hint)}".strip(), soft_wrap=True)


def say(answer: str) -> None:
    """The answer on stdout: wrapped at words for a person, as it is for a program."""
    console = Console(highlight=False)
    console.print(escape(answer), soft_wrap=not console.is_terminal)


def tell(state: dict[str, Any]) -> None:
    """The answer of a run, and the pictures it made where the terminal can draw them."""
    from .pictures import show_pictures

    say(state["answer"])
    show_pictures(state)


def stopped(thread: str = "") -> NoReturn:
    """Leave at once after Ctrl-C, whatever threads are still working."""
    again = f" `hugginggraph resume {thread}` goes on from here." if thread else ""
    Console(stderr=True, highlight=False).print(f"\n[yellow]Stopped.[/]{again}")
    sys.stdout.flush()
    os._exit(130)


def settings_for(
    llm: str | None = None,
    planner: str | None = None,
    debug: bool = False,
    chroma_url: str | None = None,
) -> Settings:
    """The settings of the environment with the command's own on top."""
    from hugginggraph.registry import load_settings

    if debug:
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False, rich_tracebacks=True)
        logging.basicConfig(level="WARNING", format="%(message)s", handlers=[handler])
        logging.getLogger("hugginggraph").setLevel("DEBUG")
    return load_settings(llm=llm, planner=planner, chroma_url=chroma_url)


def read_request(words: list[str]) -> str:
    """The request, whether or not its words came in quotes, or standard input for ``-``."""
    return sys.stdin.read() if words == ["-"] else " ".join(words)


def read_pins(pins: list[str] | None) -> dict[str, str]:
    """``TASK=OWNER/NAME`` options as a dictionary.

    Raises:
        SettingsError: one is not of that form.
        UnknownTaskError: one names a task type that does not exist.
    """
    from hugginggraph.registry import SettingsError, task_type

    out: dict[str, str] = {}
    for pin in pins or []:
        task, _, model = pin.partition("=")
        if not model:
            raise SettingsError(
                f"'--model {pin}' is not of the form TASK=OWNER/NAME.",
                "For example --model object-detection=facebook/detr-resnet-50.",
            )
        out[task_type(task.strip()).id] = model.strip()
    return out


@app.command()
def run(
    request: Request,
    file: Files = None,
    llm: Llm = None,
    planner: Planner = None,
    model: Pins = None,
    thread: ThreadName = None,
    approve: Approve = False,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Plan a request, choose models, run them and print the answer."""
    from .session import Session

    settings = settings_for(llm, planner, debug)
    pins = read_pins(model)
    with Session(settings, show=not json_, thread=thread) as session:
        try:
            context = _context(approve, pins)
            state = session.run(read_request(request), _paths(file), context)
            state = state if json_ else decided(session, state, context)
        except KeyboardInterrupt:
            stopped(session.thread)
    finish(state, json_, session.thread)


@app.command()
def resume(
    thread: Annotated[str | None, typer.Argument(help="Default: the last unfinished.")] = None,
    llm: Llm = None,
    decision: Annotated[
        str | None,
        typer.Option(help="On a plan that waits for approval: approve, reject, or JSON."),
    ] = None,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Go on with a run that was stopped, killed or waits for approval; nothing is done twice."""
    from .approval import read_option
    from .session import Session

    settings = settings_for(llm, None, debug)
    with Session(settings, show=not json_, thread=thread) as session:
        if thread is None:
            left = [found for found in session.threads() if found["status"] == "unfinished"]
            if not left:
                Console().print("No run is left unfinished.")
                raise typer.Exit(0)
            session.thread = left[0]["name"]
            told = f"Going on with [bold]{session.thread}[/]: {escape(left[0]['request'][:80])}"
            Console(stderr=True, highlight=False).print(told, soft_wrap=True)
        try:
            if decision is None:
                state = session.resume({})
            else:
                state = session.decide(read_option(decision), {})
            state = state if json_ else decided(session, state, {})
        except KeyboardInterrupt:
            stopped(session.thread)
    finish(state, json_, session.thread)


@app.command()
def threads(
    delete: Annotated[
        list[str] | None, typer.Option("--delete", help="Remove this thread; repeatable.")
    ] = None,
    older: Annotated[
        float | None,
        typer.Option(
            "--delete-older-than",
            metavar="DAYS",
            min=0.0,
            help="Remove the threads that were last worked on more than DAYS ago; those of a "
            "server, and any that may be at work, stay.",
        ),
    ] = None,
) -> None:
    """List the latest threads, the one last worked on first."""
    from .session import Session

    console = Console(highlight=False)
    with Session(settings_for(), show=False) as session:
        if delete:
            session.delete(delete)
        if older is not None:
            console.print(f"[dim]Threads removed: {session.delete_older(older)}")
        listed = session.threads()
    for found in listed:
        colour = {"done": "green", "failed": "red"}.get(found["status"], "yellow")
        mark = f"[{colour}]{found['status']}[/]"
        asked = escape(" ".join(found["request"].split())[:200])
        line = f"[bold]{escape(found['name'])}[/]  {mark}  {asked}"
        cut = console.is_terminal  # else a whole line each, whoever reads it
        console.print(line, no_wrap=True, overflow="ellipsis" if cut else "ignore", crop=cut)


def _context(approve: bool, pins: dict[str, str] | None = None) -> Context:
    out: Context = {"models": pins or {}}
    return {**out, "approve": True} if approve else out


def decided(session: Session, state: dict[str, Any], context: Context) -> dict[str, Any]:
    """The state once a person has decided about every plan that waits for it."""
    from .approval import ask
    from .session import waiting

    while request := waiting(state):
        decision = ask(Console(stderr=True, highlight=False), request)
        if decision is None:
            break
        state = session.decide(decision, context)
    return state


def finish(state: dict[str, Any], json_: bool, thread: str) -> NoReturn:
    """Print a finished run, or how to go on with one that waits, and leave with its exit code."""
    waits = bool(state.get("__interrupt__"))
    if json_:
        print_json({**as_json(state), "thread": thread} if waits else as_json(state))
    elif waits:
        say(f"Nothing was run. `hugginggraph resume {thread}` asks again.")
    else:
        tell(state)
    raise typer.Exit(exit_code(state))


@app.command()
def plan(
    request: Request,
    file: Files = None,
    llm: Llm = None,
    planner: Planner = None,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Show the plan for a request without running it."""
    from .session import Session
    from .terminal import plan_tree

    session = Session(settings_for(llm, planner, debug), show=False)
    try:
        state = session.plan(read_request(request), _paths(file))
    except KeyboardInterrupt:
        stopped()
    found = state.get("plan") or {}
    if json_:
        shape = {"tasks": [], "valid": False, "repairs": [], "confidence": 0.0}
        out = {key: found.get(key, default) for key, default in shape.items()}
        errors = [state["error"]] if state.get("error") else found.get("errors") or []
        print_json({**out, "errors": errors} if errors else out)
    elif state.get("error") or not found.get("valid"):
        say(state["answer"])
    else:
        Console(highlight=False).print(plan_tree(found, state.get("resources") or {}))
    failed = bool(state.get("error")) or (bool(found.get("tasks")) and not found.get("valid"))
    raise typer.Exit(exit_code(state) if failed else 0)


@app.command()
def chat(
    llm: Llm = None,
    planner: Planner = None,
    file: Files = None,
    thread: ThreadName = None,
    approve: Approve = False,
    debug: Debug = False,
) -> None:
    """Talk: each request sees the files and answers of the ones before."""
    from .session import Session

    with Session(settings_for(llm, planner, debug), show=True, thread=thread) as session:
        talk(session, _paths(file), _context(approve))
        sys.stdout.flush()
        os._exit(0)  # a run that was stopped may still have threads at work


def talk(session: Session, files: list[str], context: Context) -> None:
    """Requests from the terminal, one after the other, until the person leaves."""
    console = Console(highlight=False)
    console.print("[dim]Ask in plain words and name files in the text. Leave with exit or Ctrl-D.")
    while True:
        try:
            request = console.input("[bold cyan]you ›[/] ").strip()
        except (EOFError, KeyboardInterrupt):
            break
        if request.lower() in ("exit", "quit", "bye"):
            break
        if not request:
            continue
        try:
            state = decided(session, session.run(request, files, context), context)
        except KeyboardInterrupt:
            console.print("[yellow]Stopped.[/] Ask again, or leave with exit.")
            continue
        files = []
        if state.get("__interrupt__"):
            say("Nothing was run.")
        else:
            tell(state)
    console.print(f"[dim]Good bye. `hugginggraph chat --thread {session.thread}` goes on.")


@app.command()
def tasks(
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List the task types: what can be asked, with inputs and output."""
    from hugginggraph.registry import task_types

    from .terminal import show_tasks

    rows = list(task_types().values())
    if json_:
        print_json(
            [
                {
                    "id": row.id,
                    "description": row.description,
                    "inputs": {
                        s.name: {"kind": s.kind, "many": s.many, "required": s.required}
                        for s in row.inputs
                    },
                    "output": row.output,
                    "routes": row.routes,
                }
                for row in rows
            ]
        )
    else:
        show_tasks(Console(highlight=False), rows)


@app.command()
def doctor() -> None:
    """Check this machine: versions, device, memory, disk, registry, models and LLM."""
    from .doctor import examine

    ok = examine(settings_for(), Console(highlight=False, soft_wrap=True))
    raise typer.Exit(0 if ok else 1)


def _paths(files: list[Path] | None) -> list[str]:
    return [str(path) for path in files or []]


def as_json(state: dict[str, Any]) -> dict[str, Any]:
    """A finished run in the shape that ``run --json`` promises."""
    plan, stops = state.get("plan") or {}, state.get("__interrupt__")
    out = {
        "status": "interrupted" if stops else state["status"],
        "answer": state.get("answer") or "",
        "plan": plan,
        "models": state.get("choices") or {},
        "results": state.get("results") or {},
        "resources": state.get("resources") or {},
        "usage": state["usage"],
    }
    if state.get("replans"):
        out["replans"] = state["replans"]
    if stops:
        out["interrupt"] = stops[0].value
    return {**out, "error": state["error"]} if state.get("error") else out


def print_json(value: Any) -> None:
    """JSON on stdout, plain, whatever the terminal."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def exit_code(state: dict[str, Any]) -> int:
    """0 where everything was done or waits as asked, 2 where the input is at fault, else 1."""
    from hugginggraph.registry import HuggingGraphError

    if state.get("__interrupt__"):
        return 0
    if state.get("error"):
        return HuggingGraphError.from_json(state["error"]).exit_code
    return 0 if state.get("status") == "done" else 1


if __name__ == "__main__":
    main()
