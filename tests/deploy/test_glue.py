"""Submission files against what GLUE's server documents: names, header, encoding of the classes."""

import sys

import pytest
import torch
from omegaconf import OmegaConf

from src.__main__ import main
from src.config.choices import written
from src.deploy.glue_submission import write_submission
from src.deploy.trained_run import load_run
from src.utils.errors import UserError
from tests.deploy.conftest import moved_run

ZERO_ONE, NLI = {"0", "1"}, {"entailment", "neutral", "contradiction"}
# gluebenchmark.com, FAQ and sample submission: the files, and what may stand in their second column.
FILES = {
    "cola": {"CoLA": ZERO_ONE},
    "sst2": {"SST-2": ZERO_ONE},
    "mrpc": {"MRPC": ZERO_ONE},
    "stsb": {"STS-B": None},
    "qqp": {"QQP": ZERO_ONE},
    "mnli": {"MNLI-m": NLI, "MNLI-mm": NLI, "AX": NLI},
    "qnli": {"QNLI": {"entailment", "not_entailment"}},
    "rte": {"RTE": {"entailment", "not_entailment"}},
    "wnli": {"WNLI": ZERO_ONE},
}
ROWS = 12


@pytest.fixture(scope="module")
def glue(tmp_path_factory):
    """GLUE's folders in small, laid out as each task's YAML says."""
    home = tmp_path_factory.mktemp("glue")
    for task in FILES:
        cfg = OmegaConf.create(written("data", task))
        names = list(cfg.label_names)
        source = OmegaConf.to_container(OmegaConf.create({"data": cfg}).data.sources.tsv, resolve=False)
        label_encoding = source.get("label_encoding") or names
        (home / source["folder"]).mkdir()
        for split, name in source["files"].items():
            test = split.startswith("test")
            bare = source.get("headerless", {}).get(split)
            header = bare or (["index"] if test else []) + source["text"] + ([] if test else [source["label"]])
            rows = []
            for i in range(ROWS):
                row = dict.fromkeys(header, f"The {i} men of {task} see {split} dogs .")
                row |= {"index": str(i)}
                if not test:
                    row[source["label"]] = label_encoding[i % len(label_encoding)] if names else f"{i % 5}.5"
                rows.append("\t".join(row[column] for column in header))
            lines = rows if bare else ["\t".join(header), *rows]
            (home / source["folder"] / name).write_text("\n".join(lines) + "\n")
    (home / "AX").mkdir()
    lines = ["index\tsentence1\tsentence2", *(f"{i}\tOne {i} .\tTwo {i} ." for i in range(5))]
    (home / "AX" / "AX.tsv").write_text("\n".join(lines) + "\n")
    return home


def run_of(task: str, glue, folder, *overrides: str):
    return moved_run(folder, f"data={task}", "data.source=tsv", f"data.dir={glue}", *overrides, head=0.5)


@pytest.mark.parametrize("task", FILES)
def test_the_files_are_the_servers(task, glue, tmp_path, capsys):
    run = run_of(task, glue, tmp_path / "run")
    written = write_submission([run], tmp_path / "out")
    assert set(written) == set(FILES[task]) == {path.stem for path in (tmp_path / "out").iterdir()}
    for name, labels in FILES[task].items():
        header, *lines = (tmp_path / "out" / f"{name}.tsv").read_text().removesuffix("\n").split("\n")
        rows = [line.split("\t") for line in lines]
        assert header == "index\tprediction"
        assert [index for index, _ in rows] == [str(i) for i in range(5 if name == "AX" else ROWS)]
        answers = [answer for _, answer in rows]
        if labels is None:
            assert all(0 <= float(answer) <= 5 and len(answer.partition(".")[2]) == 3 for answer in answers)
        else:
            assert set(answers) <= labels
    wanted = capsys.readouterr().out.partition("The server wants these files as well: ")[2]
    assert wanted.count(".tsv") == 11 - len(FILES[task])


def test_the_label_is_the_one_of_the_largest_logit(glue, tmp_path):
    run = run_of("rte", glue, tmp_path / "run")
    write_submission([run], tmp_path / "out")
    answers = [line.split("\t")[1] for line in (tmp_path / "out" / "RTE.tsv").read_text().splitlines()[1:]]
    texts = [f"The {i} men of rte see test dogs ." for i in range(ROWS)]
    logits = load_run(run).logits(texts, texts)
    assert answers == [("entailment", "not_entailment")[i] for i in logits.argmax(-1).tolist()]
    assert torch.unique(logits, dim=0).shape[0] > 1


def test_several_runs_fill_one_folder_from_another_copy_of_the_data(glue, tmp_path, monkeypatch, capsys):
    cola, rte = (run_of(task, tmp_path / "gone", tmp_path / task) for task in ("cola", "rte"))
    out = str(tmp_path / "out")
    arguments = ["src", "predict", str(cola), str(rte), "--glue-submission", out]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == 2 and "no such folder" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*arguments, "--glue-data", str(glue)])
    assert main() == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"CoLA.tsv", "RTE.tsv"}


def test_a_missing_diagnostic_set_is_said_and_the_rest_written(glue, tmp_path, capsys):
    run = run_of("mnli", glue, tmp_path / "run")
    (glue / "AX" / "AX.tsv").rename(glue / "AX" / "hidden")
    try:
        assert set(write_submission([run], tmp_path / "out")) == {"MNLI-m", "MNLI-mm"}
    finally:
        (glue / "AX" / "hidden").rename(glue / "AX" / "AX.tsv")
    assert "AX.tsv is not written: none of AX/AX.tsv" in capsys.readouterr().out


def test_runs_that_cannot_be_submitted_are_refused(glue, tmp_path):
    run = run_of("rte", glue, tmp_path / "rte")
    with pytest.raises(UserError, match="two runs of rte"):
        write_submission([run, run], tmp_path / "out")
    other = moved_run(tmp_path / "other")
    with pytest.raises(UserError, match="synth_paraphrase, which is none of GLUE's tasks"):
        write_submission([other], tmp_path / "out")
