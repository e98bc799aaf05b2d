"""Records of multiple choice: every one is read from the hub's columns and from files of its layout."""

import csv
import json
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from omegaconf import OmegaConf

from src.config.task_records import task_records
from src.data.load import load_data
from src.data.sources import hub
from src.utils.errors import UserError
from src.utils.paths import CONF

RECORDS = [
    path.stem for path in sorted((CONF / "data").glob("*.yaml"))
    if "kind: multiple_choice" in (text := path.read_text("utf-8")) and "hub:" in text
]  # fmt: skip
COMMON = {"holdout_fraction": 0.2, "holdout_max": None}
TEXT = Value("string")
ROWS = {  # a published row, its columns' features, and what is read of it
    "copa": (
        {"premise": "It rained.", "choice1": "It was wet.", "choice2": "It was dry.", "question": "effect", "label": 0},
        {"label": ClassLabel(names=["choice1", "choice2"])},
        ("It rained.", ["effect It was wet.", "effect It was dry."], 0),
    ),
    "swag": (
        {"sent1": "A man sits.", "sent2": "He", **{f"ending{i}": f"goes {i}." for i in range(4)}, "label": 3},
        {"label": ClassLabel(names=["0", "1", "2", "3"])},
        ("A man sits.", [f"He goes {i}." for i in range(4)], 3),
    ),
    "race": (
        {"article": "Long\nago.", "question": "When?", "options": ["now", "then", "never", "soon"], "answer": "B"},
        {"options": List(TEXT)},
        ("Long\nago.", ["When? now", "When? then", "When? never", "When? soon"], 1),
    ),
}


def record(name: str, source: str, folder: str | None = None) -> dict:
    return {**task_records([name, "mrpc"], source, folder)[name], **COMMON}


def read(node: dict) -> tuple[object, object, object]:
    data = load_data(node, holdout=False)
    assert set(data.splits) == {"train", "validation", "test"} and data.task.space.kind.name == "multiple_choice"
    first = data.splits["train"][0]
    return first["text"], first["text_pair"].split("\n"), first["label"]


@pytest.mark.parametrize("name", RECORDS)
def test_the_hub_s_columns(name, monkeypatch):
    row, features, expected = ROWS[name]
    schema = Features(dict.fromkeys(row, TEXT) | features)
    rows = Dataset.from_list([row] * 3, features=schema)
    asked = []
    splits = DatasetDict(train=rows, validation=rows, test=rows)
    monkeypatch.setattr(hub, "fetch", lambda path, config, revision: asked.append((path, config)) or splits)
    node = record(name, "hub")
    node["name"] = f"{name}_tested"  # nothing of it is kept for the next
    assert read(node) == expected
    assert asked == [(node["sources"]["hub"]["path"], node["sources"]["hub"]["config"])]


@pytest.mark.parametrize("name", RECORDS)
def test_files_of_its_layout(name, tmp_path):
    row, _, expected = ROWS[name]
    node = record(name, "files", str(tmp_path))
    source = node["sources"]["files"]
    (tmp_path / source["folder"]).mkdir()
    for file in source["files"].values():
        path = tmp_path / source["folder"] / file
        if Path(file).suffix == ".csv":
            with path.open("w", newline="") as out:
                writer = csv.DictWriter(out, row)
                writer.writeheader()
                writer.writerows([row] * 3)
        else:
            path.write_text((json.dumps(row) + "\n") * 3)
    assert read(node) == expected


@pytest.mark.parametrize("name", RECORDS)
def test_the_hub_is_asked_and_out_of_reach(name, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for variable in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    path = OmegaConf.load(CONF / "data" / f"{name}.yaml").sources.hub.path
    with pytest.raises(UserError, match=f"data set '{path}'.*cannot be reached"):
        load_data(record(name, "hub"), holdout=False)
