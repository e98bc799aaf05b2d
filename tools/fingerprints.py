"""The numbers of one short run of every method, to the bit: what a change of structure must leave as they are.

    python tools/fingerprints.py before.json      on the commit before
    python tools/fingerprints.py after.json before.json   on the commit after, same machine: says what differs

Besides every model config on the embedded backbone: a mix of tasks, a regression, two packed jobs, and a run that was
killed after a checkpoint and went on. Bits are those of one machine and its packages, so no fingerprint is checked in.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
SHORT = ["experiment=demo", "data.max_train_samples=64", "data.max_eval_samples=32", "training.num_train_epochs=2",
         "training.per_device_train_batch_size=16", "training.disable_tqdm=true"]  # fmt: skip
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def main(target: str, before: str | None = None) -> int:
    """Run everything, write the fingerprints, compare them; returns the exit status."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _call(folder / "methods", "model=glob(*)", "--multirun")
        _call(folder / "tasks", "data=synth_similarity,synth_entailment", "--multirun")
        _call(folder / "mix", "data=mix", "data.tasks=[synth_entailment,synth_similarity]", "--multirun")
        _call(folder / "packed", "model=roberta_lora,roberta_hydralora", "hydra/launcher=packed",
              "hydra.launcher.measure=false", "--multirun")  # fmt: skip
        _continued(folder / "continued" / "run")
        found = {str(run.relative_to(folder)): _fingerprint(run) for run in sorted(_runs(folder))}
    Path(target).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{len(found)} runs: {target}")
    return _compare(json.loads(Path(before).read_text(encoding="utf-8")), found) if before else 0


def _call(folder: Path, *overrides: str) -> None:
    command = [sys.executable, "main.py", *SHORT, *overrides, f"sweep.dir={folder}", f"hydra.run.dir={folder}"]
    subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)


def _continued(folder: Path) -> None:
    """A run that is killed as soon as it has a checkpoint, and started again."""
    overrides = [*SHORT, "model=roberta_lsr", "training.num_train_epochs=40", "checkpoint.every=1"]
    command = [sys.executable, "main.py", *overrides, f"hydra.run.dir={folder}"]
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    while not (folder / "checkpoint.pt").exists():
        if process.poll() is not None:
            raise RuntimeError("the run that was to be killed ended before its first checkpoint")
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)


def _runs(folder: Path) -> list[Path]:
    return [path.parent for path in folder.rglob("result.json")]


def _fingerprint(run: Path) -> dict[str, object]:
    record = json.loads((run / "result.json").read_text(encoding="utf-8"))
    tensors = hashlib.sha256((run / "adapter" / "adapter.safetensors").read_bytes()).hexdigest()
    rows = json.dumps(pq.read_table(run / "predictions.parquet").to_pydict(), sort_keys=True)
    kept = ("method", "metrics", "params", "epochs", "batches_fingerprint", "data_fingerprint", "adapted_modules")
    return {key: record.get(key) for key in kept} | {
        "predictions": hashlib.sha256(rows.encode()).hexdigest(),
        "tensors": tensors,
    }


def _compare(before: dict[str, dict[str, object]], after: dict[str, dict[str, object]]) -> int:
    different = 0
    for name in sorted(before.keys() | after.keys()):
        one, two = before.get(name, {}), after.get(name, {})
        keys = [key for key in sorted(one.keys() | two.keys()) if one.get(key) != two.get(key)]
        if keys:
            different += 1
            print(f"{name}: {', '.join(keys)}")
    print(f"{different} of {len(before.keys() | after.keys())} differ")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
