"""Runners that read tables: scikit-learn models saved by skops, and TAPAS for questions.

Pickles (.pkl, .pickle, .joblib) can run any code when they are opened, so they are refused by
name; a skops file is opened only where all of its types are among those that skops trusts. Those
are not decision trees, whose content scikit-learn does not check (its pull request 34558), so
forests and boosted trees are refused too, unless the person allows the model by its name.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hugginggraph.registry import MissingExtraError, ModelLoadError, ModelRunError

from .loading import load_model, load_tokenizer, max_tokens
from .runner import Checkpoint, Media, Output, Run
from .values import Label, Table

TOP = 5
PICKLES = (".pkl", ".pickle", ".joblib")
MOST_TOKENS = 512


def _extra(exc: ImportError) -> MissingExtraError:
    return MissingExtraError(
        f"Models of tables need the library '{exc.name}', which is not installed.",
        "`pip install 'hugginggraph[tabular]'`.",
    )


def data_frame(table: Table) -> Any:
    """The table as a pandas data frame; an empty cell of a column of numbers is NaN.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as exc:
        raise _extra(exc) from exc
    columns: dict[str, list[Any]] = {}
    for place, name in enumerate(table["columns"]):
        cells: list[Any] = [row[place] for row in table["rows"]]
        numbers = any(isinstance(cell, (int, float)) for cell in cells)
        columns[name] = [float("nan") if numbers and cell == "" else cell for cell in cells]
    return pd.DataFrame(columns)


def _fetched(checkpoint: Checkpoint, name: str) -> Path | None:
    """A file of the checkpoint, or None where it has none of this name."""
    path = Path(checkpoint.location) / name
    return path if path.is_file() else None


def _load_skops(checkpoint: Checkpoint) -> tuple[Any, list[str]]:
    """The scikit-learn model, and the columns that it reads (empty where it does not say)."""
    try:
        import skops.io as skops
    except ImportError as exc:
        raise _extra(exc) from exc
    config = _fetched(checkpoint, "config.json")
    about = json.loads(config.read_text("utf-8")).get("sklearn", {}) if config else {}
    named = str(about.get("model", {}).get("file") or "")
    if Path(named).suffix in PICKLES:
        named = ""
    folder = Path(checkpoint.location)
    here = sorted(path.name for path in folder.glob("*.skops")) if folder.is_dir() else []
    path = _fetched(checkpoint, named or next(iter(here), "model.skops"))
    if path is None:
        pickle = about.get("model", {}).get("file")
        raise ModelLoadError(
            f"The model '{checkpoint.card.id}' has no skops file"
            + (f", and '{pickle}' is a pickle, which could run any code." if pickle else "."),
            "Choose a model that was saved with `skops.io.dump`.",
        )
    unknown = skops.get_untrusted_types(file=path)
    trees = [name for name in unknown if name.startswith("sklearn.")]
    if unknown and not (checkpoint.may_run_code and trees == unknown):
        raise ModelLoadError(
            f"'{path.name}' of '{checkpoint.card.id}' holds types that are not known to be safe: "
            f"{', '.join(unknown[:3])}.",
            "Choose a model of plain scikit-learn, and of no trees: a tree that was tampered "
            "with can end the process. To allow it for this model, set "
            f"HUGGINGGRAPH_TRUSTED_MODELS='[\"{checkpoint.card.id}\"]'."
            if trees == unknown
            else "Choose a model of plain scikit-learn.",
        )
    model = skops.load(path, trusted=unknown)
    columns = getattr(model, "feature_names_in_", None)
    return model, list(map(str, columns if columns is not None else about.get("columns") or []))


def _inputs(checkpoint: Checkpoint, model: Any, columns: Sequence[str], table: Table) -> Any:
    """What the model reads of the table: its columns, in its order."""
    frame = data_frame(table)
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ModelRunError(
            f"The model '{checkpoint.card.id}' needs the columns {', '.join(missing)}; the table "
            f"has {', '.join(table['columns'])}.",
            "Give a table with these columns.",
        )
    chosen = frame[list(columns)] if columns else frame
    wanted = getattr(model, "n_features_in_", chosen.shape[1])
    if chosen.shape[1] != wanted:
        raise ModelRunError(
            f"The model '{checkpoint.card.id}' reads {wanted} columns; the table has "
            f"{chosen.shape[1]}.",
            "Give a table with those columns alone.",
        )
    return chosen if hasattr(model, "feature_names_in_") else chosen.to_numpy()


def tabular_classification(checkpoint: Checkpoint) -> Run:
    """The class of each row, in the table's order; of a table of one row, its five best classes.

    A model without probabilities says 1 for the class that it chose.
    """
    model, columns = _load_skops(checkpoint)
    if not hasattr(model, "classes_"):
        raise _not_a(checkpoint, "classes", model)

    def run(args: Mapping[str, Any]) -> Output:
        inputs = _inputs(checkpoint, model, columns, args["table"])
        if hasattr(model, "predict_proba"):
            shares = [list(zip(model.classes_, row)) for row in model.predict_proba(inputs)]  # noqa: B905 - equal by construction
        else:
            shares = [[(name, 1.0)] for name in model.predict(inputs)]
        ranked: list[list[Label]] = [
            [
                {"label": str(name), "score": float(share)}
                for name, share in sorted(row, key=lambda pair: -pair[1])[:TOP]
            ]
            for row in shares
        ]
        if len(ranked) == 1:
            return Output(ranked[0])
        return Output([{**row[0], "text": f"row {n}"} for n, row in enumerate(ranked, 1)])

    return run


def tabular_regression(checkpoint: Checkpoint) -> Run:
    """A number for each row; the file is the whole table with the numbers as the last column."""
    model, columns = _load_skops(checkpoint)
    if hasattr(model, "classes_") or not hasattr(model, "predict"):
        raise _not_a(checkpoint, "numbers", model)

    def run(args: Mapping[str, Any]) -> Output:
        import numpy as np

        table: Table = args["table"]
        found = np.asarray(model.predict(_inputs(checkpoint, model, columns, table)), float)
        found = found.reshape(len(table["rows"]), -1)
        if not np.isfinite(found).all():
            raise ModelRunError(f"The model '{checkpoint.card.id}' gave no numbers.")
        several = found.shape[1] > 1
        names = [f"estimate {n}" if several else "estimate" for n in range(1, 1 + len(found.T))]
        numbers = [[float(f"{number:.6g}") for number in row] for row in found]
        value: Table = {
            "columns": ["row", *names],
            "rows": [[n, *row] for n, row in enumerate(numbers, 1)],
        }
        rows = [[*row, *more] for row, more in zip(table["rows"], numbers, strict=True)]
        file = encode_csv({"columns": [*table["columns"], *names], "rows": rows})
        return Output(value, (Media("table", file, ".csv"),))

    return run


def _not_a(checkpoint: Checkpoint, gives: str, model: Any) -> ModelLoadError:
    return ModelLoadError(
        f"The model '{checkpoint.card.id}' ({type(model).__name__}) does not give {gives}.",
        "Choose a model of the task.",
    )


def encode_csv(table: Table) -> bytes:
    """The table as the bytes of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([table["columns"], *table["rows"]])
    return text.getvalue().encode()


def table_question_answering(checkpoint: Checkpoint) -> Run:
    """The cells that answer the question, or their count, sum or average where that is asked.

    Rows at the end of a table that is longer than the model reads are left out. TAPAS only.
    """
    data_frame({"columns": [], "rows": []})  # its tokenizer needs pandas: say so now
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForTableQuestionAnswering")
    limit = max_tokens(tokenizer, model, MOST_TOKENS)
    kinds = getattr(model.config, "aggregation_labels", None) or {}

    def run(args: Mapping[str, Any]) -> Output:
        frame = data_frame(args["table"]).fillna("").astype(str).astype(object)
        inputs = tokenizer(
            table=frame,
            queries=args["question"],
            truncation="drop_rows_to_fit",
            padding="max_length",
            max_length=limit,
            return_tensors="pt",
        )
        outputs = model(**inputs.to(model.device))
        logits = [outputs.logits.float().cpu()]
        if kinds:
            logits.append(outputs.logits_aggregation.float().cpu())
        places, *rest = tokenizer.convert_logits_to_predictions(inputs.to("cpu"), *logits)
        cells = [str(frame.iat[place]) for place in places[0]]
        if not cells:
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' found no answer in the table.",
                "Ask in other words, or give a smaller table.",
            )
        kind = str(kinds[rest[0][0]]) if rest else "NONE"
        return Output(aggregated(kind, cells))

    return run


def aggregated(kind: str, cells: Sequence[str]) -> str:
    """The answer that a kind of TAPAS (NONE, COUNT, SUM, AVERAGE) makes of cells."""
    listed = ", ".join(cells)
    if kind == "COUNT":
        return f"{len(cells)} ({listed})"
    try:
        numbers = [float(cell.replace(",", "")) for cell in cells]
    except ValueError:
        return listed
    if kind == "SUM":
        return f"{sum(numbers):g} (the sum of {listed})"
    if kind == "AVERAGE":
        return f"{sum(numbers) / len(numbers):g} (the average of {listed})"
    return listed
