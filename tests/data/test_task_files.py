"""Sources of files in a folder: every record that has one reads files of its own layout."""

import json
import re
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
    if "load_files" in (text := path.read_text("utf-8"))
    and not re.search("kind: (multiple_choice|question)", text)  # test_choice_records, test_question_records
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


def multirc(paragraphs: int) -> str:
    """As SuperGLUE writes it: a line a passage, with its questions, with their answers."""
    lines = []
    for number in range(paragraphs):
        questions = [
            {"question": f"q{number}{which}?", "idx": which,
             "answers": [{"text": f"a{number}{which}{n}", "label": (number + n) % 2} for n in range(1 + which)]}
            for which in range(2)
        ]  # fmt: skip
        lines.append({"idx": number, "version": 1.1, "passage": {"text": f"p{number}.", "questions": questions}})
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_nested_answers_become_rows_of_their_paragraph(tmp_path):
    (tmp_path / "MultiRC").mkdir()
    for name in ("train", "val"):
        (tmp_path / "MultiRC" / f"{name}.jsonl").write_text(multirc(4))
    unlabelled = multirc(2).replace(', "label": 0', "").replace(', "label": 1', "")
    (tmp_path / "MultiRC" / "test.jsonl").write_text(unlabelled)
    own = task_records(["multirc", "mrpc"], "files", str(tmp_path))["multirc"]
    data = load_data({**own, **COMMON}, holdout=False)
    rows = data.splits["validation"]
    assert rows["text"][:3] == ["p0.", "p0.", "p0."] and rows["text_pair"][:3] == [
        "q00? a000",
        "q01? a010",
        "q01? a011",
    ]
    assert rows["label"][:6] == [0, 0, 1, 1, 1, 0] and len(rows) == 12
    assert [data.clusters["validation"][row] for row in (0, 2, 3, 11)] == ["p0.", "p0.", "p1.", "p3."]
    assert len(data.splits["test"]) == 6 and "label" not in data.splits["test"].column_names


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"passage": {"text": "p", "questions": 3}}, r"line 1: no list at passage.questions"),
        ({"passage": {"text": "p", "questions": ["q"]}}, r"line 1: no object with the key 'answers'"),
        ({"passage": "p"}, r"line 1: no object with the key 'questions'"),
    ],
)
def test_what_is_nested_otherwise_is_named(line, message, tmp_path):
    (tmp_path / "MultiRC").mkdir()
    (tmp_path / "MultiRC" / "train.jsonl").write_text(json.dumps(line) + "\n")
    own = task_records(["multirc", "mrpc"], "files", str(tmp_path))["multirc"]
    with pytest.raises(UserError, match=message):
        load_data({**own, **COMMON}, holdout=False)


def test_xnli_is_read_as_published(tmp_path):
    from tests.conftest import compose_config

    train, dev = tmp_path / "XNLI-MT-1.0" / "multinli", tmp_path / "XNLI-1.0"
    names = ["entailment", "neutral", "contradictory"]
    for language in ("en", "de"):
        rows = [[f"{language} p{n}", f"h{n}", names[n % 3]] for n in range(12)]
        write(train / f"multinli.train.{language}.tsv", ["premise", "hypo", "label"], rows, ".tsv")
    names[2] = "contradiction"
    rows = [[language, names[n % 3], f'{language} "p{n}', f"h{n}"] for n in range(6) for language in ("de", "en")]
    for name in ("dev", "test"):
        write(dev / f"xnli.{name}.tsv", ["language", "gold_label", "sentence1", "sentence2"], rows, ".tsv")
    common = ["data=xnli", "data.source=official", f"data.dir={tmp_path}"]
    for language, more in (("en", []), ("de", ["data.sources.official.only.language=de"])):
        data = load_data(compose_config(*common, *more).data, holdout=False)
        assert data.splits["train"]["text"][0] == f"{language} p0" and data.splits["train"]["label"][:3] == [0, 1, 2]
        assert data.splits["validation"]["text"][:] == [f'{language} "p{n}' for n in range(6)]
    config = compose_config(*common, "data.sources.official.only.language=fr").data
    (train / "multinli.train.fr.tsv").write_text((train / "multinli.train.de.tsv").read_text())
    with pytest.raises(UserError, match=r"xnli.dev.tsv line 2: no row of this file has language 'fr'; choices: de, en"):
        load_data(config, holdout=False)
