"""``training.profile=true`` leaves a trace and a page in the run's folder, and the run's numbers as they are."""

import gzip
import json
import re
from types import SimpleNamespace

import pytest

from src.training.profile import ACTIVE, summary


def event(key: str, ms: float, own: float = 0.0, count: int = 10) -> SimpleNamespace:
    return SimpleNamespace(key=key, cpu_time_total=1000 * ms, self_cpu_time_total=1000 * own, count=count)


def test_the_page():
    """Ten steps of 20 ms: the phases are shares of the step and add up to it."""
    page = summary([
        event("ProfilerStep#5", 100), event("ProfilerStep#6", 100), event("enumerate(DataLoader)#next", 10),
        event("forward", 60), event("forward and backward", 150), event("Optimizer.step#AdamW.step", 20),
        event("aten::addmm", 90, own=75, count=240), event("aten::mul", 30, own=25),
    ], steps=10, cuda=False)  # fmt: skip
    found = {name: float(ms) for name, ms in re.findall(r"^(\S[^\d\n]*?) +(\d+\.\d\d) ms +\d", page, re.M)}
    assert found == {"reading and padding the batch": 1, "forward": 6, "backward": 9, "optimizer": 2,
                     "the rest (clipping, logging, callbacks)": 2}  # fmt: skip
    assert re.search(r"aten::addmm +7\.50 +75\.0% +24\.0", page)
    assert "ProfilerStep" not in page.partition("operator")[2]


@pytest.mark.slow
def test_a_run(train):
    plain, profiled = train("seed=3"), train("seed=3", "training.profile=true")
    with gzip.open(profiled / "profile" / "trace.json.gz") as file:
        trace = json.load(file)
    names = {own.get("name") for own in trace["traceEvents"]}
    assert {"forward", "forward and backward", "aten::addmm"} <= names
    page = (profiled / "profile" / "summary.txt").read_text()
    steps = int(page.split()[0])
    assert 1 <= steps <= ACTIVE
    shares = [float(share) for share in re.findall(r" ms +([\d.]+)%", page)]
    assert 98 < sum(shares) < 102
    records = [json.loads((folder / "result.json").read_text()) for folder in (plain, profiled)]
    for key in ("metrics", "batches_fingerprint", "config_hash", "identity"):
        assert records[0][key] == records[1][key]
    assert not (plain / "profile").exists()
