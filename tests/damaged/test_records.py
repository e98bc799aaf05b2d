"""Records with anything wrong in them cost their own run and one line, whatever reads them."""

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.compare.tables import Comparison
from tests.compare.factory import METHODS, SIMILARITY, make_run
from tests.damaged.mutants import Mutant, mutants, paths, replaced
from tests.damaged.readers import make_good, read_everything, said_of_good

BUDGET = float(os.environ.get("PEFT_VERDICT_FUZZ", "1"))
BATCH = 150  # mutants that lie side by side
SAMPLE = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with good runs, what is said of them, and a run whose record is changed."""
    root = tmp_path_factory.mktemp("damaged")
    said = make_good(root / "runs")
    return root, said, make_run(root / "base", METHODS[1])


def put(root: Path, base: Path, number: int, text: str) -> str:
    folder = root / "runs" / f"mutant_{number}"
    shutil.copytree(base, folder)
    (folder / "result.json").write_text(text, encoding="utf-8")
    return str(folder)


def read_with(place, base: Path, found: list[Mutant], report: bool = True) -> Comparison:
    """Read a batch beside the good runs, and check what must hold whatever is in it."""
    root, said, _ = place
    folders = [put(root, base, number, mutant.text) for number, mutant in enumerate(found)]
    try:
        comparison = read_everything(root / "runs", root, report)
    finally:
        for folder in folders:
            shutil.rmtree(folder)
    assert said_of_good(comparison) == said
    assert comparison.folders == len(folders) + 6
    accepted = {folder for table in comparison.tables for row in table.rows for folder in row.folders}
    wrong = [
        str(mutant) for folder, mutant in zip(folders, found, strict=True) if mutant.refused and folder in accepted
    ]
    assert not wrong, wrong
    for folder, reason in comparison.left_out:
        assert reason and len(reason) < 600, (folder, reason)
    return comparison


def batches(found: list[Mutant]) -> Iterator[list[Mutant]]:
    """The mutants in batches; one of another seed alone.

    It is a good run, and several seeds in one row tell of the seeds' spread, which all rows of a table share.
    """
    alone = [mutant for mutant in found if mutant.path == ("seed",) and not mutant.refused]
    others = [mutant for mutant in found if mutant not in alone]
    yield from ([mutant] for mutant in alone)
    yield from (others[start : start + BATCH] for start in range(0, len(others), BATCH))


def try_all(place, base: Path, found: list[Mutant]) -> None:
    for batch in batches(found):
        try:
            read_with(place, base, batch)
        except Exception as error:
            raise AssertionError(f"one of: {', '.join(map(str, smallest(place, base, batch)))}") from error


def smallest(place, base: Path, found: list[Mutant]) -> list[Mutant]:
    """Those of a batch that failed which alone fail as well, by halves."""
    while len(found) > 1:
        for half in (found[: len(found) // 2], found[len(found) // 2 :]):
            try:
                read_with(place, base, half)
            except Exception:
                found = half
                break
        else:
            break
    return found


def record_of(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def test_a_sample_of_all_mutants(place):
    base = place[2]
    found = random.Random(0).sample(list(mutants(record_of(base))), SAMPLE)
    try_all(place, base, found)


@pytest.mark.parametrize(
    ("path", "odd", "said"),
    [
        ("primary_metric.value", "42", "primary_metric.value=42 breaks the rule: 0 <= float <= 1 | null"),
        ("primary_metric.value", '"0.99"', "primary_metric.value='0.99' breaks the rule"),
        ("primary_metric.value", "true", "primary_metric.value=true breaks the rule"),
        ("primary_metric.value", "0.75", "primary_metric.value=0.75 is not metrics.selected.accuracy"),
        ("metrics.selected.f1", "0.75", "its record says f1 0.75, and its predictions give 0."),
        ("params.adapter", "-5", "params.adapter=-5 breaks the rule: 0 <= int <= 1e15"),
        ("params.total", "0", "params.total=0 breaks the rule: at least 1"),
        ("schema_version", "-1", "schema_version=-1 breaks the rule: int >= 1"),
        ("time.train_s", "1e400", "the number 1e400 is out of range"),
        ("config.training", "NaN", "NaN is no JSON number"),
        ("config.training", "[" * 2000 + "]" * 2000, "nested deeper than 50 levels"),
    ],
)
def test_the_line_names_field_value_and_rule(place, path, odd, said):
    base = place[2]
    keys = tuple(path.split("."))
    comparison = read_with(place, base, [Mutant(keys, odd, replaced(record_of(base), keys, odd), refused=True)], False)
    ((_, reason),) = comparison.left_out
    assert said in reason


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"), (b"\xef\xbb\xbf{}", "BOM"), (b'{"status": "ok\xff"}', "utf-8"),
        (b"\x00" * 50, "Expecting"),
        (b'{"status": "ok", "status": "ok"}', "'status' stands there twice"), (b"null", "not a record"),
        (b" " * (65 * 2**20), "at most 67,108,864 are read"),
        (b"[" + b"1," * 300_000 + b"1]", "more than 200,000 values"),
    ],
)  # fmt: skip
def test_what_is_no_record_at_all(place, content, said):
    root, good, base = place
    folder = root / "runs" / "odd"
    shutil.copytree(base, folder)
    (folder / "result.json").write_bytes(content)
    try:
        comparison = read_everything(root / "runs", root, report=False)
    finally:
        shutil.rmtree(folder)
    assert said in comparison.left_out[0][1] and said_of_good(comparison) == good


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(
    max_examples=max(1, int(1 * BUDGET)), derandomize=True, deadline=None, database=None,
    suppress_health_check=[*HealthCheck],
)  # fmt: skip
@given(data=st.data())
def test_any_value_anywhere(place, data):
    base = place[2]
    record = record_of(base)
    places = list(paths(record))
    found = []
    for _ in range(20):
        path, value = data.draw(st.sampled_from(places)), data.draw(JSON)
        text = json.dumps(value)
        found.append(Mutant(path, text, replaced(record, path, text), refused=False))
    read_with(place, base, found, report=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classes", "values"])
def test_all_mutants(place, tmp_path, kind):
    base = place[2] if kind == "classes" else make_run(tmp_path / "values", METHODS[1], 0, SIMILARITY)
    try_all(place, base, list(mutants(record_of(base))))


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides", [(), ("model=roberta_hydralora",), ("data=mix", "data.tasks=[synth_entailment,synth_similarity]")]
)
def test_mutants_of_trained_runs(place, train, overrides):
    base = train(*overrides)
    found = list(mutants(record_of(base)))
    try_all(place, base, random.Random(0).sample(found, min(len(found), int(450 * BUDGET))))
