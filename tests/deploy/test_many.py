"""Several runs on one backbone: each answers as it does alone."""

import pytest
import torch

from src.backbones.backbone import load_backbone
from src.deploy.many import load_many
from src.deploy.trained_run import load_run
from src.models.inject import disabled
from src.utils.errors import UserError
from tests.deploy.conftest import moved_run

RUNS = {
    "para.lora": ["model=roberta_lora", "data=synth_paraphrase"],
    "nli": ["model=roberta_hydralora", "data=synth_entailment", "model.hydralora.target_modules=all-linear"],
    "accept": ["model=roberta_lsr", "data=synth_acceptability", "model.lsr.target_modules=[key,value]", "seed=3"],
    "sim": ["model=roberta_svd_lorafa", "data=synth_similarity"],
    "plain": ["model=roberta_head", "data=synth_paraphrase", "seed=5"],
}
PAIRED = {name: name != "accept" for name in RUNS}
TEXTS = [f"The {'very ' * (i % 4)}old man sees {i} dogs ." for i in range(11)]
NAMES = [list(RUNS)[i % 5] for i in range(11)]
PAIRS = [TEXTS[-i] if PAIRED[name] else None for i, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    home = tmp_path_factory.mktemp("many")
    return {name: moved_run(home / name, *overrides, head=0.2) for name, overrides in RUNS.items()}


@pytest.fixture(scope="module")
def many(paths):
    return load_many(paths)


@pytest.fixture(scope="module")
def alone(paths):
    """What each run says of every row by itself."""
    pairs = [TEXTS[-i] for i in range(len(TEXTS))]
    runs = {name: load_run(path) for name, path in paths.items()}
    return {name: run.logits(TEXTS, pairs if PAIRED[name] else None) for name, run in runs.items()}


def test_a_batch_whose_rows_name_different_adapters(many, alone):
    together = many.logits(TEXTS, PAIRS, adapters=NAMES)
    assert [len(logits) for logits in together] == [{"nli": 3, "sim": 1}.get(name, 2) for name in NAMES]
    for row, (name, logits) in enumerate(zip(NAMES, together, strict=True)):
        torch.testing.assert_close(logits, alone[name][row], rtol=0, atol=1e-5)
    swapped = many.logits(TEXTS[:1], [PAIRS[0]], adapters=["plain"])[0]
    assert not torch.allclose(swapped, together[0], atol=1e-2), "another name is another answer"
    torch.testing.assert_close(
        torch.cat(many.logits(TEXTS, PAIRS, adapters=NAMES, batch_size=3)), torch.cat(together), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("name", RUNS)
def test_use_switches_adapters_and_head(name, many, alone):
    many.use(name)
    pairs = [TEXTS[-i] for i in range(len(TEXTS))] if PAIRED[name] else None
    torch.testing.assert_close(torch.stack(many.logits(TEXTS, pairs)), alone[name], rtol=0, atol=1e-5)


def test_disabled_is_the_backbone_under_the_run_s_head(many, paths, alone):
    run = load_run(paths["para.lora"])
    pairs = [TEXTS[-i] for i in range(len(TEXTS))]
    with disabled(run.classifier.model):
        expected = run.logits(TEXTS, pairs)
    many.use("para.lora")
    with many.disabled():
        found = torch.stack(many.logits(TEXTS, pairs))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert not torch.allclose(found, alone["para.lora"], atol=1e-2)
    torch.testing.assert_close(torch.stack(many.logits(TEXTS, pairs)), alone["para.lora"], rtol=0, atol=1e-5)


def test_the_encoder_is_in_memory_once(many, paths):
    unique = {p.data_ptr(): p.numel() for run in many.runs.values() for p in run.classifier.model.parameters()}
    backbone = load_backbone({"name": "nano", "path": "assets/nano"}, label_names=("a", "b"), seed=0)
    encoder = sum(p.numel() for name, p in backbone.model.named_parameters() if name not in backbone.head)
    own = sum(p.numel() for path in paths.values() for p in load_run(path).classifier.state().values())
    assert sum(unique.values()) == encoder + own


def test_mistakes_are_told(many, paths, tmp_path):
    with pytest.raises(UserError, match=r"no adapter 'x' is loaded; there are 'para.lora', 'nli'"):
        many.use("x")
    with pytest.raises(UserError, match="no adapter 'y'"):
        many.logits(["a"], ["b"], adapters=["y"])
    with pytest.raises(UserError, match="two texts"):
        many.logits(["a"], [None], adapters=["nli"])
    with pytest.raises(UserError, match="1 texts, 2 second texts and 1 adapters"):
        many.logits(["a"], ["b", "c"], adapters=["nli"])
    with pytest.raises(UserError, match="no run is given"):
        load_many({})
    bitfit = moved_run(tmp_path / "bitfit", "model=roberta_bitfit")
    with pytest.raises(UserError, match=r"b .*bitfit.* has trained .* parameters of the encoder itself"):
        load_many({"a": paths["nli"], "b": bitfit})
