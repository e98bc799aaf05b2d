"""Run folders as training leaves them, made in milliseconds: for tests of what reads them."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from src.compare.statistics.ranks import make_panel

STEPS_PER_EPOCH = 100


@dataclass(frozen=True)
class Task:
    """A data set to pretend to; ``classes`` None is regression, ``base`` what answering at random scores."""

    name: str = "toy_pairs"
    metric: str = "accuracy"
    extra: tuple[str, ...] = ("f1",)
    classes: int | None = 2
    examples: int = 400
    base: float = 0.5


@dataclass(frozen=True)
class Method:
    """A method to pretend to: its share of right answers, cost per rank, and what its config holds."""

    name: str
    skill: float
    per_rank: int = 2_560
    fixed: int = 0
    router: int = 0
    seconds: float = 30.0
    memory: float = 700.0
    everything: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


PAIRS = Task()
SENTENCES = Task("toy_sentences", "matthews_correlation", ("accuracy",), 2, 300, 0.0)
SIMILARITY = Task("toy_similarity", "pearson", ("spearmanr",), None, 250, 0.0)
METHODS = (
    Method("alpha", 0.91, settings={"r": 8, "dropout": 0.0}),
    Method("beta", 0.90, per_rank=60, seconds=34, settings={"r": 2, "num_terms": 16}),
    Method("gamma", 0.88, per_rank=1_280, memory=680, settings={"r": 16, "init": "orthogonal"}),
    Method("gamma_svd", 0.87, per_rank=1_280, memory=681, settings={"r": 16, "init": "svd"}),
    Method("delta", 0.89, per_rank=2_600, router=2_304, seconds=41, memory=760, settings={"r": 4, "num_experts": 3}),
    Method("everything", 0.92, per_rank=0, fixed=1_344_768, everything=True, seconds=52, memory=905),
    Method("biases", 0.84, per_rank=0, fixed=7_168, seconds=27, memory=660),
    Method("nothing", 0.60, per_rank=0, seconds=14, memory=640),
)
ALPHA, EVERYTHING, NOTHING = METHODS[0], METHODS[5], METHODS[7]


def make_run(
    folder: Path,
    method: Method = ALPHA,
    seed: int = 0,
    task: Task = PAIRS,
    backbone: str = "toy",
    epochs: int = 3,
    rate: float = 1e-3,
    settings: dict[str, Any] | None = None,
    skill: float | None = None,
    predictions: bool = True,
    history: bool = True,
    **changes: Any,
) -> Path:
    """Write one finished run: a record whose scores are those of its predictions, and a history that leads to them.

    Args:
        folder: the run's own; made.
        method: what to pretend to have trained.
        seed: of the run. All runs of a task share its labels and which examples are hard.
        task: what to pretend to have trained on.
        backbone: its name.
        epochs: number of evaluations in the history.
        rate: the learning rate, which lies in ``training``.
        settings: hyperparameters that differ from the method's own.
        skill: share of right answers instead of the method's own.
        predictions: write ``predictions.parquet``.
        history: write ``history.jsonl``.
        changes: fields of the record to replace.
    """
    settings = method.settings | (settings or {})
    skill = method.skill if skill is None else skill
    rng = np.random.default_rng([seed, *f"{method.name}{sorted(settings.items())}{rate}".encode()])
    labels, answers, logits = _answers(task, skill + rng.normal(0, 0.01), rng)
    scores = {name: _score(name, task, labels, answers) for name in (task.metric, *task.extra)}
    curve = [{name: task.base + (value - task.base) * (1 - 0.5**epoch) / (1 - 0.5**epochs)
              for name, value in scores.items()} for epoch in range(1, epochs + 1)]  # fmt: skip
    adapter = method.fixed + method.per_rank * settings.get("r", 0) * settings.get("num_terms", 1)
    record = _record(method, seed, task, backbone, epochs, rate, settings, adapter, scores)
    folder.mkdir(parents=True)
    if history:
        _write_history(folder, curve, rng)
    if predictions:
        _write_predictions(folder, labels, answers, logits)
    (folder / "result.json").write_text(json.dumps(record | changes, indent=2))
    return folder


def change_predictions(folder: Path, task: Task = PAIRS, **columns: Any) -> None:
    """Replace columns of a run's predictions, and its record's scores by those that they give then."""
    path = folder / "predictions.parquet"
    table = pq.read_table(path).to_pandas().assign(**columns)
    table.to_parquet(path, index=False)
    record = json.loads((folder / "result.json").read_text())
    labels, answers = table.label.to_numpy(), table.prediction.to_numpy()
    scores = {name: _score(name, task, labels, answers) for name in (task.metric, *task.extra)}
    record["metrics"] |= {"selected": scores}
    record["primary_metric"] |= {"value": scores[task.metric]}
    (folder / "result.json").write_text(json.dumps(record))


def make_sweep(
    root: Path,
    methods: tuple[Method, ...] = METHODS,
    seeds: int = 3,
    tasks: tuple[Task, ...] = (PAIRS, SENTENCES),
    ranks: tuple[int, ...] = (),
    rates: tuple[float, ...] = (),
) -> list[Path]:
    """A run of every method, seed and task; the first method also at every rank and learning rate."""
    folders = []
    for task in tasks:
        for seed in range(seeds):
            for method in methods:
                folders.append(make_run(root / f"{len(folders)}_{method.name}_{task.name}_{seed}", method, seed, task))
            first = methods[0]
            for rank in ranks:
                skill = first.skill - 0.02 + 0.01 * np.log2(rank) / 2
                path = root / f"{len(folders)}_r={rank}_{task.name}_{seed}"
                folders.append(make_run(path, first, seed, task, settings={"r": rank}, skill=skill))
            for rate in rates:
                skill = first.skill - 0.03 * abs(np.log10(rate / 3e-3))
                path = root / f"{len(folders)}_rate={rate}_{task.name}_{seed}"
                folders.append(make_run(path, first, seed, task, rate=rate, skill=skill))
    return folders


def _answers(task: Task, skill: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, predictions and logits. How hard each example is, is the task's own, so runs go wrong alike."""
    of_task = np.random.default_rng(list(task.name.encode()))
    size = task.examples
    if task.classes is None:
        labels = of_task.uniform(0, 5, size)
        noise = of_task.normal(0, 1, size) + rng.normal(0, 0.5, size)
        answers = labels + noise * 2.2 * (1 - min(skill, 0.99))
        return labels, answers, answers[:, None]
    labels = of_task.integers(0, task.classes, size)
    hardness = of_task.uniform(0, 1, size)
    right = hardness + rng.normal(0, 0.08, size) < skill
    answers = np.where(right, labels, (labels + 1) % task.classes)
    logits = np.eye(task.classes)[answers] * 4 - 2 + rng.normal(0, 0.3, (size, task.classes))
    return labels, answers, logits


def _score(name: str, task: Task, labels: np.ndarray, answers: np.ndarray) -> float:
    panel = make_panel(name, labels, answers[None], task.classes)
    assert panel, f"{name} cannot be recomputed"
    return float(panel.values[0])


def _write_history(folder: Path, curve: list[dict[str, float]], rng: np.random.Generator) -> None:
    lines: list[dict[str, Any]] = []
    for epoch, scores in enumerate(curve, start=1):
        for step in range((epoch - 1) * STEPS_PER_EPOCH + 20, epoch * STEPS_PER_EPOCH + 1, 20):
            loss = 0.1 + 0.6 * np.exp(-step / 150) + rng.normal(0, 0.01)
            lines.append({"event": "train", "loss": loss, "epoch": step / STEPS_PER_EPOCH, "step": step})
        evaluated = {"step": epoch * STEPS_PER_EPOCH, "epoch": float(epoch), "loss": 0.7 - 0.1 * epoch, **scores}
        lines += [{"event": "eval", "split": split, **evaluated} for split in ("holdout", "validation")]
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _write_predictions(folder: Path, labels: np.ndarray, answers: np.ndarray, logits: np.ndarray) -> None:
    columns = {
        "split": ["validation"] * len(labels),
        "index": np.arange(len(labels)),
        "label": labels,
        "prediction": answers,
        "logits": logits.tolist(),
    }
    pq.write_table(pa.table(columns), folder / "predictions.parquet")


def _record(
    method: Method, seed: int, task: Task, backbone: str, epochs: int, rate: float,
    settings: dict[str, Any], adapter: int, scores: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    head = 16_770
    total = 1_361_538 if method.everything else 1_361_538 + adapter + method.router
    config = {
        "model": {
            "name": f"toy_{method.name}",
            "adapter": {"_target_": f"toy.{method.name}", "_partial_": True, **settings} if settings else None,
            "head": {"train": True, "learning_rate": None},
        },
        "training": {
            "learning_rate": rate, "num_train_epochs": epochs, "per_device_train_batch_size": 32,
            "gradient_accumulation_steps": 1, "weight_decay": 0.01, "selection": "holdout",
        },
        "data": {"name": task.name, "primary_metric": task.metric},
        "backbone": {"name": backbone},
        "seed": seed,
    }  # fmt: skip
    steps = epochs * STEPS_PER_EPOCH
    seconds = method.seconds * (1 + 0.03 * seed)
    return {
        "schema_version": 1, "status": "ok", "error": None, "method": method.name, "backbone": backbone,
        "data": task.name, "seed": seed, "selection": "holdout", "config_hash": "0" * 16, "config": config,
        "started": f"2026-11-22T02:{seed:02}:00+00:00",
        "versions": {"python": "3.11.7", "torch": "2.13.0+cpu", "transformers": "5.23.0"},
        "git": {"commit": "05c56364b86088928f8f9b70fc5dd04e7684b784", "dirty": False},
        "hardware": {"machine": "x86_64", "system": "Linux", "cpu": "a CPU", "cpu_cores": 2, "device": "cpu"},
        "params": {"adapter": adapter, "router": method.router, "head": head,
                   "trainable": total if method.everything else adapter + method.router + head, "total": total},
        "adapted_modules": [], "adapter_config": settings or None, "training": config["training"],
        "max_length": 64, "rows": {"train": 3200, "holdout": 400, "validation": task.examples},
        "data_fingerprint": f"{task.name:0<16}", "backbone_fingerprint": f"{backbone:0<16}",
        "memory": {"peak_rss_mb": method.memory + seed, "peak_device_mb": None},
        "time": {"train_s": seconds, "eval_s": 6.0, "total_s": seconds + 12, "train_samples_per_s": 9600 / seconds,
                 "train_tokens_per_s": 240_000 / seconds, "step_ms_median": 900 * seconds / steps},
        "metrics": {"last": scores, "best": {name: value + 0.002 for name, value in scores.items()},
                    "selected": scores},
        "epochs": {"last": float(epochs), "best": float(epochs - 1), "selected": float(epochs)},
        "primary_metric": {"name": task.metric, "value": scores[task.metric], "split": "validation"},
        "flags": [], "adapter_bytes": 4 * (adapter + method.router + head),
    }  # fmt: skip
