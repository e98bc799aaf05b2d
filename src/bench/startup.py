"""Seconds that pass before anything is trained: start-up of a command, and preparation of data."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from src.runs.layout import HISTORY
from src.utils.errors import UserError
from src.utils.paths import ROOT

FIRST_STEP = [
    "experiment=demo", "training.max_steps=2", "training.logging_steps=1", "training.logging_first_step=true",
    "training.disable_tqdm=true",
]  # fmt: skip


def measure_startup(rounds: int) -> list[dict[str, Any]]:
    """Of whole processes: ``--help``, the composed config, and from the command to the end of its first step."""
    plain = {"--help": ["--help"], "--cfg job": ["--cfg", "job"]}
    rows = [{"arm": name, "seconds": min(_process(own) for _ in range(rounds))} for name, own in plain.items()]
    return [*rows, {"arm": "to the first step", "seconds": min(_first_step() for _ in range(rounds))}]


def measure_data(overrides: list[str], rounds: int) -> list[dict[str, Any]]:
    """Reading and tokenising the data of a run: the first time, and with the cache in another process.

    Args:
        overrides: ``data=...`` and what it needs.
        rounds: repetitions of the second kind; the fastest counts.
    """
    with tempfile.TemporaryDirectory(prefix="peft-verdict-bench-") as cache:
        first = _prepare(overrides, cache)
        again = min((_prepare(overrides, cache) for _ in range(rounds)), key=lambda row: row["seconds"])
    return [{"arm": "data, first time", **first}, {"arm": "data, from the cache", **again}]


def _process(arguments: list[str]) -> float:
    started = time.perf_counter()
    _run([sys.executable, "main.py", *arguments])
    return time.perf_counter() - started


def _run(command: list[str], **options: Any) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise UserError(f"{' '.join(command)} failed: {done.stderr[-500:]}")
    return done.stdout


def _first_step() -> float:
    with tempfile.TemporaryDirectory(prefix="peft-verdict-bench-") as folder:
        command = [sys.executable, "main.py", *FIRST_STEP, f"hydra.run.dir={folder}"]
        started = time.time()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            history = Path(folder, HISTORY)
            while process.poll() is None and not (history.exists() and history.stat().st_size):
                time.sleep(0.01)
            seconds = time.time() - started
            if process.wait():
                raise UserError(f"{' '.join(command)} failed")
    return seconds


def _prepare(overrides: list[str], cache: str) -> dict[str, Any]:
    environment = os.environ | {"PEFT_VERDICT_CACHE": cache}
    return json.loads(_run([sys.executable, "-m", "src.bench.startup", *overrides], env=environment).splitlines()[-1])


def prepare(overrides: list[str]) -> dict[str, Any]:
    """Load and tokenise what a run would; imports and the tokenizer's loading are not counted."""
    from hydra import compose, initialize_config_dir
    from transformers import AutoTokenizer

    import src.config.resolvers  # noqa: F401  the resolvers
    from src.backbones.backbone import locate
    from src.backbones.remote_code import NO_REMOTE_CODE
    from src.data.encode import encode
    from src.data.load import load_data
    from src.utils.paths import CONF

    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", overrides=["backbone=nano", *overrides])
    tokenizer = AutoTokenizer.from_pretrained(locate(cfg.backbone), **NO_REMOTE_CODE)
    started = time.perf_counter()
    data = load_data(cfg.data, holdout=True)
    splits = [split for split in data.splits if split in ("train", "holdout", *data.task.evaluation_splits)]
    rows = encode(data, tokenizer, cfg.data.max_length, splits)
    return {"seconds": time.perf_counter() - started, "rows": sum(len(own) for own in rows.values())}


if __name__ == "__main__":
    print(json.dumps(prepare(sys.argv[1:])))
