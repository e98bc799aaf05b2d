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
from src.tune.arm import Arm, repeated
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
    assert summary["winner"]["holdout"] == best == pytest.approx(summary["expected_best"][-1])
    runs = [run for run in find_runs([folder / "runs"]) if run.method == "lora"]
    assert [run.problem for run in runs] == [None] * 2
    assert sorted(run.seed for run in runs) == [1, 2]  # the trials had seed 0
    rate = summary["winner"]["params"]["training.learning_rate"]
    assert all(run.record.training.learning_rate == pytest.approx(rate, rel=1e-3) for run in runs)


def test_the_dev_score_that_goes_with_the_winner_is_read_from_its_trial(tuned):
    folder, _ = tuned
    summary = json.loads((folder / "tune.json").read_text())["synth_paraphrase_lora"]
    record = json.loads((folder / "trials" / summary["winner"]["folder"] / "result.json").read_text())
    assert summary["expected_dev"][-1] == pytest.approx(record["primary_metric"]["value"])
    assert summary["method_verdict"] is None  # three trials are no tuning that says anything of a method
    assert summary["no_curves"] is None and summary["median_band"]["decided_to"] == 0


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
    summary = json.loads((tmp_path / "tune.json").read_text())["synth_paraphrase_head"]
    assert summary["no_curves"] == "tune.pruner=asha ends trials early"
    assert summary["expected_best"] is None and not (tmp_path / "expected_best.png").exists()


def test_trials_of_tpe_build_on_each_other_and_have_no_curve(tmp_path, monkeypatch, capsys):
    arguments = [*TINY, "model=roberta_head", "tune.trials=1", "tune.seeds=1", "tune.sampler=tpe"]
    assert tune(monkeypatch, *arguments, f"sweep.dir={tmp_path}") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "No curve over the number of trials: trials of tune.sampler=tpe build on each other" in printed
    assert "about these settings, not the methods" in printed


def test_repeats_have_names_draws_and_seeds_of_their_own(tmp_path):
    config = compose_config(*NANO, "tune.repeats=3", "tune.seeds=2", "seed=5")
    arms = repeated([Arm("synth_paraphrase_lora", ["model=roberta_lora"], config, f"sqlite:///{tmp_path}/s.sqlite")])
    assert [arm.name for arm in arms] == [f"synth_paraphrase_lora{end}" for end in ("", "_repeat2", "_repeat3")]
    assert {arm.method for arm in arms} == {"synth_paraphrase_lora"}
    assert [arm.fresh_seeds for arm in arms] == [[6, 7], [9, 10], [12, 13]]
    drawn = [arm.next_trials(1)[0] for arm in arms]
    assert len({trial.params["training.learning_rate"] for trial in drawn}) == 3
    seeds = [
        [text for text in arm.trial_overrides(t) if text.startswith("seed=")]
        for arm, t in zip(arms, drawn, strict=True)
    ]
    assert seeds == [[], ["seed=8"], ["seed=11"]]  # without one it is the command's, 5


@pytest.mark.slow
def test_four_independent_tunings_give_a_verdict_on_the_methods(tmp_path, monkeypatch, capsys):
    arguments = [*TINY, "model=roberta_lora,roberta_head", "tune.trials=1", "tune.seeds=1", "tune.repeats=4"]
    assert tune(monkeypatch, *arguments, f"sweep.dir={tmp_path}") == 0
    summary = json.loads((tmp_path / "tune.json").read_text())
    assert len(summary) == 8 and len(list((tmp_path / "runs").glob("*/result.json"))) == 8
    runs = sorted(find_runs([tmp_path / "runs"]), key=lambda run: run.seed)
    scores = {
        method: [run.record.primary_metric.value for run in runs if run.method == method] for method in ("lora", "head")
    }
    verdict = summary["synth_paraphrase_head"]["method_verdict"]
    gaps = [b - a for a, b in zip(scores["lora"], scores["head"], strict=True)]
    assert verdict["difference"] == pytest.approx(sum(gaps) / 4) and verdict["repeats"] == 4
    assert "over 4 independent tunings" in " ".join(capsys.readouterr().out.split())


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
