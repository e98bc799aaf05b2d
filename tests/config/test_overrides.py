"""From the words of a command to Hydra's: quoting, order, flags with values."""

import json
import shlex
import subprocess
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

import main
from src.cli import ROOT, run_app
from src.config.key_rules import RENAMED
from src.config.overrides import as_text, prepare, prepare_override
from src.utils.errors import UserError
from src.utils.keys import quoted

TEXTS = [
    "a=b", "a=b=c", "f(x)", "(x)", "[x", "x]", "größe", "naïve café", "日本語", "😀", "it's", 'say "x"', "a#b", "a&b;c",
    "~/runs", "x/[1]/y", "100%!", "<a>|b", "a\\", "\\'", "'", '"', "''", "x\ny", "{x", "a,b=c(d", "a~b^c", "`x`",
    "$HOME",
]  # fmt: skip


def value(word: str):
    """What Hydra makes of an override."""
    return OverridesParser.create().parse_override(word).value()


@pytest.mark.parametrize("text", TEXTS)
def test_a_quoted_text_is_read_back_whatever_it_holds(text):
    assert value(f"key={quoted(text)}") == text
    (word,) = shlex.split(as_text("key", text))
    assert value(word) == text, "as a shell passes it on"


@pytest.mark.parametrize("text", [text for text in TEXTS if "," not in text and text not in ("''",)])
def test_a_value_that_hydra_cannot_read_is_taken_as_a_text(text):
    assert value(prepare_override(f"init_from={text}")) == text


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("data.text=[Größe,b c]", ["Größe", "b c"]),
        ("data.label_names=[x=1,(y)]", ["x=1", "(y)"]),
        ("data.files={train:a=b.csv,test:[ü]}", {"train": "a=b.csv", "test": ["ü"]}),
        ("data.label_names=[[ü],ö]", [["ü"], "ö"]),
        ("seed=3", 3),
        ("model.lora.alpha=1e-3", 1e-3),
        ("init_from=null", None),
        ("data.text=[a,'b,c']", ["a", "b,c"]),
        ("init_from='a=b'", "a=b"),
        ("hydra.run.dir=out/lr=1,seed=2", "out/lr=1,seed=2"),
        ("hydra.run.dir=${data.name}/${now:%Y}", "${data.name}/${now:%Y}"),
    ],
)
def test_what_can_be_read_stays_and_the_rest_is_quoted_item_by_item(word, expected):
    assert value(prepare_override(word)) == expected


def test_a_sweep_over_texts_stays_a_sweep():
    override = OverridesParser.create().parse_override(prepare_override("backbone.path=a=b,ü,c"))
    assert [str(text) for text in override.sweep_string_iterator()] == ["'a=b'", "'ü'", "c"]


def test_folders_of_a_sweep_are_single_values(tmp_path):
    """Their names hold commas and equals signs, see src/sweep/folder_names.py."""
    folders = [tmp_path / f"model=roberta_lora,seed={seed}" for seed in (0, 1)]
    for folder in folders:
        folder.mkdir()
    assert value(prepare_override(f"init_from={folders[0]}")) == str(folders[0])
    sweep = OverridesParser.create().parse_override(prepare_override(f"init_from={folders[0]},{folders[1]},null"))
    assert [text.strip("'") for text in sweep.sweep_string_iterator()] == [*map(str, folders), "null"]


@pytest.mark.parametrize("word", ["=1", "~", "seed", "+", "a..b=1", ".a=1", "größe=1", "a b=1", "data.x(1)=2", "~a b"])
def test_what_is_no_override_is_refused(word):
    with pytest.raises(UserError):
        prepare_override(word)


def test_a_wrong_sweep_shows_the_text_that_works():
    with pytest.raises(UserError) as refused:
        prepare_override("seed=range(1,2,3,4)")
    assert "too many positional arguments" in str(refused.value)
    assert str(refused.value).endswith("""as one text: "seed='range(1,2,3,4)'\"""")


@pytest.mark.parametrize("key", ["hydra.run.dir", "sweep.dir", "hydra.sweep.dir"])
@pytest.mark.parametrize("text", ["", "null", "''", "{file}", "{file}/x/y"])
def test_a_folder_that_cannot_be_is_refused(key, text, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=key):
        prepare_override(f"{key}={text.format(file=tmp_path / 'file')}")


def test_flags_keep_their_values_and_overrides_come_first():
    sweep = "multirun/model=a,seed=0"
    assert prepare(["-m", "seed=0,1", "--config-dir", f"{sweep}/conf", "model=x", "~watch"]) == [
        "seed=0,1", "model=x", "~watch", "-m", "--config-dir", f"{sweep}/conf",
    ]  # fmt: skip
    assert prepare(["--experimental-rerun", f"{sweep}/config.pickle"]) == [
        "--experimental-rerun",
        f"{sweep}/config.pickle",
    ]
    assert prepare(["-cp", f"{sweep}/.hydra", "-cn=config", "--config-d", "a=b"])[-2:] == ["--config-d", "a=b"]
    assert prepare(["--cfg", "job", "seed=1", "--info"]) == ["seed=1", "--cfg", "job", "--info"]
    assert prepare(["--info", "seed=1"]) == ["seed=1", "--info"], "its value may be left out"
    assert prepare(["--config-dir=a=b", "seed=1"]) == ["seed=1", "--config-dir=a=b"]


def call(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", *arguments])
    GlobalHydra.instance().clear()
    run_app(main.main)


def test_a_sweeps_folder_can_be_the_config_dir(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "model=roberta_lora,größe(1)" / "conf"
    (folder / "experiment").mkdir(parents=True)
    (folder / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 41\n")
    call(monkeypatch, "--config-dir", str(folder), "experiment=mine", "--cfg", "job")
    assert "seed: 41" in capsys.readouterr().out


def test_the_config_of_a_run_can_be_run_again(tmp_path, monkeypatch, capsys):
    """--config-path RUN/.hydra, as Hydra documents it, also where the folder's name holds an equals sign."""
    folder = tmp_path / "seed=7"
    call(monkeypatch, "experiment=demo", "seed=7", "--cfg", "job")
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text(capsys.readouterr().out)
    call(monkeypatch, "--config-path", str(folder / ".hydra"), "model.lora.r=3", "--cfg", "job")
    composed = capsys.readouterr().out
    assert "seed: 7" in composed and "r: 3" in composed and "path: assets/nano" in composed


@pytest.mark.slow
def test_a_pickled_config_can_be_run_again(tmp_path):
    """--experimental-rerun FILE, as Hydra documents it."""
    folder = tmp_path / "a=b"
    command = [sys.executable, "main.py"]
    pickled = "+hydra.callbacks={keep:{_target_:hydra.experimental.callbacks.PickleJobInfoCallback}}"
    small = ["experiment=demo", "data.max_train_samples=16", "data.max_eval_samples=8", "training.max_steps=1"]
    words = [*small, f"hydra.run.dir={folder}", pickled]
    first = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    started = json.loads((folder / "result.json").read_text())["started"]
    file = next(folder.rglob("config.pickle"))
    again = subprocess.run([*command, "--experimental-rerun", str(file)], cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    record = json.loads((folder / "result.json").read_text())
    assert record["status"] == "ok" and record["started"] > started
    missing = subprocess.run([*command, "--experimental-rerun", "a=b/none"], cwd=ROOT, capture_output=True, text=True)
    assert missing.returncode == 2 and "a=b/none does not exist" in missing.stderr and "Traceback" not in missing.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seed=0,1"], "seed=0,1: several values are a sweep, which needs --multirun; as one text: \"seed='0,1'\"; "
                       "as a list: 'seed=[0,1]'"),
        (["init_from=nowhere/model=a,seed=0"], "as one text: \"init_from='nowhere/model=a,seed=0'\""),
        (["init_from=größe=(1)"], "init_from=größe=(1) is not a run folder"),
        (["~seed"], "error: seed is missing from the config"),
        (["data=null"], "error: data=null: a choice is a name; choices: boolq"),
        (["model=null"], "error: model=null: a choice is a name; choices: roberta_bitfit"),
        (["~data"], "error: data."),
        (["model.name=[a]"], "error: model.name=['a'] breaks the rule: str"),
        (["experiment=demo", "model.name=[a]"], "error: model.name=['a'] breaks the rule: str"),
        (["backbone.package=[1]"], "error: backbone.package=[1] breaks the rule: map | null"),
        (["data.source=[x]"], "error: data.source=['x'] breaks the rule: str"),
        (["watch={}"], "error: watch={} breaks the rule"),
        (["model=[[1]]"], "a choice is a name; choices: roberta_bitfit"),
        (["hydra.run.dir=[x]"], "hydra.run.dir=[x]"),
        (["hydra.verbose=[[1]]"], "error: Hydra"),
        (["-m", "hydra.sweeper=null"], "error: Hydra cannot start the run with the values of its own keys, hydra.*"),
        (["-m", "hydra.launcher=null"], "error: Hydra cannot start the run with the values of its own keys, hydra.*"),
        (["+seed=1"], "seed is in the config already: seed=VALUE, without the +, sets it"),
        (["hydra.run.dir=/proc/nothing/here"], "the run's folder cannot be made"),
        (["-m", "seed=0", "sweep.dir=/proc/no/here"], "/proc/no/here: No such file or directory; sweep.dir=FOLDER"),
        (["hydra.run.dir=${nope}"], "nope is missing, and hydra.run.dir refers to it"),
    ],
)  # fmt: skip
def test_what_fails_before_the_job_is_one_message(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        call(monkeypatch, *words, "hydra/job_logging=disabled")
    error = capsys.readouterr().err
    assert stop.value.code == 2 and "Traceback" not in error
    assert message in error


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_of_a_key_does_what_the_new_one_does(old, new):
    assert prepare_override(f"{old}=false") == f"{new}=false" and prepare_override(f"++{old}=false") == f"++{new}=false"
