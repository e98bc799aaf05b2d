"""Looking inside adapters: numbers against numpy, scipy and hand-made factors; the command on real runs."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch

from src.__main__ import main
from src.analysis import breakdown, svd_init
from src.analysis.movement import movement
from src.analysis.spectra import effective_rank, singular_values
from src.analysis.subspace import compare, orthonormal_basis, phi
from src.analysis.trained_factors import Factors, factors_of, load_factors
from src.models.adapter import LowRankAdapter
from src.models.classifier import load_classifier
from src.models.hydralora import HydraLoRALinear
from src.models.inject import adapters
from src.runs.reading import read_run
from tests.deploy.conftest import moved_run

SHORT = ("data.max_train_samples=64", "training.max_steps=4")


def analyze(monkeypatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["src", "analyze", *map(str, arguments)])
    return main()


def test_effective_rank_counts_equal_directions_and_follows_the_entropy():
    assert effective_rank(torch.tensor([2.0, 2.0, 2.0, 0.0])) == pytest.approx(3)
    assert effective_rank(torch.tensor([5.0, 0.0])) == pytest.approx(1)
    assert effective_rank(torch.zeros(4)) == 0
    p = np.array([0.7, 0.2, 0.1])
    assert effective_rank(torch.tensor(3 * p)) == pytest.approx(math.exp(-(p * np.log(p)).sum()))


@pytest.mark.parametrize("model", ["roberta_lora", "roberta_lsr", "roberta_hydralora"])
def test_singular_values_are_those_numpy_finds_in_the_update(tmp_path, model):
    classifier = load_classifier(moved_run(tmp_path, f"model={model}") / "adapter")
    for name, factors in factors_of(classifier).items():
        adapter = classifier.model.get_submodule(name)
        assert isinstance(adapter, LowRankAdapter)
        if isinstance(adapter, HydraLoRALinear):
            updates = [adapter.scaling * head @ adapter.A for head in adapter.B]
        else:
            updates = [adapter.delta_weight()]
        found = singular_values(factors)
        assert len(found) == len(updates) == len(factors.updates)
        for values, update, kept in zip(found, updates, factors.updates, strict=True):
            expected = np.linalg.svd(update.detach().double().numpy(), compute_uv=False)
            np.testing.assert_allclose(values[: len(expected)], expected[: len(values)], atol=1e-5)
            torch.testing.assert_close(kept.float(), update.detach(), atol=1e-5, rtol=1e-4)
            assert values[0] > 1e-3


def test_principal_angles_are_scipy_s_and_no_rotation_changes_them():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
    found = compare(torch.tensor(one), torch.tensor(other))
    angles = np.sort(np.rad2deg(scipy.linalg.subspace_angles(one, other)))
    np.testing.assert_allclose(found["angles_degrees"], angles, atol=1e-8)
    assert found["phi"] == pytest.approx((np.cos(np.deg2rad(angles)) ** 2).sum() / 3)
    assert found["phi_of_random"] == 4 / 20 and found["ranks"] == [4, 3]
    mixed = compare(torch.tensor(one @ rng.normal(size=(4, 4))), torch.tensor(other))
    assert mixed["phi"] == pytest.approx(found["phi"]) and 0.01 < found["phi"] < 0.99


def test_known_angles_and_ranks_are_found():
    e = torch.eye(6, dtype=torch.double)
    turned = torch.stack([e[0], math.cos(math.radians(30)) * e[1] + math.sin(math.radians(30)) * e[2]], dim=1)
    found = compare(e[:, :2], turned)
    assert found["angles_degrees"] == pytest.approx([0, 30], abs=1e-5)
    assert found["phi"] == pytest.approx((1 + 0.75) / 2)
    assert compare(e[:, :2], e[:, 2:4])["phi"] == pytest.approx(0)
    assert orthonormal_basis(turned @ torch.ones(2, 5, dtype=torch.double)).shape == (6, 1)
    assert phi(orthonormal_basis(torch.zeros(6, 2)), e[:, :2]) is None


def test_phi_of_random_spaces_is_what_random_spaces_have():
    torch.manual_seed(0)
    found = [compare(torch.randn(40, 6), torch.randn(40, 3)) for _ in range(300)]
    assert np.mean([row["phi"] for row in found]) == pytest.approx(found[0]["phi_of_random"], rel=0.05)


def test_movement_is_the_distance_from_the_seed_s_start(tmp_path):
    """The start is rebuilt from the record; what was moved by hand has gone exactly that far."""
    folder = moved_run(tmp_path, "seed=3", std=0.0)
    record = json.loads((folder / "result.json").read_text()) | {"data": "synth_paraphrase"}
    (folder / "result.json").write_text(json.dumps(record))
    run = load_factors("x", read_run(folder))
    assert run.trained and not any(row["moved"] for row in movement([run]))
    classifier = load_classifier(folder / "adapter")
    name, adapter = next(adapters(classifier.model))
    with torch.no_grad():
        adapter.A *= 1.5
        adapter.B += 2.0
    run.trained[name] = factors_of(classifier)[name]
    rows = {(row["layer"], row["factor"]): row for row in movement([run])}
    assert rows[name, "A"]["relative"] == pytest.approx(0.5, rel=1e-5)
    assert rows[name, "B"]["moved"] == pytest.approx(2 * math.sqrt(adapter.B.numel()))
    assert rows[name, "B"]["relative"] is None
    assert sum(row["moved"] > 0 for row in rows.values()) == 2


def test_an_adapter_of_another_shape_has_its_update_alone():

    update = torch.diag(torch.tensor([3.0, 2.0, 0.0], dtype=torch.double))
    assert singular_values(Factors(None, (), 1.0, (update,), 1.0))[0].tolist() == [3.0, 2.0, 0.0]


def numbers(mean: float, chance: float = 0.05) -> dict[str, float]:
    return {"mean": mean, "std": 0.0, "pairs": 2, "chance": chance}


@pytest.mark.parametrize(
    ("same", "different", "says"),
    [
        (0.9, 0.06, "only because of their common init"),
        (0.9, 0.88, "whatever their init"),
        (0.9, 0.5, "partly"),
        (0.1, 0.06, "not alike even with a common init"),
        (0.9, None, "cannot be told: that needs a second seed"),
        (None, 0.1, "cannot be told: that needs one seed on two tasks"),
    ],
)
def test_the_verdict_follows_from_the_controls(same, different, says):
    controls = {}
    if same is not None:
        controls["same_seed different_task"] = {"A": numbers(same), "A at the start": numbers(1.0)}
    if different is not None:
        controls["different_seed same_task"] = {"A": numbers(different), "A at the start": numbers(0.05)}
    assert says in breakdown.verdict(controls)


def test_an_init_that_no_seed_changes_gives_no_verdict():
    controls = {
        "same_seed different_task": {"A": numbers(1.0), "A at the start": numbers(1.0)},
        "different_seed same_task": {"A": numbers(1.0), "A at the start": numbers(1.0)},
    }
    assert "A's init is the same with every seed" in breakdown.verdict(controls)


def test_steps_to_a_target():
    curve = [(10, 0.9), (20, 0.5), (30, 0.4), (40, 0.6)]
    assert svd_init.first_step(curve, 0.5, -1) == 20 and svd_init.first_step(curve, 0.3, -1) is None
    assert svd_init.first_step(curve, 0.9, 1) == 10
    assert svd_init.moving_mean(curve, 2) == [(20, pytest.approx(0.7)), (30, pytest.approx(0.45)), (40, 0.5)]


def start_run(folder: Path, init: str, rate: float, seed: int, losses: list[float], scores: list[float]) -> None:
    folder.mkdir()
    record = {
        "schema_version": 1, "status": "ok", "method": "x", "data": "task", "backbone": "b", "seed": seed,
        "adapter_config": {"r": 2, "init": init}, "training": {"learning_rate": rate},
        "primary_metric": {"name": "accuracy", "value": scores[-1], "split": "validation"},
        "metrics": {"selected": {"accuracy": scores[-1]}, "holdout": {"accuracy": scores[-1] - rate}},
        "params": dict.fromkeys(("adapter", "router", "head", "trainable", "total"), 1), "time": {"train_s": 1.0},
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(record))
    lines = [{"event": "train", "step": 10 * i, "loss": loss} for i, loss in enumerate(losses, start=1)]
    evals = [{"event": "eval", "split": "validation", "step": 20 * i, "accuracy": s} for i, s in enumerate(scores, 1)]
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines + evals))


def test_inits_are_compared_each_at_its_best_held_out_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(svd_init, "WINDOW", 1)
    start_run(tmp_path / "a", "svd", 0.1, 0, [0.9, 0.5, 0.2, 0.1], [0.7, 0.9])
    start_run(tmp_path / "b", "kaiming", 0.1, 0, [0.9, 0.8, 0.6, 0.3], [0.6, 0.8])
    start_run(tmp_path / "c", "kaiming", 0.2, 0, [0.1, 0.1, 0.1, 0.1], [0.8, 0.85])  # better there, worse held out
    runs = [read_run(tmp_path / name) for name in "abc"]
    (found,) = svd_init.compare_inits(runs)
    assert found["loss"] == 0.3 and found["score"] == 0.8
    svd, kaiming = found["arms"]["svd"], found["arms"]["kaiming"]
    assert kaiming["best_rate"] == 0.1 and kaiming["rates"] == [0.1, 0.2] and kaiming["best_rate_on_the_edge"]
    assert (svd["steps_to_loss"], kaiming["steps_to_loss"]) == ([30], [40])
    assert (svd["steps_to_score"], kaiming["steps_to_score"]) == ([40], [40])
    (given,) = svd_init.compare_inits(runs, loss=0.5, score=0.95)
    assert given["arms"]["svd"]["steps_to_loss"] == [20] and given["arms"]["svd"]["steps_to_score"] == [None]
    assert isinstance(svd_init.compare_inits(runs[1:]), str)


@pytest.mark.slow
def test_the_command_draws_every_part_it_has_the_runs_for(train, tmp_path, monkeypatch, capsys):
    hydra = [
        train(*SHORT, "model=roberta_hydralora", f"data={data}", f"seed={seed}")
        for data, seed in (("synth_paraphrase", 0), ("synth_paraphrase", 1), ("synth_entailment", 0))
    ]
    others = [train(*SHORT, "model=roberta_lorafa", f"model.lorafa.init={init}") for init in ("kaiming", "svd")]
    plain = train(*SHORT, "model=roberta_head")
    out = tmp_path / "out"
    assert analyze(monkeypatch, *hydra, *others, plain, "--out", out) == 0
    printed = capsys.readouterr().out
    result = json.loads((out / "analysis.json").read_text())
    assert "its method adapts no Linear" in printed and result["left_out"] == {}
    for name in ("spectra", "movement", "subspaces", "breakdown", "router", "starts"):
        assert (out / f"{name}.png").read_bytes()[:4] == b"\x89PNG" and (out / f"{name}.pdf").read_bytes()[
            :4
        ] == b"%PDF"
    assert len(result["runs"]) == len(set(result["runs"])) == 6
    (found,) = result["breakdown"]
    assert "only because of their common init" in found["verdict"] and found["verdict"] in printed
    same = found["similarity"]["same_seed different_task"]
    assert same["A at the start"]["mean"] == pytest.approx(1) and same["A"]["mean"] > 0.9
    experts = {point["expert"] for point in found["tsne"]["B"]["points"]}
    assert experts == {0, 1, 2} and {point["expert"] for point in found["tsne"]["A"]["points"]} == {0}
    assert {row["run"] for row in result["router"]} == {row["run"] for row in result["spectra"] if row["expert"] == 0}


def test_a_part_without_its_inputs_says_why(tmp_path, monkeypatch, capsys, train):
    run = train(*SHORT, "model=roberta_head")
    assert analyze(monkeypatch, run, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    for part in ("spectra", "movement", "subspaces", "breakdown", "router", "starts"):
        assert f"left out: {part}: " in printed
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["analysis.json"]


def test_mistakes_are_answered(tmp_path, monkeypatch, capsys):
    assert analyze(monkeypatch, tmp_path / "nothing", "--out", tmp_path / "out") == 2
    assert "no such folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert analyze(monkeypatch, tmp_path / "empty", "--out", tmp_path / "out") == 2
    assert "no finished run below" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert analyze(monkeypatch, tmp_path / "empty", "--out", tmp_path / "full") == 2
    assert "exists already" in capsys.readouterr().err
