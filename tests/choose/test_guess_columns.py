"""Which columns a table's text and label are guessed to be."""

import csv
import json

import pytest

from src.choose.guess_columns import FEWEST, guess_columns
from src.choose.table_study import LEAST_EPOCHS, MOST_EPOCHS, epochs_for, task_overrides
from src.config import validate
from src.data.load import load_data
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config

WORDS = ["a", "film", "to", "see", "twice", "with", "friends", "who", "like", "long", "evenings"]


def table(path, columns, rows=60):
    """Columns by their names, each a function of the row's number."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows([column(row) for column in columns.values()] for row in range(rows))
    return path


def text(row):
    return " ".join(WORDS[row % 5 :]) + f" {row}"


TABLES = {
    "names": ({"review": text, "stars": lambda row: row % 5}, (("review",), "stars", 5)),
    "no names": ({"x1": text, "x2": lambda row: "good" if row % 2 else "bad"}, (("x1",), "x2", 2)),
    "an id beside": ({"id": str, "body": text, "class": lambda row: row % 3}, (("body",), "class", 3)),
    "a pair": ({"premise": text, "hypothesis": text, "gold": lambda row: row % 3},
               (("premise", "hypothesis"), "gold", 3)),
    "fractions": ({"sentence": text, "score": lambda row: row / 7}, (("sentence",), "score", None)),
    "capitals": ({"Text": text, "Label": lambda row: row % 2}, (("Text",), "Label", 2)),
    "the longer text": ({"subject": lambda row: "short one", "mail": text, "y": lambda row: row % 2},
                        (("mail",), "y", 2)),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "expected"), TABLES.values(), ids=TABLES)
def test_guesses(columns, expected, tmp_path):
    guess = guess_columns(table(tmp_path / "t.csv", columns))
    assert (guess.text, guess.label, guess.classes) == expected
    assert len(guess.said) == 3 and guess.rows == 60


def lists_of(row):
    return [name for bit, name in enumerate("abc") if row >> bit & 1]


SEVERAL = {
    "lists": {"body": text, "labels": lists_of},
    "cells": {"body": text, "topic": lambda row: "|".join(lists_of(row))},
    "columns": {"body": text, **{name: lambda row, name=name: int(name in lists_of(row)) for name in "abc"}},
}


@pytest.mark.parametrize("columns", SEVERAL.values(), ids=SEVERAL)
def test_any_number_of_classes_a_text(columns, tmp_path):
    rows = [{name: column(row) for name, column in columns.items()} for row in range(60)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    guess = guess_columns(tmp_path / "t.jsonl", label="topic" if "topic" in columns else None)
    assert (guess.text, guess.classes, guess.kind) == (("body",), 3, "multi_label")
    config = compose_config(*NANO, *task_overrides(tmp_path / "t.jsonl", guess))
    validate(config)
    data = load_data(config.data, holdout=False)
    assert data.task.label_names == ("a", "b", "c") and data.task.primary_metric == "multilabel_f1_micro"
    train = data.splits["train"]
    for number, labels in zip(train["text"][:5], train["label"][:5], strict=True):
        assert labels == [int(name in lists_of(int(number.split()[-1]))) for name in "abc"]


def test_words_without_tags_are_refused_with_the_way_to_do_it(tmp_path):
    rows = [{"tokens": ["a", "b"], "label": row % 2} for row in range(60)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=r"'label' no list of a tag a word; --label NAME names that, .* in a study"):
        guess_columns(tmp_path / "t.jsonl")


def test_what_is_given_is_not_guessed(tmp_path):
    path = table(
        tmp_path / "t.csv", {"text": text, "other": text, "label": lambda row: row % 2, "own": lambda row: row % 3}
    )
    guess = guess_columns(path, ["other"], "own")
    assert (guess.text, guess.label, guess.classes) == (("other",), "own", 3)


MISTAKES = {
    "no such column": (
        {"text": text, "label": str},
        {"label": "nope"},
        "no column 'nope'; the columns are text, label",
    ),
    "no label": ({"a": text, "b": text}, {}, "--label NAME names it"),
    "no text": ({"label": lambda row: row % 2, "n": str}, {}, "--text NAME names it"),
    "the label is the text": ({"text": text, "label": str}, {"text": ["text"], "label": "text"}, "cannot be the label"),
}


@pytest.mark.parametrize(("columns", "options", "told"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(columns, options, told, tmp_path):
    with pytest.raises(UserError) as error:
        guess_columns(table(tmp_path / "t.csv", columns), **options)
    assert told in str(error.value)


def test_a_table_that_is_too_short(tmp_path):
    with pytest.raises(UserError, match=f"at least {FEWEST}"):
        guess_columns(table(tmp_path / "t.csv", {"text": text, "label": lambda row: row % 2}, rows=20))


def test_as_many_epochs_as_the_time_allows():
    """Three epochs of full and two others take 60 s each: a lap of 0.34 x 180 s, and 3 x 180 s, are 601 s."""
    seconds = {"full": 60.0, "lora": 60.0, "lsr": 60.0}
    assert epochs_for(10.02, seconds, 3.0) == pytest.approx(3.0, rel=0.01)
    assert epochs_for(0.1, seconds, 3.0) == LEAST_EPOCHS and epochs_for(1000, seconds, 3.0) == MOST_EPOCHS
