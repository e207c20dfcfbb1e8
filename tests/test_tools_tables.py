"""CSV opens as a table or is refused by name; models of tables run on it."""

from __future__ import annotations

import builtins
import pickle
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from checkpoints import card
from checkpoints_vision import TEXT_BUILDERS
from tool_run import Run, tool_run

from hugginggraph.registry import (
    EmptyFileError,
    FileMissingError,
    MissingExtraError,
    ModelCard,
    ModelLoadError,
    ModelRunError,
    ResourceError,
    UnreadableFileError,
    UnsupportedFileError,
)
from hugginggraph.tools import as_text, open_table

FLOWERS = "length,width\n1.1,0.5\n6.9,3.4\n4.0,2.0\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tool_run(tmp_path_factory.mktemp("tables"), TEXT_BUILDERS)


@pytest.mark.parametrize(
    "text",
    [
        "name,age,zip\nAnna,3,007\nBo, 4.5 ,\n",
        "name;age;zip\r\nAnna;3;007\r\nBo;4.5;",
        '\ufeffname\tage\tzip\n"Anna"\t3\t007\n\nBo\t4.5\t\n',
    ],
)
def test_a_table_opens_from_a_file_and_from_text(text: str, tmp_path: Path) -> None:
    wanted = {"columns": ["name", "age", "zip"], "rows": [["Anna", 3, "007"], ["Bo", 4.5, ""]]}
    (tmp_path / "people.csv").write_text(text, "utf-8")
    assert open_table(tmp_path / "people.csv") == wanted
    assert open_table(text.removeprefix("\ufeff")) == wanted


def test_quoted_cells_hold_dividers_and_line_breaks_and_columns_get_names() -> None:
    table = open_table('a,a,\n"x, y","line\nbreak",-2e3\n')
    assert table["columns"] == ["a", "a (2)", "column 3"]
    assert table["rows"] == [["x, y", "line\nbreak", -2000.0]]


BAD: dict[str, tuple[bytes, type[ResourceError], str]] = {
    "empty.csv": (b"", EmptyFileError, "0 bytes"),
    "blank.csv": (b" \n\n", EmptyFileError, "white space"),
    "header.csv": (b"a,b,c\n", EmptyFileError, "no rows"),
    "ragged.csv": (b"a,b\n1,2\n3\n", UnreadableFileError, "2 columns, but row 3 has 1"),
    "quote.csv": (b'a,b\n"1,2\n3,4\n', UnreadableFileError, "not CSV"),
    "binary.csv": (bytes(range(256)) * 40, UnreadableFileError, "binary.csv"),
    "wide.csv": (b",".join([b"1"] * 1_000_000) + b"\n", UnsupportedFileError, "200,000 cells"),
    "cell.csv": (b"a,b\n1," + b"x" * 200_000 + b"\n", UnreadableFileError, "not CSV"),
    "large.csv": (b"a,b\n" + b"1,2\n" * 1_500_000, UnsupportedFileError, "5 MB"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_refused_by_name_within_a_second(name: str, tmp_path: Path) -> None:
    data, error, words = BAD[name]
    (tmp_path / name).write_bytes(data)
    began = time.perf_counter()
    with pytest.raises(error, match=words) as caught:
        open_table(tmp_path / name)
    assert type(caught.value) is error and name in str(caught.value)
    assert time.perf_counter() - began < 1


def test_a_table_that_is_not_there_is_refused_by_name(run: Run) -> None:
    with pytest.raises(FileMissingError, match=r"no\.csv"):
        run("logistic", "tabular-classification", table="no.csv")


def test_each_row_gets_its_class_in_the_tables_order(run: Run, tmp_path: Path) -> None:
    (tmp_path / "flowers.csv").write_text("id," + FLOWERS.replace("\n", "\nx,", 3), "utf-8")
    one = run("logistic", "tabular-classification", table=str(tmp_path / "flowers.csv"))
    assert [each["label"] for each in one["value"]] == ["daisy", "tulip", "rose"]
    assert all(0.5 < each["score"] <= 1 for each in one["value"])
    assert as_text("labels", one["value"]).startswith("row 1 (daisy, 0.9")
    assert run("logistic", "tabular-classification", table=FLOWERS)["value"] == one["value"]


def test_one_row_gets_its_classes_best_first(run: Run) -> None:
    labels = run("logistic", "tabular-classification", table="length,width\n1,0.5\n")["value"]
    assert labels[0]["label"] == "daisy" and len(labels) == 3
    assert sum(each["score"] for each in labels) == pytest.approx(1)


def test_a_model_without_column_names_takes_those_of_its_config(run: Run) -> None:
    table = "width,length,name\n0.5,1,a\n3.5,7,b\n"
    labels = run("nameless", "tabular-classification", table=table)["value"]
    assert [each["label"] for each in labels] == ["daisy", "tulip"]


def test_each_row_gets_a_number_and_the_file_is_the_whole_table(run: Run) -> None:
    result = run("line", "tabular-regression", table="town,size\nBonn,5\nUlm,0.5\n")
    assert result["value"] == {"columns": ["row", "estimate"], "rows": [[1, 25.0], [2, 11.5]]}
    assert as_text("table", result["value"]) == "row 1, estimate 25.0; row 2, estimate 11.5"
    (file,) = result["files"]
    assert file["kind"] == "table"
    assert open_table(file["path"]) == {
        "columns": ["town", "size", "estimate"],
        "rows": [["Bonn", 5, 25.0], ["Ulm", 0.5, 11.5]],
    }


def test_a_table_without_the_models_columns_is_an_error_that_names_them(run: Run) -> None:
    with pytest.raises(ModelRunError, match="needs the columns width; the table has length, age"):
        run("logistic", "tabular-classification", table="length,age\n1,2\n")


def test_a_model_of_the_other_task_is_refused(run: Run) -> None:
    with pytest.raises(ModelLoadError, match="does not give classes"):
        run("line", "tabular-classification", table=FLOWERS)
    with pytest.raises(ModelLoadError, match="does not give numbers"):
        run("logistic", "tabular-regression", table=FLOWERS)


class Danger:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("opened"),))


def test_a_pickle_is_refused_by_name_and_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pickled(folder: Path) -> ModelCard:
        (folder / "model.pkl").write_bytes(pickle.dumps(Danger()))
        (folder / "config.json").write_text('{"sklearn": {"model": {"file": "model.pkl"}}}')
        return card(folder, "tabular-classification", library="sklearn")

    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelLoadError, match=r"'model.pkl' is a pickle, which could run any code"):
        tool_run(tmp_path, {"p": pickled})("p", "tabular-classification", table=FLOWERS)
    assert not (tmp_path / "opened").exists()


def test_a_skops_file_with_other_types_is_refused_by_their_names(tmp_path: Path) -> None:
    def strange(folder: Path) -> ModelCard:
        import skops.io
        from sklearn.preprocessing import FunctionTransformer

        skops.io.dump(FunctionTransformer(open_table), folder / "model.skops")
        return card(folder, "tabular-classification", library="skops")

    with pytest.raises(ModelLoadError, match=r"not known to be safe: .*open_table"):
        tool_run(tmp_path, {"s": strange})("s", "tabular-classification", table=FLOWERS)


def test_a_forest_is_refused_as_its_trees_cannot_be_checked(tmp_path: Path) -> None:
    def forest(folder: Path) -> ModelCard:
        import skops.io
        from sklearn.ensemble import RandomForestClassifier

        model = RandomForestClassifier(2, random_state=0).fit([[0], [1]], ["a", "b"])
        skops.io.dump(model, folder / "model.skops")
        return card(folder, "tabular-classification", library="sklearn")

    with pytest.raises(ModelLoadError, match=r"_tree\.Tree.*of no trees"):
        tool_run(tmp_path, {"f": forest})("f", "tabular-classification", table="a\n1\n")


@pytest.mark.parametrize("library", ["pandas", "skops.io"])
def test_without_the_extra_the_error_says_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    card = TEXT_BUILDERS["logistic"](tmp_path)
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == library:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"hugginggraph\[tabular\]"):
        tool_run(tmp_path, {"f": lambda _: card})("f", "tabular-classification", table=FLOWERS)


PEOPLE = "who,sport,day\nanna,river,3\nteam,final,4\nminister,science,5\n"


def test_a_question_about_a_table_is_answered_from_its_cells(run: Run) -> None:
    args = {"table": PEOPLE, "question": "what sport is for anna?"}
    one, two = (run("tapas", "table-question-answering", **args)["value"] for _ in range(2))
    assert one == two
    assert any(cell in one for cell in PEOPLE.replace(",", " ").split())
    long = PEOPLE + "paris,home,7\n" * 300
    assert run("tapas", "table-question-answering", table=long, question="who?")["value"]


@pytest.mark.parametrize(
    ("kind", "cells", "answer"),
    [
        ("NONE", ["Anna"], "Anna"),
        ("COUNT", ["a", "b"], "2 (a, b)"),
        ("SUM", ["1,000", "2.5"], "1002.5 (the sum of 1,000, 2.5)"),
        ("AVERAGE", ["1", "2"], "1.5 (the average of 1, 2)"),
        ("SUM", ["Anna", "2"], "Anna, 2"),
    ],
)
def test_cells_are_summed_up_as_the_model_says(kind: str, cells: list[str], answer: str) -> None:
    assert import_module("hugginggraph.tools.tabular").aggregated(kind, cells) == answer
