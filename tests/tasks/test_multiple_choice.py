"""Multiple choice: how candidates are read, scored, trained on, kept and answered."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoConfig, AutoModelForMultipleChoice

from src.backbones.several_inputs import take_several_inputs
from src.config.validate import validate
from src.data.normalise import normalise, rows_of
from src.data.sources.custom import load_custom
from src.deploy.trained_run import load_run
from src.packed.launch import why_alone
from src.runs.reading import load_record
from src.tasks import KINDS, label_space
from src.tasks.candidates import candidate_lists, positions
from src.tasks.kind import NO_LOGIT
from src.training.run import run_job
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config
from tests.tasks.test_kinds import TINY

CHOICE = KINDS["multiple_choice"]
PLACE = rows_of("x")


def read(columns: dict, text: list[str], label: str | None = None) -> list[tuple]:
    rows = normalise(columns, text=text, label=label, label_names=(), kind="multiple_choice", place=PLACE)
    return list(zip(rows["text"], rows["text_pair"], *([rows["label"]] if label else []), strict=True))


def test_candidates_in_columns_in_lists_and_on_lines():
    columns = {"p": ["P", "Q"], "q": ["why", "how"], "a": ["one", "two"], "b": ["three", "four"], "n": ["1", 0]}
    assert read(columns, ["p", "a", "b"], "n") == [("P", "one\nthree", 1), ("Q", "two\nfour", 0)]
    assert read(columns, ["p+q", "a", "b"]) == [("P why", "one\nthree"), ("Q how", "two\nfour")]
    assert read(columns, ["p", "q+a", "q+b"]) == [("P", "why one\nwhy three"), ("Q", "how two\nhow four")]
    lists = {"p": ["P", "Q"], "q": ["why", "how"], "o": [["x", "y\nz"], ["u", "v", "w"]]}
    assert read(lists, ["p", "q+o"]) == [("P", "why x\nwhy y z"), ("Q", "how u\nhow v\nhow w")]
    assert read({"p": ["P"], "o": ["x\ny"]}, ["p", "o"]) == [("P", "x\ny")]
    assert read({"p+q": ["own"], "a": ["x"], "b": ["y"]}, ["p+q", "a", "b"]) == [("own", "x\ny")]
    assert candidate_lists({"a": ["1"], "b": ["2"], "c": [""]}, ["a", "b", "c"], PLACE) == [["1", "2"]]


@pytest.mark.parametrize(
    ("columns", "text", "message"),
    [
        ({"p": ["P"], "a": ["x"], "b": [None]}, ["p", "a", "b"], "x row 0: 1 candidates in 'a', 'b'; rule: 2 or more"),
        ({"p": ["P"], "a": ["x"], "b": [""], "c": ["y"]}, ["p", "a", "b", "c"], "column 'c' behind one that is empty"),
        ({"p": ["P"], "o": [["x", ""]]}, ["p", "o"], "a candidate in column 'o' is empty"),
        ({"p": ["P"], "o": [["x", 3]]}, ["p", "o"], "3 in column 'o' is not text"),
        ({"p": ["P"], "o": [7]}, ["p", "o"], "7 in column 'o' is no list of candidates"),
        ({"p": ["P"], "a": ["x"]}, ["p", "q+a"], "no column 'q'; the columns are 'p', 'a'"),
        ({"p": [" "], "o": ["x\ny"]}, ["p", "o"], "the text in column 'p' is empty"),
    ],
)
def test_rows_that_are_none(columns, text, message):
    with pytest.raises(UserError, match=message.replace("+", r"\+")):
        read(columns, text)


def test_labels_are_positions():
    assert positions([0, "1", 2.0, "3.0", "A", "d"], "l", PLACE) == [0, 1, 2, 3, 0, 3]
    for wrong in (True, -1, "", "AB", 1.5, None, "first"):
        with pytest.raises(UserError, match=r"x row 0: label .* is no candidate: a number from 0, or a letter from A"):
            positions([wrong], "l", PLACE)
    columns = {"p": ["P", "Q"], "o": [["x", "y", "z"], ["x", "y"]], "l": [2, 2]}
    with pytest.raises(UserError, match="x row 1: label 2 is none of 2 candidates, which count from 0"):
        read(columns, ["p", "o"], "l")
    with pytest.raises(UserError, match="a multiple choice has none"):
        CHOICE.check_names(["a", "b"])


def models():
    """Ours and transformers' own, with the same weights: on BERT both have one Linear behind the pooler."""
    space, config = label_space((), "multiple_choice"), AutoConfig.for_model("bert", **TINY)
    space.configure(config)
    torch.manual_seed(0)
    ours = CHOICE.model_class().from_config(config).eval()
    theirs = AutoModelForMultipleChoice.from_config(config).eval()
    theirs.load_state_dict(ours.state_dict())
    take_several_inputs(ours, CHOICE)
    return ours, theirs


def batch(n: int = 3, candidates: int = 4) -> dict[str, torch.Tensor]:
    ids = torch.arange(n * candidates * 5).reshape(n, candidates, 5) % 29 + 1
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}


def test_scores_and_loss_are_those_of_transformers_multiple_choice():
    ours, theirs = models()
    labels = torch.tensor([3, 0, 1])
    found, expected = ours(**batch(), labels=labels), theirs(**batch(), labels=labels)
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.loss, expected.loss)
    by_row = sum(CHOICE.loss(found.logits[i : i + 1], labels[i : i + 1], "sum") for i in range(3))
    torch.testing.assert_close(by_row, 3 * found.loss)
    assert ours(input_ids=batch()["input_ids"][0]).logits.shape == (4, 1), "a candidate alone has its own score"
    assert type(ours).__name__ == "BertForSequenceClassification", "as what it is saved and opened"


def test_candidates_that_are_not_there_count_for_nothing():
    """Against each example alone."""
    ours, _ = models()
    inputs = batch()
    inputs["attention_mask"][1, 2:] = 0
    labels = torch.tensor([3, 0, 1])
    together = ours(**inputs, labels=labels)
    assert (together.logits[1, 2:] == NO_LOGIT).all() and len(CHOICE.present(together.logits)) == 10
    alone = [
        ours(**{k: v[i : i + 1, : 2 if i == 1 else 4] for k, v in inputs.items()}, labels=labels[i : i + 1])
        for i in range(3)
    ]
    for row, own in zip(together.logits, alone, strict=True):
        torch.testing.assert_close(row[: own.logits.shape[1]], own.logits[0])
    torch.testing.assert_close(together.loss, sum(own.loss for own in alone) / 3)
    together.loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in ours.parameters() if p.grad is not None)


def test_batches_of_other_widths_are_one_array():
    rows = {"candidates": [3, 2]}
    logits, labels = CHOICE.gather(np.array([[1, 2, 3], [-4, -5, -100]], dtype="float32"), np.array([2, 0]), rows)
    assert logits.tolist() == [[1, 2, 3], [-4, -5, NO_LOGIT]] and CHOICE.predictions(logits).tolist() == [2, 0]
    assert [own.tolist() for own in CHOICE.kept(logits, labels, np.int64)["logits"]] == [[1, 2, 3], [-4, -5]]
    first, second = CHOICE.answers(torch.from_numpy(logits), (), ["a\nb\nc", "x\ny"])
    assert (first.label, first.more["candidate"], second.label) == ("c", 2, "x")
    assert second.more["chances"] == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])
    assert CHOICE.answers(torch.from_numpy(logits), ())[1].label == 0


def write(path, number: int) -> None:
    words = ["red", "green", "blue", "black"]
    rows = []
    for row in range(number):
        count = 2 + row % 3
        options = [words[(row + i) % 4] for i in range(count)]
        rows.append({"story": f"it is {options[row % count]}", "options": options, "answer": "ABCD"[row % count]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


FILE = ["data=custom", "data.kind=multiple_choice", "data.text=[story,options]", "data.label=answer"]


def test_a_file_is_trained_on_and_asked(tmp_path):
    for split, number in (("train", 48), ("validation", 12)):
        write(tmp_path / f"{split}.jsonl", number)
    files = [f"data.files.{split}={tmp_path}/{split}.jsonl" for split in ("train", "validation")]
    config = compose_config(*NANO, *FILE, *files, "training.max_steps=12", "training.learning_rate=5e-3",
                            "training.per_device_eval_batch_size=5")  # fmt: skip
    score = run_job(config, tmp_path / "run")
    kept = pq.read_table(tmp_path / "run" / "predictions.parquet").to_pydict()
    assert [len(row) for row in kept["logits"]] == [2 + row % 3 for row in range(12)] and kept["index"] == [*range(12)]
    assert kept["label"] == [row % (2 + row % 3) for row in range(12)]
    assert [int(np.argmax(row)) for row in kept["logits"]] == kept["prediction"]
    assert score == pytest.approx(np.mean(np.equal(kept["label"], kept["prediction"])))
    record = load_record(tmp_path / "run")
    assert record.text == ["story", "options"] and record.content["cut"]["train"]["rows"] == 0
    run = load_run(tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "validation.jsonl").read_text().splitlines()]
    lists = ["\n".join(row["options"]) for row in rows]
    logits = run.logits([row["story"] for row in rows], lists, batch_size=5)
    for own, expected in zip(logits.tolist(), kept["logits"], strict=True):
        np.testing.assert_allclose(own[: len(expected)], expected, atol=1e-4)
    answers = run.predict([row["story"] for row in rows], lists)
    assert [answer.label for answer in answers] == [
        row["options"][own] for row, own in zip(rows, kept["prediction"], strict=True)
    ]
    with pytest.raises(UserError, match="text 0: there are no candidates"):
        run.predict(["x"], ["\n"])


def test_what_does_not_go_together_is_refused(tmp_path):
    with pytest.raises(UserError, match="synth_choice is a multiple choice, whose rows are several inputs"):
        validate(compose_config(*NANO, "data=mix", "data.tasks=[synth_choice,synth_tags]"))
    with pytest.raises(UserError, match="label_smoothing_factor is for classes, and synth_choice is a multiple choice"):
        validate(compose_config(*NANO, "data=synth_choice", "training.label_smoothing_factor=0.1"))
    with pytest.raises(UserError, match="breaks the rule: the column of the context, then one of all candidates"):
        validate(compose_config(*NANO, *FILE[:2], "data.files.train=x.csv", "data.text=[story]"))
    plain = compose_config(*NANO, "data=synth_choice")
    assert "whose rows are several inputs" in why_alone(validate(plain))


def test_a_test_file_may_have_no_labels(tmp_path):
    write(tmp_path / "train.jsonl", 20)
    (tmp_path / "test.jsonl").write_text(json.dumps({"story": "x", "options": ["a", "b"], "answer": "-1"}) + "\n")
    found = load_custom(
        path=None, config=None, revision=None, splits={}, text=["story", "options"], label="answer", label_names=None,
        files={"train": str(tmp_path / "train.jsonl"), "test": str(tmp_path / "test.jsonl")}, kind="multiple_choice",
        evaluation_splits=["validation"], validation_fraction=0.2,
    )  # fmt: skip
    assert "label" not in found["test"].column_names and found["train"].num_rows == 16
