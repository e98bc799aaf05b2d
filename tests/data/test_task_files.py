"""Sources of files in a folder: every record that has one reads files of its own layout."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from src.config.task_records import task_records
from src.data.load import load_data
from src.data.normalise import rows_of
from src.data.sources.task_files import joined
from src.utils.errors import UserError
from src.utils.paths import CONF

RECORDS = [
    path.stem for path in sorted((CONF / "data").glob("*.yaml"))
    if "load_files" in (text := path.read_text("utf-8")) and "kind: multiple_choice" not in text  # test_choice_records
]  # fmt: skip
COMMON = {"holdout_fraction": 0.2, "holdout_max": None}


def write(path: Path, columns: list[str], rows: list[list[object]], ending: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if ending == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
    elif ending == ".tsv":
        path.write_text("\n".join("\t".join(map(str, row)) for row in [columns, *rows]) + "\n")
    else:
        path.write_text("".join(f"{word}\t{tag}\n" + "\n" * (place % 2) for place, (word, tag) in enumerate(rows)))


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_reads_files_of_its_layout(record, tmp_path):
    node = OmegaConf.merge({"dir": "x"}, OmegaConf.load(CONF / "data" / f"{record}.yaml"))
    raw = OmegaConf.to_container(OmegaConf.create({"data": node}), resolve=True)
    source, names = raw["data"]["sources"]["files"], raw["data"]["label_names"]
    made = source.get("join", {})
    columns = [part for name in source["text"] for part in made.get(name, [name])] + [source["label"]]
    written = source.get("label_encoding") or names
    rows = [[f"{name} {number}" for name in columns[:-1]] + [written[number % len(written)]] for number in range(20)]
    if raw["data"].get("kind") == "token_classification":
        rows = [[f"w{number}", names[number % len(names)]] for number in range(20)]
    for name in source["files"].values():
        write(tmp_path / "above" / source["folder"] / name, columns, rows, source.get("ending") or Path(name).suffix)
    own = task_records([record, "mrpc"], "tsv", str(tmp_path))[record]
    data = load_data({**own, **COMMON}, holdout=False)
    first = data.splits["train"][0]
    assert set(data.splits) == set(source["files"]) and data.task.label_names == tuple(names)
    if raw["data"].get("kind") is None:
        assert data.splits["train"]["label"][:] == [number % len(names) for number in range(20)]
        expected = [" ".join(f"{part} 0" for part in made.get(name, [name])) for name in source["text"]]
        assert [first[name] for name in ("text", "text_pair")][: len(expected)] == expected


def test_a_missing_column_of_a_join_is_named():
    with pytest.raises(UserError, match="x row 0: no column 'c'; the columns are a, b"):
        joined({"a": ["1"], "b": ["2"]}, {"d": ["a", "c"]}, rows_of("x"))


def test_a_folder_is_found_above_beside_and_itself(tmp_path):
    from src.data.sources.tsv import task_folder

    own = tmp_path / "glue" / "RTE"
    own.mkdir(parents=True)
    for place in (tmp_path, tmp_path / "glue", own):
        assert task_folder(str(place), "RTE", "files") == own
    (tmp_path / "more" / "RTE").mkdir(parents=True)
    with pytest.raises(UserError, match="several folders are named RTE"):
        task_folder(str(tmp_path), "RTE", "files")
