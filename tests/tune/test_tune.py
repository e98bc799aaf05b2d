"""A tuning from the command to the winners' runs: counted, resumed, judged on held-out rows."""

import json
import sys

import optuna
import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from optuna.trial import TrialState

from src.__main__ import main as command
from src.runs.reading import find_runs
from src.utils import reuse
from tests.conftest import NANO, compose_config

TINY = [
    *NANO,
    "data.max_train_samples=40",
    "data.max_eval_samples=16",
    "training.max_steps=2",
    "checkpoint.every=never",
    "hydra/launcher=basic",
]


def tune(monkeypatch, *arguments: str) -> int:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(reuse, "_enabled", False)  # what the jobs keep for each other must not reach other tests
    monkeypatch.setattr(sys, "argv", ["src", "tune", *arguments])
    GlobalHydra.instance().clear()
    try:
        return command()
    except SystemExit as end:
        return int(end.code or 0)


def states(folder, arm):
    study = optuna.load_study(study_name=arm, storage=f"sqlite:///{folder}/study.sqlite")
    return [trial.state for trial in study.trials]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    arguments = [*TINY, "model=roberta_lora,roberta_head", "tune.trials=3", "tune.seeds=2", f"sweep.dir={folder}"]
    with pytest.MonkeyPatch.context() as patch:
        assert tune(patch, *arguments) == 0
    return folder, arguments


def test_every_method_gets_the_same_number_of_trials(tuned):
    folder, _ = tuned
    for arm in ("synth_paraphrase_lora", "synth_paraphrase_head"):
        assert states(folder, arm) == [TrialState.COMPLETE] * 3


def test_the_winner_is_the_best_on_held_out_rows_and_is_trained_with_fresh_seeds(tuned):
    folder, _ = tuned
    summary = json.loads((folder / "tune.json").read_text())["synth_paraphrase_lora"]
    by_folder = {
        path.parent.name: json.loads(path.read_text())["metrics"]["holdout"]["accuracy"]
        for path in (folder / "trials").glob("*/result.json")
    }
    for trial in summary["trials"]:
        assert trial["holdout"] == by_folder[trial["folder"]]
    best = max(trial["holdout"] for trial in summary["trials"])
    assert summary["winner"]["holdout"] == best == pytest.approx(summary["expected_best"][-1], abs=1)
    runs = [run for run in find_runs([folder / "runs"]) if run.method == "lora"]
    assert [run.problem for run in runs] == [None] * 2
    assert sorted(run.seed for run in runs) == [1, 2]  # the trials had seed 0
    rate = summary["winner"]["params"]["training.learning_rate"]
    assert all(run.record.training.learning_rate == pytest.approx(rate, rel=1e-3) for run in runs)


def test_the_plot_and_the_config_are_there(tuned):
    folder, _ = tuned
    assert (folder / "expected_best.png").stat().st_size > 5_000
    written = OmegaConf.load(folder / "conf" / "experiment" / "synth_paraphrase_lora.yaml")
    winner = json.loads((folder / "tune.json").read_text())["synth_paraphrase_lora"]["winner"]["params"]
    assert written.training.learning_rate == pytest.approx(winner["training.learning_rate"], rel=1e-3)
    assert written.model.lora.r == winner["model.lora.r"]
    path = f"hydra.searchpath=[file://{folder}/conf]"
    cfg = compose_config(path, "experiment=synth_paraphrase_lora")
    assert (cfg.model.name, cfg.data.name, cfg.backbone.name) == ("roberta_lora", "synth_paraphrase", "nano")
    assert cfg.training.learning_rate == written.training.learning_rate


def test_the_same_command_goes_on_where_it_was_cut_short(tuned, monkeypatch):
    folder, arguments = tuned
    storage = f"sqlite:///{folder}/study.sqlite"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/*/result.json")}
    assert tune(monkeypatch, *arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/*/result.json")} == before
    # A process that was killed leaves a drawn trial open; it is run, and counts as one of the four.
    study = optuna.load_study(study_name="synth_paraphrase_head", storage=storage)
    drawn = study.ask({"training.learning_rate": study.trials[0].distributions["training.learning_rate"]}).params
    more = [argument.replace("trials=3", "trials=4") for argument in arguments if "model=" not in argument]
    assert tune(monkeypatch, *more, "model=roberta_head") == 0
    trials = optuna.load_study(study_name="synth_paraphrase_head", storage=storage).trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    assert trials[3].params == drawn


@pytest.mark.slow
def test_a_diverged_trial_counts_as_failed_and_a_bad_one_is_ended_early(tmp_path, monkeypatch):
    arguments = [
        *TINY, "model=roberta_head", "training.max_steps=-1", "training.num_train_epochs=3", "tune.trials=9",
        "tune.seeds=1", "tune.pruner=asha", f"sweep.dir={tmp_path}",
        "model.search.learning_rate.high=1e38",  # so large a rate overflows at the second step
    ]  # fmt: skip
    assert tune(monkeypatch, *arguments) == 0
    study = optuna.load_study(study_name="synth_paraphrase_head", storage=f"sqlite:///{tmp_path}/study.sqlite")
    by_state = {state: study.get_trials(states=(state,)) for state in TrialState}
    assert sum(map(len, by_state.values())) == 9
    assert by_state[TrialState.COMPLETE] and by_state[TrialState.FAIL] and by_state[TrialState.PRUNED]
    assert all(max(trial.intermediate_values) < 3 for trial in by_state[TrialState.PRUNED])
    rates = {state: [trial.params["training.learning_rate"] for trial in found] for state, found in by_state.items()}
    assert min(rates[TrialState.FAIL]) > min(rates[TrialState.COMPLETE])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["tune.trials=0"], "tune.trials=0 breaks the rule"),
        (["tune.sampler=grid"], "tune.sampler"),
        (["tune.tials=3"], "did you mean tune.trials"),
        (["training.selection=best"], "training.selection=holdout"),
        (["model.search.learning_rate.high=1e-3"], "2 decades"),
    ],
)
def test_mistakes(arguments, text, tmp_path, monkeypatch, capsys):
    assert tune(monkeypatch, *TINY, f"sweep.dir={tmp_path}", *arguments) == 2
    assert text in " ".join(capsys.readouterr().err.split())


def test_help(monkeypatch, capsys):
    assert tune(monkeypatch, "--help") == 0
    assert "tune.trials=" in capsys.readouterr().out
