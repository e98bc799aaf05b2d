"""From a table to a model that answers, with one command."""

import csv
import random
import shlex

import pytest
from transformers import AutoModelForSequenceClassification

from src.choose.asked import goes_on, write_asked
from src.commands.choose import main as choose
from src.utils import resume_hint
from src.utils.errors import UserError

GOOD, BAD = ("good", "warm", "clear"), ("bad", "cold", "dull")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Sentences that one word decides."""
    dice = random.Random(0)
    path = tmp_path_factory.mktemp("table") / "reviews.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["review", "verdict"])
        for row in range(160):
            word = dice.choice(BAD if row % 2 else GOOD)
            writer.writerow([f"the {dice.choice(['film', 'cast', 'plot'])} is {word}", "no" if row % 2 else "yes"])
    return path


@pytest.mark.slow
def test_one_command_leaves_a_model_and_the_line_that_asks_it(table, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = [str(table), "--minutes", "0.1", "--backbone", "nano", "--out", str(out), "--mergeable"]
    choose(arguments)
    told = capsys.readouterr().out
    assert "the label is column 'verdict'" in told and "hydralora is left out: it cannot be merged" in told
    assert "table: " in told and f"python -m src predict {out / 'best' / 'run'}" in told
    model = AutoModelForSequenceClassification.from_pretrained(out / "best" / "model")
    assert set(model.config.id2label.values()) == {"no", "yes"}
    before = (out / "plan.json").read_bytes()
    choose(arguments)
    assert (out / "plan.json").read_bytes() == before, "the same command goes on with what it had guessed"
    with pytest.raises(UserError, match=r"minutes 0\.1, now 0\.2"):
        choose([*arguments, "--minutes", "0.2"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--minutes", "0"], "more than 0"),
        (["--backbone", "nope"], "choices: .*nano"),
        (["--label", "nope"], "no column 'nope'"),
    ],
)
def test_mistakes_end_before_anything_is_trained(options, told, table, tmp_path):
    with pytest.raises(UserError, match=told):
        choose([str(table), "--out", str(tmp_path / "out"), *options])
    assert not (tmp_path / "out").exists()


ASKED = {"file": "/a.csv", "text": None, "label": "y", "minutes": 30.0, "mergeable": False}


def test_a_folder_answers_one_question(tmp_path):
    assert not goes_on(tmp_path, ASKED)
    write_asked(tmp_path, ASKED)
    assert goes_on(tmp_path, dict(ASKED))


@pytest.mark.parametrize("key", ASKED)
def test_whatever_is_asked_otherwise_is_another_question(key, tmp_path):
    write_asked(tmp_path, ASKED)
    with pytest.raises(UserError, match=rf"{key} .*, now 'other'.*--out DIR"):
        goes_on(tmp_path, ASKED | {key: "other"})


def test_what_goes_on_is_the_users_own_command(table, tmp_path, monkeypatch, capsys):
    """The study's would end without the best run and the line that asks it."""
    arguments = [str(table), "--backbone", "nano", "--out", str(tmp_path / "out")]

    def cut_short(*_, **__):
        resume_hint.offer("sweep.dir", tmp_path / "out")
        raise KeyboardInterrupt

    monkeypatch.setattr("src.cli._start", cut_short)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        choose(arguments)
    _, told, line = capsys.readouterr().err.strip().rpartition("To go on where it stopped:\n")
    assert told and shlex.split(line)[1:] == ["-m", "src", "choose", *arguments]
