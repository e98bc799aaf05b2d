"""Published tables as they are read: columns, units, mistakes; and the peft library's result files."""

import json

import pytest

from src.compare.audit.entries import read_csv
from src.compare.audit.peft_results import fewest_examples, read_results
from src.utils.errors import UserError

HEADER = "method,n,score,sd,examples"


def write(folder, text, name="table.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_row_may_be_a_mean_over_seeds(tmp_path):
    tables, unread = read_csv(write(tmp_path, f"{HEADER},year\nLoRA,5,89.7,0.7,408,2021\nBitFit,1,92.7,,408,2022\n"))
    (table,) = tables
    lora, bitfit = table.entries
    assert (lora.method, lora.score, lora.seeds, lora.deviation, lora.examples) == ("LoRA", 89.7, 5, 0.7, 408)
    assert (bitfit.seeds, bitfit.deviation) == (1, None)
    assert (table.metric, table.unit, unread) == ("accuracy", 100, ["year"])


def test_a_row_may_be_one_run(tmp_path):
    text = "task,metric,method,seed,score\n" + "".join(
        f"cola,matthews_correlation,{name},{seed},{score}\n"
        for name, scores in (("LoRA", (0.60, 0.64, 0.62)), ("full", (0.61, 0.65, 0.63)))
        for seed, score in enumerate(scores)
    )
    ((table,), _) = read_csv(write(tmp_path, text), examples=1043)
    assert (table.task, table.metric, table.unit) == ("cola", "matthews_correlation", 1)
    assert table.entries[0].score == pytest.approx(0.62)
    assert table.entries[0].deviation == pytest.approx(0.02)  # of 0.60, 0.62, 0.64
    assert {row.examples for row in table.entries} == {1043}


def test_every_task_is_a_table_of_its_own(tmp_path):
    text = "task,method,score,examples\nrte,a,78,277\nrte,b,79,277\nsst2,a,94,872\nsst2,b,95,872\n"
    tables, _ = read_csv(write(tmp_path, text))
    assert [(table.task, len(table.entries)) for table in tables] == [("rte", 2), ("sst2", 2)]


@pytest.mark.parametrize("text, message", [
    ("name,score,examples\na,1,9\nb,1,9\n", "no column method; it has: name, score, examples"),
    ("method,score\na,1\nb,1\n", "--examples N"),
    ("method,seed,n,score,examples\na,0,5,1,9\n", "both seed"),
    ("method,score,examples\na,high,9\nb,1,9\n", "line 2: score='high' is no number"),
    ("method,score,examples\na,nan,9\nb,1,9\n", "score='nan' is no number"),
    ("method,score,examples\na,1,9\na,1,9\n", "line 3: a stands there twice; the column seed"),
    ("method,seed,score,examples\na,0,1,9\na,0,1,9\nb,0,1,9\n", "a has the seed 0 twice"),
    ("method,score,examples\na,1,1\nb,1,9\n", "examples='1' is no whole number from 2 up"),
    ("method,n,score,sd,examples\na,1,1,.5,9\nb,1,1,,9\n", "sd=0.5 of n=1"),
    ("method,score,examples\na,1,9\n", "1 row; a comparison needs two"),
    ("method,score,examples\na,887,9\nb,1,9\n", "887 is neither a share nor percent"),
    ("method,seed,score,examples\na,0,1,9\na,1,1,8\nb,0,1,9\n", "a was judged on 8 and 9 examples"),
])  # fmt: skip
def test_a_mistake_is_named(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read_csv(write(tmp_path, text))


# The library's files: scores are unrounded quotients of the 1,319 items of GSM8K's test split.


def result(folder, name, hits, status="success", size=1319):
    content = {
        "run_info": {"experiment_name": name, "train_config": {"seed": 0}},
        "train_info": {"status": status, "metrics": [
            {"step": 250, "valid accuracy": 0.34}, {"step": 5000, "test accuracy": hits / size},
        ]},
        "meta_info": {},
    }  # fmt: skip
    (folder / f"{name.replace('/', '--')}.json").write_text(json.dumps(content))


def test_the_peft_librarys_results_are_a_table(tmp_path):
    """LoRA r=32 has 0.48218347232752085 there, LoRA-FA 40.4 %."""
    result(tmp_path, "lora/llama-3.2-3B-rank32", 636)
    result(tmp_path, "lora/llama-3.2-3B-rank32-lorafa", 533)
    result(tmp_path, "lora/broken", 0, status="failed")
    result(tmp_path, "lora/llama-3.2-3B-rank32--2025-06-17T13-30-58+00-00", 600)
    (tmp_path / "other.json").write_text("[1, 2]")
    table, left_out = read_results(tmp_path)
    assert {row.method: row.score for row in table.entries} == {
        "lora/llama-3.2-3B-rank32": pytest.approx(0.48218347232752085),
        "lora/llama-3.2-3B-rank32-lorafa": pytest.approx(0.404, abs=1e-3),
    }
    assert {row.examples for row in table.entries} == {1319}
    assert [line.partition(": ")[2] for line in left_out] == [
        "status 'failed'",
        "an earlier run of the same experiment, by its name",
        "no result of peft's method comparison",
    ]  # fmt: skip


def test_the_examples_are_the_fewest_that_give_the_scores():
    assert fewest_examples([636 / 1319, 533 / 1319]) == 1319
    assert fewest_examples([0.5, 0.25]) == 4
    assert fewest_examples([0.123456789012345, 0.2**0.5]) is None


@pytest.mark.parametrize("content", ["{", "null", '{"run_info": {"experiment_name": "a"}}'])
def test_a_folder_without_a_result_is_a_mistake(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError):
        read_results(tmp_path)
