"""Tokenised data: equal to calling the tokenizer row by row, and cached so that nothing stale or partial is read."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import Dataset

from src.data.encode import encode
from src.data.load import TaskData, load_data
from src.data.task import Task
from src.utils.cache import cache_dir
from src.utils.errors import UserError

PAIR = Task("pair", ("a", "b"), "l", ("x", "y"), ("accuracy",), "accuracy", ("validation",))
SCORE = Task("score", ("a",), "l", (), ("pearson",), "pearson", ("validation",))
ROWS = {
    "idx": [4, 5, 6],
    "text": ["good film", "a b c d e f g h", "bad"],
    "text_pair": ["the film is good", "cat", "dog ran"],
    "label": [1, 0, 1],
}


@pytest.fixture
def pairs() -> TaskData:
    data = Dataset.from_dict(ROWS)
    return TaskData(PAIR, {"train": data, "validation": data, "test": data.remove_columns("label")}, "f")


def test_equals_the_tokenizer_row_by_row(pairs, tokenizer):
    train = encode(pairs, tokenizer, 8)["train"]
    for row, text, other in zip(train, ROWS["text"], ROWS["text_pair"], strict=True):
        expected = tokenizer(text, other, truncation=True, max_length=8)
        assert {name: row[name] for name in expected} == dict(expected)
        assert row["length"] == len(expected["input_ids"]) <= 8
    assert train["length"][:] == [8, 8, 6]  # not padded; [CLS] bad [SEP] dog ran [SEP]
    assert train["labels"][:] == ROWS["label"] and train.features["labels"].dtype == "int64"
    assert train["idx"][:] == ROWS["idx"]
    assert set(train.column_names) == {"input_ids", "attention_mask", "token_type_ids", "labels", "idx", "length"}


def test_regression_labels_are_floats(tokenizer):
    data = Dataset.from_dict({"idx": [0], "text": ["good"], "label": [2.5]})
    encoded = encode(TaskData(SCORE, {"train": data}, "f"), tokenizer, 8)["train"]
    assert encoded.features["labels"].dtype == "float32" and encoded["labels"][:] == [2.5]


def test_test_split_only_when_asked(pairs, tokenizer):
    assert list(encode(pairs, tokenizer, 8)) == ["train", "validation"]
    assert "labels" not in encode(pairs, tokenizer, 8, splits=["test"])["test"].column_names


def test_second_call_reads_the_cache(pairs, tokenizer, monkeypatch):
    first = encode(pairs, tokenizer, 8)["train"].to_dict()
    monkeypatch.setattr("src.data.encode._tokenise", lambda *_: pytest.fail("tokenised again"))
    assert encode(pairs, tokenizer, 8)["train"].to_dict() == first
    tokenizer("a call", padding="max_length", truncation=True, max_length=5)  # changes the tokenizer's state
    assert encode(pairs, tokenizer, 8)["train"].to_dict() == first


def test_cache_tells_everything_apart(pairs, tokenizer):
    def files() -> int:
        return len(list(cache_dir("tokenized").iterdir()))

    encode(pairs, tokenizer, 8)
    assert files() == 1  # train and validation hold the same rows here
    encode(pairs, tokenizer, 9)
    assert files() == 2
    other = {name: Dataset.from_dict(ROWS | {"label": [0, 0, 0]}) for name in ("train", "validation")}
    encode(replace(pairs, splits=other), tokenizer, 8)
    assert files() == 3
    tokenizer.add_tokens(["film is"])
    encode(pairs, tokenizer, 8)
    assert files() == 4
    assert all(path.suffix == ".arrow" for path in cache_dir("tokenized").iterdir())


def test_broken_cache_file_is_made_again(pairs, tokenizer, caplog):
    expected = encode(pairs, tokenizer, 8)["train"].to_dict()
    (file,) = cache_dir("tokenized").iterdir()
    file.unlink()
    file.write_bytes(b"not arrow")
    assert encode(pairs, tokenizer, 8)["train"].to_dict() == expected
    assert "made again" in caplog.text


@pytest.mark.parametrize("length", [4, 65, 0, -1])
def test_impossible_length_is_refused(length, pairs, tokenizer):
    # Three special tokens and a token of each text; the tokenizer was made for 64 at most.
    with pytest.raises(UserError, match=f"data.max_length={length}: this backbone takes 5 to 64 tokens"):
        encode(pairs, tokenizer, length)


RACE = """
import sys
from datasets import Dataset
from transformers import PreTrainedTokenizerFast
from src.data.encode import encode
from src.data.load import TaskData
from src.data.task import Task
task = Task("t", ("a",), "l", ("x", "y"), ("accuracy",), "accuracy", ("validation",))
rows = Dataset.from_dict({"idx": range(3000), "text": ["good film"] * 3000, "label": [0, 1, 1] * 1000})
encoded = encode(TaskData(task, {"train": rows}, "f"), PreTrainedTokenizerFast(tokenizer_file=sys.argv[1]), 8)
print(len(encoded["train"]), sum(encoded["train"]["length"][:]))
"""


def test_two_processes_may_race(tokenizer, tmp_path):
    tokenizer.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    command = [sys.executable, "-c", RACE, str(tmp_path / "tokenizer.json")]
    root = Path(__file__).parents[2]
    running = [subprocess.Popen(command, cwd=root, env=os.environ, stdout=-1, stderr=-1, text=True) for _ in range(2)]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert out.split() == ["3000", "12000"]
        assert err == ""  # no progress bar, no warning
    assert [path.suffix for path in cache_dir("tokenized").iterdir()] == [".arrow"]


@pytest.mark.slow
def test_real_task(glue_dir, data_config, tokenizer):
    data = load_data(data_config("rte", "data.source=tsv", f"data.dir={glue_dir}"), holdout=True)
    encoded = encode(data, tokenizer, 64)
    assert {name: len(part) for name, part in encoded.items()} == {"train": 2241, "holdout": 249, "validation": 277}
    assert encoded["holdout"]["labels"][:] == data.splits["holdout"]["label"][:]
