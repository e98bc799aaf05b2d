"""Which columns of a table are the texts and which is the label, guessed from their names and values, and said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.data.sources.file_columns import Columns
from src.data.sources.table_files import read_table
from src.metrics.names import all_metrics
from src.tasks.answer_texts import read_spans
from src.tasks.kinds import find_kind
from src.tasks.tag_schemes import entity_types
from src.utils.errors import UserError

LABELS = (
    "label",
    "labels",
    "tags",
    "ner_tags",
    "target",
    "class",
    "category",
    "y",
    "sentiment",
    "score",
    "rating",
    "stars",
    "gold",
)
TEXTS = (
    "text",
    "tokens",
    "words",
    "sentence",
    "review",
    "comment",
    "content",
    "document",
    "body",
    "title",
    "message",
    "question",
)
PAIRS = (("sentence1", "sentence2"), ("premise", "hypothesis"), ("question", "answer"), ("question1", "question2"),
         ("text_a", "text_b"), ("query", "passage"))  # fmt: skip
QUESTION = ("question", "context")
FLAGS = {"0", "1", "0.0", "1.0", "True", "False", "true", "false"}  # of a column that is a class
NO_COLUMN = "labels"  # what the classes of several columns are called together
MOST_CLASSES = 50
LOOKED_AT = 2_000  # rows
FEWEST = 50  # rows from which on something can be learned and judged


@dataclass(frozen=True)
class Guess:
    """What a table is taken for.

    Attributes:
        text: one column, or two of a pair.
        label: the column to predict.
        classes: how many values it has; None for a number to predict.
        kind: of task; None for the one that the values of the label imply.
        metrics: that fit the kind; none for those that ``data=custom`` has.
        rows: of the table.
        said: what was guessed and why, a sentence each.
        columns: that are a class each, where there is no one column of labels.
        cluster: the column that says what a row is part of; None where rows stand for themselves.
    """

    text: tuple[str, ...]
    label: str
    classes: int | None
    rows: int
    said: tuple[str, ...]
    kind: str | None = None
    metrics: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    cluster: str | None = None


def guess_columns(path: Path, text: Sequence[str] = (), label: str | None = None) -> Guess:
    """Look at a table; what is given is not guessed.

    Raises:
        UserError: if the file cannot be read, a column is not there, or none looks like a text or a label.
    """
    table = read_table(path)
    names = list(table.values)
    for given in [*text, *([label] if label else [])]:
        if given not in table.values:
            raise UserError(f"{path}: no column {given!r}; the columns are {', '.join(names)}")
    rows = len(next(iter(table.values.values()), []))
    if rows < FEWEST:
        raise UserError(f"{path}: {rows} rows are too few to train on and to judge by; at least {FEWEST} are needed")
    if spans := [name for name in ([label] if label else names) if _are_spans(table.values[name])]:
        return _asked(path, table, tuple(text), spans[0], rows)
    said = []
    columns = () if label else _class_columns(table, text)
    chosen = NO_COLUMN if columns else label or _label(path, table, text)
    if columns:
        said.append(f"a column for each of {len(columns)} classes: {', '.join(columns)} (--label says otherwise)")
    elif not label:
        said.append(f"the label is column {chosen!r} (--label says otherwise)")
    texts = tuple(text) or _texts(path, table, chosen)
    if not text:
        pair = "the pair of columns" if len(texts) == 2 else "column"
        said.append(f"the text is {pair} {' and '.join(map(repr, texts))} (--text says otherwise)")
    if not 1 <= len(texts) <= 2:
        raise UserError(f"--text {' '.join(texts)}: one column, or two of a pair of texts")
    if chosen in texts:
        raise UserError(f"--label {chosen}: the column is a text to read, and cannot be the label, too")
    if columns:
        return _several(len(columns), texts, chosen, rows, said, columns)
    if len(texts) == 1 and _are_lists(table.values[texts[0]]):
        if not _are_lists(table.values[chosen]):
            raise UserError(
                f"{path}: column {texts[0]!r} holds lists of words, and {chosen!r} no list of a tag a word; "
                "--label NAME names that, or --text NAME a column of whole texts; other tasks: data=custom in a study"
            )
        return _tagged(table, texts, chosen, rows, said)
    if _are_lists(table.values[chosen]) or _are_cells(table.values[chosen]):
        found = find_kind("multi_label").find_names(table.values[chosen], None, chosen, table.place)
        return _several(len(found), texts, chosen, rows, said)
    classes = _classes(table.values[chosen])
    said.append("it is a number to predict" if classes is None else f"it has {classes} classes")
    return Guess(texts, chosen, classes, rows, tuple(said))


def _are_spans(values: Sequence[Any]) -> bool:
    """Whether a column holds answers that stand in another column's text, as SQuAD writes them."""
    seen = [own for value in values[:LOOKED_AT] for own in (value if isinstance(value, list) else [value])]
    return bool(seen) and all(isinstance(own, Mapping) and {"text", "answer_start"} <= own.keys() for own in seen)


def _asked(path: Path, table: Columns, text: tuple[str, ...], label: str, rows: int) -> Guess:
    """Questions about texts that hold their answers."""
    texts = text or QUESTION
    if len(texts) != 2 or any(name not in table.values for name in texts):
        raise UserError(f"{path}: column {label!r} holds answers: --text QUESTION CONTEXT names what they are about")
    none = any(not own for own in read_spans(table.values[label], label, table.place))
    said = (f"column {label!r} holds the answers to {texts[0]!r} in {texts[1]!r}" + (", or none" if none else ""),)
    kind = find_kind("question_answering_or_none" if none else "question_answering")
    return Guess(texts, label, None, rows, said, kind.name, ("answer_f1", "exact_match"), cluster=texts[1])


def _are_lists(values: Sequence[Any]) -> bool:
    return all(isinstance(value, list) for value in values[:LOOKED_AT])


def _are_cells(values: Sequence[Any]) -> bool:
    """Whether a cell holds several classes, with the one mark between them that no name has by accident."""
    return any(isinstance(value, str) and "|" in value for value in values[:LOOKED_AT])


def _class_columns(table: Columns, text: Sequence[str]) -> tuple[str, ...]:
    """The columns of 0 and 1, where there are several and none is called a label."""
    names = [name for name in table.values if name not in text]
    if any(name.casefold() in LABELS for name in names):
        return ()
    found = {name: set(map(str, table.values[name][:LOOKED_AT])) for name in names}
    flags = {name: values for name, values in found.items() if values <= FLAGS}
    return tuple(flags) if sum(len(values) > 1 for values in flags.values()) > 1 else ()


def _several(
    classes: int, texts: tuple[str, ...], label: str, rows: int, said: list[str], columns: tuple[str, ...] = ()
) -> Guess:
    """Any number of classes a text."""
    said.append(f"a text has any number of {classes} classes")
    metrics = ("multilabel_f1_micro", "multilabel_f1_macro")
    return Guess(texts, label, classes, rows, tuple(said), "multi_label", metrics, columns)


def _tagged(table: Columns, texts: tuple[str, ...], label: str, rows: int, said: list[str]) -> Guess:
    """One tag a word."""
    kind = find_kind("token_classification")
    names = kind.find_names(table.values[label], None, label, table.place)
    metrics = [name for name in ("entity_f1", "token_accuracy") if all_metrics()[name].reads in kind.reads(names)]
    entities = ", ".join(entity_types(names)) if len(metrics) > 1 else ""
    said.append(f"words have tags of {len(names)} classes" + (f", of the entities {entities}" if entities else ""))
    return Guess(texts, label, len(names), rows, tuple(said), kind.name, tuple(metrics))


def _label(path: Path, table: Columns, text: Sequence[str]) -> str:
    """The column that is called a label; else the one with the fewest values, if they are few."""
    lower = {name.casefold(): name for name in table.values if name not in text}
    for known in LABELS:
        if known in lower:
            return lower[known]
    counts = {name: len(set(map(str, table.values[name][:LOOKED_AT]))) for name in lower.values()}
    few = {name: count for name, count in counts.items() if 2 <= count <= MOST_CLASSES}
    if not few:
        raise UserError(f"{path}: no column looks like a label; --label NAME names it: {', '.join(table.values)}")
    return min(few, key=lambda name: few[name])


def _texts(path: Path, table: Columns, label: str) -> tuple[str, ...]:
    """A pair or a column that is called so; else the column with the longest texts."""
    lower = {name.casefold(): name for name in table.values if name != label}
    for pair in PAIRS:
        if all(name in lower for name in pair):
            return tuple(lower[name] for name in pair)
    for known in TEXTS:
        if known in lower:
            return (lower[known],)
    lengths = {name: _words(table.values[name]) for name in lower.values()}
    if not lengths or max(lengths.values()) < 2:
        raise UserError(f"{path}: no column looks like a text; --text NAME names it: {', '.join(table.values)}")
    return (max(lengths, key=lambda name: lengths[name]),)


def _words(values: Sequence[Any]) -> float:
    """Words of a value, on average over the first rows."""
    shown = [value for value in values[:LOOKED_AT] if isinstance(value, str)]
    return sum(len(value.split()) for value in shown) / max(len(values[:LOOKED_AT]), 1)


def _classes(values: Sequence[Any]) -> int | None:
    """How many classes; None where the values are numbers, and fractions or many are among them."""
    found = {str(value) for value in values if value is not None and value != ""}
    numbers = [_number(value) for value in found]
    if all(number is not None for number in numbers):
        fractions = any(number != round(number) for number in numbers if number is not None)
        if fractions or len(found) > MOST_CLASSES:
            return None
    return len(found)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
