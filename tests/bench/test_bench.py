"""The benchmark measures what it says; no test asserts a time."""

import itertools
import json
import math
import weakref
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import BrokenBarrierError

import pytest
import torch

from src.__main__ import main as command
from src.bench import timing
from src.bench.measurable import method_names
from src.bench.packed_speed import _Together
from src.bench.processes import seconds_per_round
from src.bench.startup import prepare
from src.bench.steps import Settings
from src.bench.timed_models import FLOOR, PLAIN_FLOOR, Arm, Shape, classifier, floor, model_node, random_backbone
from src.bench.timing import interleaved
from src.models.inject import adapters
from src.packed.layers import Tenant, share_frozen
from src.training.peak_memory import saved_for_backward
from src.utils.errors import UserError

SMALL = Shape(layers=2, width=48, heads=4, batch=3, length=7, dropout=0.0)
OPTIONS = ["--layers", "2", "--width", "48", "--heads", "4", "--batch", "3", "--length", "7", "--rounds", "2"]


@pytest.fixture(scope="module")
def backbone():
    with random_backbone(SMALL) as node:
        yield node


def gradients(model, targets="qv") -> tuple[set[str], int]:
    """Modules whose output gets a gradient in a step, and bytes kept."""
    reached: set[str] = set()

    def note(name):
        def hook(module, grad_input, grad_output):
            reached.add(name)

        return hook

    hooks = [m.register_full_backward_hook(note(name)) for name, m in model.named_modules() if not list(m.children())]
    arm = Arm(model, SMALL.inputs("cpu"))
    arm.loss().backward()
    for hook in hooks:
        hook.remove()
    return reached, saved_for_backward(model, arm.loss)


def test_the_floor_goes_back_to_the_first_adapted_layer(backbone):
    """Every layer above is passed; the embedding, and what else lies below the first adapted one, is not."""
    reached, saved = gradients(floor(backbone, "qv"))
    assert "roberta.encoder.layer.1.attention.self.key" in reached
    assert "roberta.encoder.layer.0.output.dense" in reached
    assert not any("embeddings" in name for name in reached)
    model = classifier(model_node("lora", "qv"), backbone).model
    assert 0 < saved < saved_for_backward(model, Arm(model, SMALL.inputs("cpu")).loss)
    assert not any(p.requires_grad for p in floor(backbone, "qv").parameters())


def test_both_floors_compute_the_same(backbone):
    inputs = SMALL.inputs("cpu")
    ours, plain = (floor(backbone, "qv", plain=plain).eval()(**inputs).logits for plain in (False, True))
    torch.testing.assert_close(ours, plain)


def test_arms_over_a_plain_backbone(tmp_path, monkeypatch):
    """Without fast paths there is one floor, and it keeps more."""
    kept = []
    for flag in ("--fast-paths", "--no-shortcuts"):
        arguments = [*OPTIONS, "--parts", "steps", "--methods", "lora", flag, "--json", str(tmp_path / "bench.json")]
        monkeypatch.setattr("sys.argv", ["src", "bench", *arguments])
        assert command() == 0
        content = json.loads((tmp_path / "bench.json").read_text())
        kept.append({row["arm"]: row["saved_mb"] for row in content["parts"]["steps"]})
        assert content["shape"]["fast_paths"] is (flag == "--fast-paths")
    assert list(kept[0]) == [FLOOR, PLAIN_FLOOR, "lora"] and list(kept[1]) == [FLOOR, "lora"]
    assert kept[1][FLOOR] == kept[0][PLAIN_FLOOR] > kept[0][FLOOR]


def test_bytes_kept_are_counted_once():
    """x (kept for W) and y = x W + b under a sigmoid (kept as y), by hand; parameters are not counted."""
    layer, x = torch.nn.Linear(4, 5), torch.randn(7, 4)
    assert saved_for_backward(layer, lambda: layer(x).sigmoid()) == 4 * (7 * 4 + 7 * 5)
    assert saved_for_backward(layer, lambda: (layer(x).sigmoid(), layer(x))) == 4 * (7 * 4 + 7 * 5)
    assert saved_for_backward(layer.requires_grad_(False), lambda: layer(x).sigmoid()) == 0


def test_counting_bytes_leaves_nothing_behind():
    """A sigmoid keeps its own output, which knows the graph that keeps it."""
    kept = []
    layer = torch.nn.Linear(4, 5)

    def forward() -> torch.Tensor:
        y = layer(torch.ones(7, 4)).sigmoid()
        kept.append(weakref.ref(y.untyped_storage()))
        return y

    assert saved_for_backward(layer, forward) > 0
    assert kept[0]() is None


def test_lorafa_keeps_less_than_lora(backbone):
    """Without dA there is no need for x: the method's point."""
    kept = {}
    for method in ("lora", "lorafa"):
        model = classifier(model_node(method, "qv", ["model.lorafa.r=8"] if method == "lorafa" else []), backbone).model
        kept[method] = saved_for_backward(model, Arm(model, SMALL.inputs("cpu")).loss)
    assert kept["lorafa"] < kept["lora"]


def test_interleaving(monkeypatch):
    """Ratios are within a round, so that a machine which slows down halfway changes none of them."""
    clock = itertools.count()
    speed = {"slow": 3.0, FLOOR: 2.0}
    calls = []
    monkeypatch.setattr(timing, "timed", lambda call: call() * (10 if next(clock) > 8 else 1))
    arms = {name: lambda own=name: calls.append(own) or speed[own] for name in speed}
    found = interleaved(arms, FLOOR, rounds=10, warmup=2)
    assert (found["slow"].ratio, found["slow"].low, found["slow"].high) == (1.5, 1.5, 1.5)
    assert found[FLOOR].ratio == 1
    assert found["slow"].ms == 30_000  # most rounds were slow ones
    assert len(calls) == 24
    assert len({tuple(calls[i : i + 2]) for i in range(0, 24, 2)}) == 2  # both orders occur


def test_quartiles_of_few_rounds_lie_within_them():
    found = timing._timing([1.0, 3.0], [1.0, 1.0])
    assert (found.low, found.ratio, found.high) == (1.5, 2.0, 2.5)


@pytest.mark.slow
def test_every_method_can_be_an_arm(backbone):
    """Those of conf/model: a step changes what is trained, and nothing else."""
    for method in method_names():
        model = classifier(model_node(method, "qv"), backbone).model
        arm = Arm(model, SMALL.inputs("cpu"))
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        arm.step()
        arm.step()
        changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
        assert changed, method
        assert changed <= {name for name, p in model.named_parameters() if p.requires_grad}, method


def test_a_method_with_an_override():
    node = model_node("lsr:model.lsr.coupling=sum_of_products:model.lsr.r=3", "qv")
    assert (node["name"], node["lsr"]["coupling"], node["adapter"]["r"]) == ("roberta_lsr", "sum_of_products", 3)


def test_all_linear(backbone):
    """Six Linears a layer."""
    model = classifier(model_node("lora", "all"), backbone).model
    assert len(list(adapters(model))) == 6 * SMALL.layers
    assert sum(p.numel() for p in model.parameters()) > 0


def test_packed_arms_are_the_arms(backbone):
    """A packed step moves the jobs where their own steps move them."""
    node, inputs = model_node("lora", "qv"), SMALL.inputs("cpu")
    states = []
    for packed in (True, False):
        built = [classifier(node, backbone, seed) for seed in range(3)]
        for other in built[1:]:
            share_frozen(other.model, built[0].model, other.backbone.head)
        arms = [Arm(own.model, inputs) for own in built]
        tenants = [Tenant(own.model, own.backbone.head) for own in built]
        together = _Together(arms, tenants)
        for _ in range(3):
            together.step() if packed else [arm.step() for arm in arms]
        states.append([own.state() for own in built])
    for ours, theirs in zip(*states, strict=True):
        for name, tensor in theirs.items():
            torch.testing.assert_close(ours[name], tensor, rtol=0, atol=2e-5)


def test_preparing_data():
    assert prepare(["data=synth_paraphrase"])["rows"] == 7000


@pytest.mark.slow
def test_the_command(tmp_path, monkeypatch, capsys):
    """Table, JSON with the machine, and plots."""
    arguments = [*OPTIONS, "--parts", "steps,latency,tokens,sizes,packed", "--methods", "lora,hydralora",
                 "--targets", "both", "--lengths", "4,8", "--sizes", "1,2", "--jobs", "1,2",
                 "--json", str(tmp_path / "bench.json"), "--plots", str(tmp_path / "plots")]  # fmt: skip
    monkeypatch.setattr("sys.argv", ["src", "bench", *arguments])
    monkeypatch.setattr("src.bench.packed_speed.seconds_per_round", lambda *_: 0.5)  # measured by a test of its own
    assert command() == 0
    result = json.loads((tmp_path / "bench.json").read_text())
    assert {"date", "versions", "git", "hardware", "threads", "command", "shape"} <= result.keys()
    parts = result["parts"]
    assert [(row["arm"], row["targets"]) for row in parts["steps"]] == [
        (arm, targets) for targets in ("qv", "all") for arm in (FLOOR, PLAIN_FLOOR, "lora", "hydralora")
    ]
    for row in parts["steps"]:
        low, high = row["ratio_quartiles"]
        assert 0 < low <= row["ratio"] <= high
        assert row["tokens_per_s"] == pytest.approx(21_000 / row["ms"])
    assert "lora, merged" in {row["arm"] for row in parts["latency"]}
    assert "hydralora, merged" not in {row["arm"] for row in parts["latency"]}
    assert {row["tokens"] for row in parts["tokens"]} == {12, 24}
    assert {(row["key"], row["size"]) for row in parts["sizes"]} == {
        (key, size) for key in ("lora.r", "hydralora.num_experts") for size in (1, 2)
    }
    assert {row["jobs"] for row in parts["packed"]} == {1, 2}
    for row in parts["packed"]:
        assert row["over_processes"] == (pytest.approx(500 / row["ms"]) if row["jobs"] == 2 else None)
    assert {path.name for path in (tmp_path / "plots").iterdir()} >= {"tokens.png", "sizes.pdf", "packed.png"}
    assert "hydralora" in capsys.readouterr().out


@pytest.mark.parametrize("error", [torch.OutOfMemoryError(), BrokenProcessPool()])
def test_processes_that_the_memory_does_not_hold(error, monkeypatch):
    class Pool(ThreadPoolExecutor):
        def __init__(self, *_, **__):
            super().__init__(1)

    def fail(node, backbone, settings, seed):
        raise error if seed == 1 else BrokenBarrierError

    monkeypatch.setattr("src.bench.processes.ProcessPoolExecutor", Pool)
    monkeypatch.setattr("src.bench.processes._train", fail)
    settings = Settings(SMALL, "qv", ["lora"], 5, "cpu")
    assert seconds_per_round({}, {}, settings, 3) == math.inf


@pytest.mark.slow
def test_processes_side_by_side(backbone):
    """All are timed over the same steps; what one of them raises arrives, and does not leave the others waiting."""
    settings, node = Settings(SMALL, "qv", ["lora"], 5, "cpu"), model_node("lora", "qv")
    alone = min(timing.timed(Arm(classifier(node, backbone).model, SMALL.inputs("cpu")).step) for _ in range(5))
    assert alone / 10 < seconds_per_round(node, backbone, settings, 2) < 60
    node["adapter"]["r"] = -1
    with pytest.raises(UserError, match="r=-1"):
        seconds_per_round(node, backbone, settings, 2)


@pytest.mark.slow
def test_peak_memory(tmp_path, monkeypatch):
    """Of every arm in a process of its own."""
    arguments = [*OPTIONS, "--parts", "memory", "--methods", "lora", "--json", str(tmp_path / "bench.json")]
    monkeypatch.setattr("sys.argv", ["src", "bench", *arguments])
    assert command() == 0
    rows = json.loads((tmp_path / "bench.json").read_text())["parts"]["memory"]
    assert [row["arm"] for row in rows] == [FLOOR, "lora"]
    assert all(row["peak_rss_mb"] > 100 for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "nosuch"], "--methods nosuch: there is no such method; choices: bitfit"),
        (["--methods", "lora:model.lora.nosuch=1"], "--methods lora:model.lora.nosuch=1: Could not override"),
        (["--width", "50", "--heads", "12"], "--width 50 is no multiple of --heads 12"),
    ],
)
def test_mistakes(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["src", "bench", *arguments])
    assert command() == 2
    assert message in capsys.readouterr().err
