"""Predictions and histories with anything wrong in them: a note or a line for their run, and nothing for the others."""

import io
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.compare.comparison import compare_runs
from src.runs import predictions_reading
from src.runs.predictions_reading import MOST_ROWS, PredictionsError, read_split
from src.runs.reading import find_runs
from tests.compare.factory import METHODS, make_run
from tests.damaged.mutants import ODD, mutants
from tests.damaged.readers import make_good, read_everything, said_of_good

BUDGET = float(os.environ.get("PEFT_VERDICT_FUZZ", "1"))
ROWS = 400
SAMPLE = 20


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with good runs, what is said of them, and a run whose files are changed."""
    root = tmp_path_factory.mktemp("damaged")
    return root, make_good(root / "runs"), make_run(root / "base", METHODS[1])


def written(table: pa.Table, **options) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def with_column(table: pa.Table, name: str, values: pa.Array) -> bytes:
    return written(table.set_column(table.column_names.index(name), name, values))


def odd_columns() -> Iterator[tuple[str, pa.Array]]:
    """Columns of all kinds, as long as the predictions."""
    numbers = np.arange(ROWS)
    yield "no values", pa.nulls(ROWS)
    yield "texts", pa.array([str(number) for number in numbers])
    yield "bytes", pa.array([b"\xff"] * ROWS)
    yield "lists", pa.array([[int(number)] for number in numbers])
    yield "maps", pa.array([{"a": int(number)} for number in numbers])
    yield "times", pa.array(numbers, pa.timestamp("s"))
    yield "decimals", pa.array([1] * ROWS, pa.decimal128(5))
    yield "truths", pa.array(numbers % 2 == 0)
    yield "a dictionary of texts", pa.array(["validation"] * ROWS).dictionary_encode()
    yield "a dictionary of numbers", pa.array(numbers % 2).dictionary_encode()
    yield "another split's name", pa.array(["test"] * ROWS)
    yield "long names", pa.array(["x" * 2**13] * ROWS)
    for kind in ("int8", "uint8", "int16", "int32", "uint64", "float16", "float32", "float64"):
        yield f"{kind} 0 and 1", pa.array((numbers % 2).astype(kind))
    yield "uint64 at its end", pa.array(np.full(ROWS, 2**64 - 1, dtype=np.uint64))
    for value in (-1, 2, 9_999, 10_000, 10**9, 2**63 - 1, -(2**63)):
        yield f"all {value}", pa.array(np.full(ROWS, value))
        yield f"one {value}", pa.array(np.where(numbers == 7, value, numbers % 2))
    for value in (np.nan, np.inf, -np.inf, 1e300, -0.5, 1e-320):
        yield f"all {value}", pa.array(np.full(ROWS, value))
        yield f"one {value}", pa.array(np.where(numbers == 7, value, (numbers % 2).astype(float)))
    yield "one null", pa.array([None if number == 7 else int(number) for number in numbers])
    yield "every class its own", pa.array(numbers)


def changed_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Contents of ``predictions.parquet`` with one thing wrong, or another, in them."""
    content = (folder / "predictions.parquet").read_bytes()
    table = pq.read_table(io.BytesIO(content))
    for name in table.column_names:
        yield f"{name} removed", written(table.drop_columns([name]))
        yield (
            f"{name} renamed",
            written(table.rename_columns([f"{other}_" if other == name else other for other in table.column_names])),
        )
        yield f"{name} twice", written(table.append_column(name, table[name]))
        for kind, values in odd_columns():
            yield f"{name}: {kind}", with_column(table, name, values)
    yield "no row", written(table.slice(0, 0))
    yield "one row", written(table.slice(0, 1))
    yield "two rows", written(table.slice(0, 2))
    yield "all rows twice", written(pa.concat_tables([table, table]))
    yield "rows turned", written(table.take(list(range(ROWS))[::-1]))
    for compression in ("gzip", "zstd", "brotli", "none"):
        yield compression, written(table, compression=compression)
    yield "many row groups", written(table, row_group_size=3)
    yield "no file of the kind", b"PAR1" + b"\x00" * 100 + b"PAR1"
    yield "nothing", b""
    yield "csv", table.to_pandas().to_csv().encode()
    rng = random.Random(0)
    for _ in range(int(60 * BUDGET)):
        yield "cut", content[: rng.randrange(len(content))]
        bits = bytearray(content)
        for _ in range(rng.choice((1, 1, 4, 40))):
            bits[rng.randrange(len(bits))] ^= 1 << rng.randrange(8)
        yield "flipped", bytes(bits)
        footer = bytearray(content)
        footer[-rng.randrange(1, 1500)] = rng.randrange(256)
        yield "flipped in the footer", bytes(footer)


def try_files(place, name: str, contents: list[tuple[str, bytes]], batch: int = 60) -> int:
    """Read runs with these contents of a file beside the good ones; returns how many were tried."""
    root, said, base = place
    for start in range(0, len(contents), batch):
        folders = []
        for number, (_, content) in enumerate(contents[start : start + batch]):
            folders.append(root / "runs" / f"mutant_{number}")
            shutil.copytree(base, folders[-1])
            record = json.loads((base / "result.json").read_text()) | {"method": f"mutant {number}"}
            (folders[-1] / "result.json").write_text(json.dumps(record))
            (folders[-1] / name).write_bytes(content)
        try:
            comparison = read_everything(root / "runs", root)
        finally:
            for folder in folders:
                shutil.rmtree(folder)
        assert said_of_good(comparison) == said
        assert comparison.folders == len(folders) + 6
        for table in comparison.tables:
            for row in table.rows:
                assert row.values == ([0.9025] if row.method.startswith("mutant") else said[row.method]["values"])
    return len(contents)


def test_a_sample_of_all_predictions(place):
    try_files(place, "predictions.parquet", random.Random(0).sample(list(changed_files(place[2])), SAMPLE))


@pytest.mark.slow
def test_all_predictions(place):
    print(try_files(place, "predictions.parquet", list(changed_files(place[2]))))


def in_line(change: Callable[[pa.Table], bytes], place) -> str:
    """What the comparison says of a run with such predictions."""
    root, _, base = place
    folder = root / "one"
    shutil.copytree(base, folder)
    try:
        (folder / "predictions.parquet").write_bytes(change(pq.read_table(base / "predictions.parquet")))
        comparison = compare_runs(find_runs([folder]))
        return " ".join(
            [
                *(reason for _, reason in comparison.left_out),
                *(note for table in comparison.tables for note in table.rows[0].notes),
            ]
        )
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("prediction", np.full(ROWS, 10**9), "holds the class 1000000000, and at most 10,000 classes are read"),
        ("label", np.full(ROWS, -3), "holds the class -3"),
        ("label", [str(number) for number in range(ROWS)], "holds string in the column label, which is of numbers"),
        ("index", np.full(ROWS, np.nan), "holds double in the column index, which is of whole numbers"),
        ("index", np.zeros(ROWS, dtype=int), "holds a row of validation twice"),
        ("prediction", np.full(ROWS, np.nan), "holds values that are not finite"),
        ("prediction", np.zeros(ROWS, dtype=int), "its record says accuracy 0.9025, and its predictions give 0."),
    ],
)
def test_the_line_says_what_is_wrong(place, name, values, said):
    assert said in in_line(lambda table: with_column(table, name, pa.array(values)), place)


@pytest.mark.parametrize("rows", [1_001, pytest.param(MOST_ROWS + 1, marks=pytest.mark.slow)])
def test_a_file_that_claims_more_rows_than_are_read_is_not_unpacked(rows, tmp_path, monkeypatch):
    """Constant columns: 300 million rows take some kilobytes."""
    most = min(rows - 1, MOST_ROWS)
    monkeypatch.setattr(predictions_reading, "MOST_ROWS", most)
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("it was unpacked"))
    size = min(rows, 10**6)
    group = pa.table({"split": ["validation"], "index": [0], "label": [0], "prediction": [0]}).take([0] * size)
    with pq.ParquetWriter(tmp_path / "predictions.parquet", group.schema) as writer:
        for _ in range(rows // size + 1):
            writer.write_table(group)
    with pytest.raises(PredictionsError, match=f"rows, and at most {most:,} are read"):
        read_split(tmp_path, "validation")


def test_a_million_rows_are_read(tmp_path):
    size = 10**6
    columns = {"index": np.arange(size)[::-1], "label": np.ones(size, dtype=int), "prediction": np.arange(size) % 2}
    pq.write_table(pa.table({"split": pa.repeat("validation", size), **columns}), tmp_path / "predictions.parquet")
    found = read_split(tmp_path, "validation")
    assert (found.index == np.arange(size)).all() and found.predictions[0] == 1


def changed_histories(folder: Path) -> list[tuple[str, bytes]]:
    lines = (folder / "history.jsonl").read_text().splitlines()
    found = [
        (str(mutant), "\n".join([*lines[:number], mutant.text, *lines[number + 1 :], ""]).encode())
        for number in (0, 5, len(lines) - 1)
        for mutant in mutants(json.loads(lines[number]))
    ]
    whole = "\n".join(lines).encode()
    found += [("odd", odd.encode()) for odd in ODD] + [
        ("odd line", whole + b"\n" + odd.encode() + b"\n") for odd in ODD
    ]
    found += [
        ("bytes", b"\xff\xfe" * 100),
        ("nul", b"\x00" * 5000),
        ("bom", b"\xef\xbb\xbf" + whole),
        ("long", b"x" * 3 * 2**20),
        ("", b""),
    ]
    rng = random.Random(0)
    found += [("cut", whole[: rng.randrange(len(whole))]) for _ in range(30)]
    return found


def test_a_sample_of_all_histories(place):
    try_files(place, "history.jsonl", random.Random(0).sample(changed_histories(place[2]), SAMPLE))


@pytest.mark.slow
def test_all_histories(place):
    print(try_files(place, "history.jsonl", changed_histories(place[2])))
