"""Records of question answering: each is read from the hub's columns and from SQuAD's files."""

import json

import pytest
from datasets import Dataset, DatasetDict, Features, List, Value
from omegaconf import OmegaConf

from src.config.task_records import task_records
from src.data.load import load_data
from src.data.sources import hub
from src.tasks.answer_texts import spans_in
from src.utils.errors import UserError
from src.utils.paths import CONF

RECORDS = [
    path.stem for path in sorted((CONF / "data").glob("*.yaml"))
    if "kind: question_answering" in (text := path.read_text("utf-8")) and "hub:" in text
]  # fmt: skip
TEXT = Value("string")
FEATURES = Features({"id": TEXT, "title": TEXT, "context": TEXT, "question": TEXT,
                     "answers": {"text": List(TEXT), "answer_start": List(Value("int32"))}})  # fmt: skip
CONTEXT = "Ann sang in Rome."
QUESTIONS = [("Where?", "Rome"), ("Who?", "Ann"), ("When?", None)]


def record(name: str, source: str, folder: str | None = None) -> dict:
    found = {**task_records([name, "mrpc"], source, folder)[name], "holdout_fraction": 0.2, "holdout_max": None}
    return found | {"name": f"{name}_{source}_tested"}  # nothing of it is kept for the next


def check(node: dict, count: int) -> None:
    data = load_data(node, holdout=False)
    rows = data.splits["validation"]
    assert len(rows) == count and rows["text"][0] == "Where?" and rows["text_pair"][0] == CONTEXT
    assert [spans_in(label) for label in rows["label"][:]] == [[(12, "Rome")], [(0, "Ann")], []][:count]
    assert data.clusters["validation"] == dict.fromkeys(range(count), CONTEXT)
    assert data.task.primary_metric == "answer_f1"


def asked(name: str) -> list:
    return QUESTIONS if name == "squad_v2" else QUESTIONS[:2]


@pytest.mark.parametrize("name", RECORDS)
def test_the_hub_s_columns(name, monkeypatch):
    rows = [
        {"id": "1", "title": "T", "context": CONTEXT, "question": question,
         "answers": {"text": [own] if own else [], "answer_start": [CONTEXT.index(own)] if own else []}}
        for question, own in asked(name)
    ]  # fmt: skip
    data = Dataset.from_list(rows, features=FEATURES)
    paths = []
    splits = DatasetDict(train=data, validation=data)
    monkeypatch.setattr(hub, "fetch", lambda path, config, revision: paths.append(path) or splits)
    check(record(name, "hub"), len(rows))
    assert paths == [f"rajpurkar/{name}"]


@pytest.mark.parametrize("name", RECORDS)
def test_files_as_published(name, tmp_path):
    qas = [
        {"id": "1", "question": question, "is_impossible": own is None,
         "answers": [{"text": own, "answer_start": CONTEXT.index(own)}] if own else []}
        for question, own in asked(name)
    ]  # fmt: skip
    node = record(name, "files", str(tmp_path))
    (tmp_path / "SQuAD").mkdir()
    for file in node["sources"]["files"]["files"].values():
        content = {"version": "1", "data": [{"title": "T", "paragraphs": [{"context": CONTEXT, "qas": qas}]}]}
        (tmp_path / "SQuAD" / file).write_text(json.dumps(content))
    check(node, len(qas))


@pytest.mark.parametrize("name", RECORDS)
def test_the_hub_is_asked_and_out_of_reach(name, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for variable in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    path = OmegaConf.load(CONF / "data" / f"{name}.yaml").sources.hub.path
    with pytest.raises(UserError, match=f"data set '{path}'.*cannot be reached"):
        load_data(record(name, "hub"), holdout=False)


def test_there_are_some():
    assert RECORDS == ["squad", "squad_v2"]
