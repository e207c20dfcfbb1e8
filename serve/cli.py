"""The command line: ``hugginggraph run``, ``plan``, ``chat``, ``models``, ``tasks``, ``doctor``,
``eval``.

Only typer and rich are imported at the top, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from .evaluate import evaluate
from .starter import starter

if TYPE_CHECKING:
    from hugginggraph.registry import CardStore, Settings

    from .session import Session

app = typer.Typer(
    help="Ask in plain words; Hugging Face models do the work.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(help="Search and build the registry of model cards.", no_args_is_help=True)
app.add_typer(models, name="models")
app.add_typer(evaluate, name="eval")
app.add_typer(starter, name="starter")

Request = Annotated[str, typer.Argument(help='What you want, in plain words; "-" reads stdin.')]
Files = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", help="A picture, sound, video or text to work on; repeatable."),
]
Llm = Annotated[
    str | None,
    typer.Option(help="Controller LLM as provider:model, e.g. openai:gpt-4o-mini. Default: none."),
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


def stopped(thread: str = "") -> NoReturn:
    """Leave at once after Ctrl-C, whatever threads are still working."""
    again = f" `hugginggraph resume {thread}` goes on from here." if thread else ""
    Console(stderr=True, highlight=False).print(f"\n[yellow]Stopped.[/]{again}")
    sys.stdout.flush()
    os._exit(130)


def settings_for(
    llm: str | None = None, planner: str | None = None, debug: bool = False
) -> Settings:
    """The settings of the environment with the command's own on top."""
    from hugginggraph.registry import load_settings

    if debug:
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False, rich_tracebacks=True)
        logging.basicConfig(level="WARNING", format="%(message)s", handlers=[handler])
        logging.getLogger("hugginggraph").setLevel("DEBUG")
    return load_settings(llm=llm, planner=planner)


def read_request(request: str) -> str:
    """The request, or standard input for ``-``."""
    return sys.stdin.read() if request == "-" else request


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
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Plan a request, choose models, run them and print the answer."""
    from .session import Session

    settings = settings_for(llm, planner, debug)
    pins = read_pins(model)
    with Session(settings, show=not json_, thread=thread) as session:
        try:
            state = session.run(read_request(request), _paths(file), {"models": pins})
        except KeyboardInterrupt:
            stopped(session.thread)
    finish(state, json_)


@app.command()
def resume(
    thread: Annotated[str | None, typer.Argument(help="Default: the last unfinished.")] = None,
    llm: Llm = None,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Go on with a run that was stopped or killed; what was finished is not done again."""
    from .session import Session

    settings = settings_for(llm, None, debug)
    with Session(settings, show=not json_, thread=thread) as session:
        if thread is None:
            left = [found["name"] for found in session.threads() if found["unfinished"]]
            if not left:
                Console().print("No run is left unfinished.")
                raise typer.Exit(0)
            session.thread = left[0]
        try:
            state = session.resume({})
        except KeyboardInterrupt:
            stopped(session.thread)
    finish(state, json_)


@app.command()
def threads() -> None:
    """List the latest threads, the one last worked on first."""
    from .session import Session

    console = Console(highlight=False)
    with Session(settings_for(), show=False) as session:
        listed = session.threads()
    for found in listed:
        mark = "[yellow]unfinished[/]" if found["unfinished"] else "[green]done[/]"
        request = " ".join(found["request"].split())[:80]
        console.print(f"[bold]{escape(found['name'])}[/]  {mark}  {escape(request)}")


def finish(state: dict[str, Any], json_: bool) -> NoReturn:
    """Print a finished run and leave with its exit code."""
    if json_:
        print_json(as_json(state))
    else:
        say(state["answer"])
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
    debug: Debug = False,
) -> None:
    """Talk: each request sees the files and answers of the ones before."""
    from .session import Session

    with Session(settings_for(llm, planner, debug), show=True, thread=thread) as session:
        talk(session, _paths(file))
        sys.stdout.flush()
        os._exit(0)  # a run that was stopped may still have threads at work


def talk(session: Session, files: list[str]) -> None:
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
            state = session.run(request, files, {})
        except KeyboardInterrupt:
            console.print("[yellow]Stopped.[/] Ask again, or leave with exit.")
            continue
        files = []
        say(state["answer"])
    console.print(f"[dim]Good bye. `hugginggraph chat --thread {session.thread}` goes on.")


@app.command()
def tasks(json_: Json = False) -> None:
    """List the task types: what can be asked, with inputs and output."""
    from hugginggraph.registry import task_types

    from .terminal import task_table

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
                }
                for row in rows
            ]
        )
    else:
        Console().print(task_table(rows))


@app.command()
def doctor() -> None:
    """Check this machine: versions, device, memory, disk, registry, models and LLM."""
    from .doctor import examine

    ok = examine(settings_for(), Console(highlight=False, soft_wrap=True))
    raise typer.Exit(0 if ok else 1)


@models.command()
def search(
    query: Annotated[str, typer.Argument(help="What the model should do, in plain words.")],
    task: Annotated[str | None, typer.Option("--task", "-t", help="Only this task type.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="How many.")] = 10,
    json_: Json = False,
) -> None:
    """Find models by meaning."""
    from hugginggraph.registry import SettingsError, search as find

    from .terminal import card_table

    if not query.strip():
        raise SettingsError("The query is empty.", "Say what the model should do.")
    settings = settings_for()
    found = find(open_store(settings), query, task=task, k=k, settings=settings)
    if json_:
        print_json(
            [
                {
                    **c.card.model_dump(mode="json", exclude={"path"}),
                    "score": round(c.score, 4),
                    "local": c.local,
                    "obstacle": c.obstacle,
                }
                for c in found
            ]
        )
    else:
        Console().print(card_table(found))


@models.command()
def build(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Start from nothing.")] = False,
) -> None:
    """Build the store of model cards; done already, it takes no time."""
    store = open_store(settings_for(), rebuild=rebuild)
    Console().print(f"The registry holds {len(store.all_cards())} models.")


@models.command()
def sync(
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "-t", help="Only this task type of the Hub; repeatable."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many of each task, most downloaded first.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only what changed since this day."),
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="Import JSON lines instead of asking the Hub.")
    ] = None,
    json_: Json = False,
) -> None:
    """Bring the registry up to date with the Hub; broken off, it goes on where it was."""
    from dataclasses import asdict

    from hugginggraph.registry import RegistryError, hub_reachable, import_file, sync as fetch

    from .terminal import sync_summary, syncing

    settings = settings_for()
    with syncing() as progress:
        if from_ is not None:
            report = import_file(settings.registry_dir, from_, progress=progress)
        elif not hub_reachable(settings.offline):
            raise RegistryError(
                "The Hub cannot be reached." if not settings.offline else "Offline is set.",
                "The packaged catalogue serves meanwhile; `--from FILE` imports cards from a file.",
            )
        else:
            day = since.date().isoformat() if since else ""
            report = fetch(
                settings.registry_dir, tasks=task or (), limit=limit, since=day, progress=progress
            )
    store = open_store(settings)
    if json_:
        print_json({**asdict(report), "models": len(store)})
    else:
        Console(highlight=False).print(sync_summary(report, len(store)), soft_wrap=True)


def open_store(settings: Settings, *, rebuild: bool = False) -> CardStore:
    """The registry's store, with a progress bar while it is built."""
    from hugginggraph.registry import CardStore

    from .terminal import building

    with building() as progress:
        return CardStore.open(settings.registry_dir, progress=progress, rebuild=rebuild)


def _paths(files: list[Path] | None) -> list[str]:
    return [str(path) for path in files or []]


def as_json(state: dict[str, Any]) -> dict[str, Any]:
    """A finished run in the shape that ``run --json`` promises."""
    plan = state.get("plan") or {}
    out = {
        "status": state["status"],
        "answer": state["answer"],
        "plan": plan,
        "models": state.get("choices") or {},
        "results": state.get("results") or {},
        "resources": state.get("resources") or {},
        "usage": state["usage"],
    }
    return {**out, "error": state["error"]} if state.get("error") else out


def print_json(value: Any) -> None:
    """JSON on stdout, plain, whatever the terminal."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def exit_code(state: dict[str, Any]) -> int:
    """0 where everything was done, 2 where the input is at fault, else 1."""
    from hugginggraph.registry import HuggingGraphError

    if state.get("error"):
        return HuggingGraphError.from_json(state["error"]).exit_code
    return 0 if state.get("status") == "done" else 1


if __name__ == "__main__":
    main()
