"""``python -m src predict``, as called from a shell."""

import json
import shutil
import sys

import pyarrow.parquet as pq
import pytest
import torch

from src.__main__ import main
from src.data.load import load_data
from src.deploy.trained_run import load_run
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config


def call(monkeypatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["src", *map(str, arguments)])
    return main()


def dev_rows():
    return load_data(compose_config(*NANO).data, holdout=True).splits["validation"]


def test_a_file_is_answered_as_the_run_answered_its_dev_set(trained, tmp_path, monkeypatch, capsys):
    run, rows = trained(), dev_rows()
    lines = ["text\ttext_pair", *(f"{row['text']}\t{row['text_pair']}" for row in rows)]
    (tmp_path / "in.tsv").write_text("\n".join(lines) + "\n")
    arguments = ("predict", run, "--file", tmp_path / "in.tsv", "--out", tmp_path / "new" / "out.tsv")
    assert call(monkeypatch, *arguments, "--batch-size", 7) == 0
    header, *answers = [line.split("\t") for line in (tmp_path / "new" / "out.tsv").read_text().splitlines()]
    assert header == ["index", "text", "text_pair", "prediction", "not_paraphrase", "paraphrase"]
    recorded = {row["index"]: row for row in pq.read_table(run / "predictions.parquet").to_pylist()}
    assert len(answers) == len(rows) == len(recorded)
    for row, (index, text, pair, label, *scores) in zip(rows, answers, strict=True):
        expected = recorded[row["idx"]]
        assert (text, pair) == (row["text"], row["text_pair"])
        assert label == header[4:][expected["prediction"]] and answers[int(index)][3] == label
        assert [float(score) for score in scores] == pytest.approx(
            torch.tensor(expected["logits"]).softmax(-1).tolist(), abs=1e-4
        )
    assert len({scores[-1] for scores in answers}) > 15, "or equal answers would prove nothing"
    assert "32 rows in" in capsys.readouterr().out


def test_the_columns_of_the_input_stay_whatever_they_are_called(trained, tmp_path, monkeypatch):
    (tmp_path / "in.csv").write_text(
        "id,text,prediction,text_pair,input_prediction,paraphrase\n"
        '7,"A dog, barks .",x,=1+1,y,\n8,"Two\nlines .",,A cat .,,2.5\n'
    )
    assert call(monkeypatch, "predict", trained(), "--file", tmp_path / "in.csv", "--out", tmp_path / "out.tsv") == 0
    header, *answers = [line.split("\t") for line in (tmp_path / "out.tsv").read_text().splitlines()]
    assert header == ["index", "id", "text", "input_prediction", "text_pair", "input_input_prediction",
                      "input_paraphrase", "prediction", "not_paraphrase", "paraphrase"]  # fmt: skip
    assert [answer[:7] for answer in answers] == [
        ["0", "7", "A dog, barks .", "x", "'=1+1", "y", ""], ["1", "8", "Two lines .", "", "A cat .", "", "2.5"]
    ]  # fmt: skip


def test_of_a_folder_above_runs_the_best_by_held_out_score_answers(trained, tmp_path, monkeypatch, capsys):
    for name, held_out, reported in (("a", 0.6, 0.99), ("b", 0.9, 0.5), ("c", 0.7, 0.7)):
        shutil.copytree(trained(), tmp_path / "sweep" / name)
        record = json.loads((tmp_path / "sweep" / name / "result.json").read_text())
        record["metrics"]["holdout"]["accuracy"] = held_out
        record["metrics"]["selected"]["accuracy"] = record["primary_metric"]["value"] = reported
        (tmp_path / "sweep" / name / "result.json").write_text(json.dumps(record))
    assert call(monkeypatch, "predict", tmp_path / "sweep", "--text", "x", "--text2", "y") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["label"]
    assert f"the best of 3 runs by accuracy on rows held out of train, 0.9000: {tmp_path / 'sweep' / 'b'}" in said.err


def test_one_text_is_answered_with_one_line_of_json(trained, monkeypatch, capsys):
    row = dev_rows()[3]
    assert call(monkeypatch, "predict", trained(), "--text", row["text"], "--text2", row["text_pair"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["label"] == max(answer["scores"], key=answer["scores"].get)
    assert sum(answer["scores"].values()) == pytest.approx(1)


def test_a_regression_answers_with_its_number(trained, monkeypatch, capsys):
    run = trained("data=synth_similarity")
    assert call(monkeypatch, "predict", run, "--text", "A man sleeps .", "--text2", "A dog barks .") == 0
    answer = json.loads(capsys.readouterr().out)
    expected = load_run(run).logits(["A man sleeps ."], ["A dog barks ."])
    assert expected.shape == (1, 1) and answer == {"label": pytest.approx(expected.item(), abs=1e-5)}


def test_rows_keep_their_order_and_batches_do_not_matter(trained):
    run = load_run(trained())
    texts = [f"The {'very ' * (i * 7 % 5)}old man sees {i} dogs ." for i in range(9)]
    pairs = texts[::-1]
    together = run.logits(texts, pairs, batch_size=4)
    alone = torch.cat([run.logits([text], [pair]) for text, pair in zip(texts, pairs, strict=True)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-4)
    assert run.logits([], []).shape == (0, 2) and run.predict([], []) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "x"], "two texts"),
        (["--text", "x", "--batch-size", "0"], "int >= 1"),
        (["--file", "none.tsv", "--out", "out.tsv"], "no data file"),
        (["--file", "none.tsv"], "--file needs --out"),
    ],
)
def test_mistakes_are_told_with_exit_status_2(trained, monkeypatch, capsys, arguments, message):
    assert call(monkeypatch, "predict", trained(), *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error


def test_a_missing_column_is_told_with_those_there_are(trained, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.tsv").write_text("a\tb\nx\ty\n")
    arguments = ("predict", trained(), "--file", tmp_path / "in.tsv", "--out", tmp_path / "out.tsv")
    assert call(monkeypatch, *arguments) == 2
    assert "no column 'text', 'text_pair'; it has 'a', 'b'" in capsys.readouterr().err
    assert call(monkeypatch, *arguments, "--columns", "b", "a") == 0
    assert len((tmp_path / "out.tsv").read_text().splitlines()) == 2


def test_what_is_no_run_is_refused(trained, tmp_path):
    run = trained()
    with pytest.raises(UserError, match="no such folder"):
        load_run(tmp_path / "none")
    (tmp_path / "sweep" / "job1").mkdir(parents=True)
    (tmp_path / "sweep" / "job1" / "result.json").write_bytes((run / "result.json").read_bytes())
    with pytest.raises(UserError, match=r"not a run: it holds no result.json; runs below it: .*sweep/job1$"):
        load_run(tmp_path / "sweep")
    failed = json.loads((run / "result.json").read_text()) | {"status": "failed", "error": {"message": "diverged"}}
    (tmp_path / "result.json").write_text(json.dumps(failed))
    with pytest.raises(UserError, match="failed: diverged"):
        load_run(tmp_path)


def test_a_changed_backbone_is_refused(trained, tmp_path):
    run = trained()
    (tmp_path / "result.json").write_bytes((run / "result.json").read_bytes())
    (tmp_path / "adapter").mkdir()
    description = json.loads((run / "adapter" / "adapter.json").read_text()) | {"backbone_fingerprint": "0" * 16}
    (tmp_path / "adapter" / "adapter.json").write_text(json.dumps(description))
    (tmp_path / "adapter" / "adapter.safetensors").write_bytes((run / "adapter" / "adapter.safetensors").read_bytes())
    with pytest.raises(UserError, match="its weights have changed"):
        load_run(tmp_path)


def test_half_a_character_is_no_text(trained):
    with pytest.raises(UserError, match=r"text 1 holds '\\ud800' \(character 3\)"):
        load_run(trained()).predict(["fine", "a \ud800"], ["fine", "fine"])
