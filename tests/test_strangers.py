"""A damaged or odd run folder, adapter, backbone or table is one message: nothing else is raised, nothing hangs.

The quick tests take a sample; ``PEFT_VERDICT_FUZZ=N pytest -m slow`` takes N thousand mutants of every file.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification

from src.backbones.backbone import load_backbone
from src.deploy.export import import_peft
from src.deploy.glue_submission import write_submission
from src.deploy.predict import predict_file
from src.deploy.probe_texts import probe_texts
from src.deploy.trained_run import load_run
from src.models.classifier import build_classifier, save_classifier
from src.models.meta_model import load_meta_model
from src.models.warm_start import warm_start
from src.utils import reuse
from src.utils.errors import UserError
from tests import odd_files
from tests.hostile import harmless_run
from tests.hostile.crafted import LORA, NANO

BUDGET = int(float(os.environ.get("PEFT_VERDICT_FUZZ", "1")) * 1000)
QUICK = 15
SMALL = {"name": "nano", "path": str(NANO), "attention": "sdpa", "fast_paths": False}
PEFT = {"_target_": "peft.LoraConfig", "r": 2, "lora_alpha": 2, "lora_dropout": 0.0, "target_modules": ["query"]}
LSR = {"_target_": "src.models.lsr.LSRLinear", "_partial_": True, "r": 2, "alpha": 2, "num_terms": 2, "factor_a": None,
       "factor_b": None, "coupling": "product_of_sums", "init": "identity", "dropout": 0.0,
       "target_modules": ["query"]}  # fmt: skip


def budgets(*marks: Any) -> Any:
    return pytest.mark.parametrize("most", [QUICK, pytest.param(BUDGET, marks=[pytest.mark.slow, *marks])])


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """The backbone is loaded once."""
    monkeypatch.setattr(reuse, "_enabled", True)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return harmless_run(tmp_path_factory.mktemp("harmless") / "run")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A LoRA as the peft library saves it."""
    import peft

    folder = tmp_path_factory.mktemp("peft") / "checkpoint"
    model = AutoModelForSequenceClassification.from_pretrained(NANO, num_labels=2)
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["query"], task_type="SEQ_CLS")
    peft.get_peft_model(model, config).save_pretrained(folder)
    return folder


def outcome(action: Callable[[], Any]) -> str:
    """``used``, or the one line that refuses it; whatever else is raised fails the test."""
    try:
        action()
    except UserError as error:
        message = str(error)
        lines = message.partition("\nWays out: ")[0].splitlines()  # of a model that is not on this machine
        assert len(lines) == 1 and lines[0].strip() and len(message) < 2000, message[:2000]
        return message
    return "used"


def outcomes(found: Iterator[Any] | list[Any], craft: Callable[[Any], None], action: Callable[[], Any]) -> dict:
    """What becomes of each mutant, by its name; those that break are listed at the end."""
    results: dict[str, str] = {}
    broken = []
    for name, mutant in found:
        craft(mutant)
        try:
            began = time.monotonic()
            results[name] = outcome(action)
            assert time.monotonic() - began < 30, "it takes too long"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            broken.append(f"{name}: {type(error).__name__}: {error}"[:300])
    assert not broken, f"{len(broken)} of {len(results) + len(broken)}:\n" + "\n".join(broken)
    return results


def copied(folder: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return shutil.copytree(folder, to)


def answer(folder: Path) -> None:
    load_run(folder).predict(["a b"], ["c d"])


@budgets()
@pytest.mark.parametrize("adapter", [LORA, LSR, PEFT, None], ids=["lora", "lsr", "peft", "none"])
def test_every_field_of_a_description(run, adapter, most, tmp_path):
    own = copied(run, tmp_path / "run")
    model = {"name": "theirs", "adapter": adapter, "train_parameters": [], "head": {"train": True}}
    save_classifier(build_classifier(model, SMALL, label_names=("no", "yes"), seed=0), own / "adapter")
    file = own / "adapter" / "adapter.json"
    good = json.loads(file.read_text())
    answer(own)
    found = odd_files.sample(odd_files.mutations(good), most)
    results = outcomes(found, lambda make: file.write_text(json.dumps(make())) and None, lambda: answer(own))
    assert list(results.values()).count("used") < len(results) / 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8,
)  # fmt: skip


@settings(max_examples=max(25, BUDGET // 20), deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_any_json_in_any_place_of_a_description(run, tmp_path, data):
    own = tmp_path / "run"
    if not own.exists():
        shutil.copytree(run, own)
    good = json.loads((run / "adapter" / "adapter.json").read_text())
    path = data.draw(st.sampled_from(list(odd_files.paths(good))))
    (own / "adapter" / "adapter.json").write_text(json.dumps(odd_files.replaced(good, path, data.draw(JSON))))
    outcome(lambda: answer(own))


@pytest.mark.parametrize("version", [None, 0, -1, "1", "2", True, 3, 1.5, float("inf"), 10**30, [1], {}])
def test_a_format_version_is_one(run, version, tmp_path):
    own = copied(run, tmp_path / "run")
    file = own / "adapter" / "adapter.json"
    saved = json.loads(file.read_text())
    saved["format_version"] = version
    file.write_text(json.dumps(saved))
    assert "format_version" in outcome(lambda: answer(own))
    del saved["format_version"]
    file.write_text(json.dumps(saved))
    assert "format_version is missing" in outcome(lambda: answer(own))


@pytest.mark.parametrize("name", ["adapter/adapter.json", pytest.param(".hydra/config.yaml", marks=pytest.mark.slow)])
def test_what_is_no_text(run, name, tmp_path):
    own = copied(run, tmp_path / "run")
    good = (run / name).read_text()

    def craft(content: bytes) -> None:
        (own / name).write_bytes(content)

    outcomes(odd_files.texts(good), craft, lambda: [answer(own), probe_texts(load_run(own), 4), load_run(own).config()])


@pytest.mark.parametrize("name", ["adapter/adapter.json", "adapter/adapter.safetensors", ".hydra/config.yaml"])
def test_what_is_no_file(run, name, tmp_path):
    own = tmp_path / "run"

    def use() -> None:
        answer(own)
        load_run(own).config()

    copied(run, own)
    for what, _ in odd_files.files(own / name):
        copied(run, own)
        dict(odd_files.files(own / name))[what]()
        assert outcome(use) != "used", what


@budgets()
def test_every_file_of_tensors(run, most, tmp_path):
    own = copied(run, tmp_path / "run")
    file = own / "adapter" / "adapter.safetensors"
    found = odd_files.sample(odd_files.tensors(file), most)
    results = outcomes(found, lambda craft: craft(), lambda: answer(own))
    assert list(results.values()).count("used") < len(results) / 3
    assert all("NaN or an infinity" in said for name, said in results.items() if name in ("nan", "inf", "-inf"))


@budgets()
def test_a_start_from_any_adapter(run, most, tmp_path):
    own = copied(run, tmp_path / "run")
    file = own / "adapter" / "adapter.json"
    model = {"name": "theirs", "adapter": LORA, "train_parameters": [], "head": {"train": True}}
    classifier = build_classifier(model, SMALL, label_names=("no", "yes"), seed=0)
    found = odd_files.sample(odd_files.mutations(json.loads(file.read_text())), most)
    outcomes(found, lambda make: file.write_text(json.dumps(make())) and None, lambda: warm_start(classifier, str(own)))
    shutil.copy(run / "adapter" / "adapter.json", file)
    found = odd_files.sample(odd_files.tensors(file.with_name("adapter.safetensors")), most)
    outcomes(found, lambda craft: craft(), lambda: warm_start(classifier, str(own)))


@budgets()
def test_every_field_and_file_of_a_checkpoint_of_peft(checkpoint, most, tmp_path):
    own, out = copied(checkpoint, tmp_path / "checkpoint"), tmp_path / "out"
    file, tensors = own / "adapter_config.json", own / "adapter_model.safetensors"

    def use() -> None:
        shutil.rmtree(out, ignore_errors=True)
        import_peft(own, out, str(NANO))

    good = json.loads(file.read_text())
    assert outcome(use) == "used"
    found = odd_files.sample(odd_files.mutations(good), most)
    outcomes(found, lambda make: file.write_text(json.dumps(make())) and None, use)
    if most == QUICK:
        return
    outcomes(odd_files.texts(json.dumps(good)), lambda text: file.write_bytes(text) and None, use)
    file.write_text(json.dumps(good))
    outcomes(odd_files.sample(odd_files.tensors(tensors), most), lambda craft: craft(), use)
    for name in (file.name, tensors.name):
        for what, _ in odd_files.files(own / name):
            copied(checkpoint, own)
            dict(odd_files.files(own / name))[what]()
            assert outcome(use) != "used", what


@budgets()
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json"])
def test_every_field_of_a_backbone(name, most, tmp_path):
    if not (NANO / name).is_file():
        pytest.skip(f"the embedded backbone has no {name}")
    own = tmp_path / "backbone"
    shutil.copytree(NANO, own)
    cfg = {"name": "theirs", "path": str(own)}

    def use() -> None:
        reuse_nothing()
        load_backbone(cfg, label_names=("a", "b"), seed=0)
        load_meta_model(cfg)

    good = json.loads((own / name).read_text())
    tree = (
        good
        if name != "tokenizer.json"
        else {**good, "model": {**good["model"], "vocab": few(good["model"]["vocab"]), "merges": []}}
    )
    found = odd_files.sample(odd_files.mutations(tree), most // 3)
    outcomes(found, lambda make: (own / name).write_text(json.dumps(make())) and None, use)
    if most != QUICK:
        outcomes(odd_files.texts(json.dumps(good)), lambda text: (own / name).write_bytes(text) and None, use)


def few(vocabulary: Any) -> Any:
    """A few of a vocabulary's words: all of them would be all of the odd_files."""
    return dict(list(vocabulary.items())[:8]) if isinstance(vocabulary, dict) else vocabulary[:8]


def reuse_nothing() -> None:
    from src.backbones import backbone
    from src.models import meta_model

    backbone._PRISTINE.values.clear()
    meta_model._meta_model.cache_clear()


@budgets()
def test_every_field_of_the_saved_data(run, most, tmp_path):
    own = copied(run, tmp_path / "run")
    file = own / ".hydra" / "config.yaml"
    good = yaml.safe_load(file.read_text())
    good["data"]["sources"]["tsv"] = {"_target_": "src.data.sources.tsv.load_tsv", "dir": str(own), "folder": "RTE",
        "files": {"train": "train.tsv"}, "text": ["a", "b"], "label": "l", "label_names": ["no", "yes"]}  # fmt: skip
    loaded = load_run(own)

    def use() -> None:
        probe_texts(loaded, 4)
        loaded.config()

    found = odd_files.sample(odd_files.mutations({"data": good["data"]}), most)
    outcomes(found, lambda make: file.write_text(json.dumps(make())) and None, use)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)), "data: *a39"]),
        "data: &d {a: *d}", "data: {<<: [{a: 1}]}", "data: !!python/name:os.system", "data: !!set {a}", "? [a]\n: b",
        "data: !!binary aGk=", "data: 2020-01-01", "--- \ndata: 1\n---\ndata: 2", "data: [", "data: *nothing",
        "%YAML 9",
        "data:\n\t- x", "data: " + "[" * 10_000, "data: " + "{a: " * 500 + "1" + "}" * 500, "x" * 2**23,
        "\x00", "- a",
        "data: {name: 1, name: 2}", "data: .nan", "data: ~",
    ],
    ids=lambda text: text[:20].replace("\n", " "),
)  # fmt: skip
def test_yaml_that_hydra_never_writes(run, text, tmp_path):
    own = copied(run, tmp_path / "run")
    (own / ".hydra" / "config.yaml").write_text(text)
    assert "config.yaml" in outcome(lambda: load_run(own).config())


TABLES = {
    ".csv": ["", "text", "text,text_pair", "text,text_pair\n", 'text,text_pair\n"a', "text,text\na,b", "a,b\n1,2",
             "text,text_pair\na", "text,text_pair\n,\n", "text,text_pair\n\x00,\x01\n", "text;text_pair\na;b",
             "text,text_pair\n" + "x" * 10**6 + ",y"],
    ".tsv": ["", "\t", "text\ttext_pair\n", "text\ttext_pair\na", "text\ttext_pair\na\tb\tc", "\n\n"],
    ".jsonl": ["", "[]", "1", "{}", '{"text": 1, "text_pair": "x"}', '{"text": "a"}', '{"text": null}', "{" * 10**5,
               '{"text": "\\ud800", "text_pair": "x"}', '{"a": 1}\n{"b": 2}', "[" * 10**5, '{"text": {"a": 1}}', "NaN",
               '{"text": ' + "9" * 10**4 + "}"],
    ".parquet": ["", "PAR1", "PAR1" * 100, "x" * 1000],
    ".txt": ["text"],
}  # fmt: skip


def remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    else:
        place.unlink(missing_ok=True)


@pytest.mark.slow
def test_any_table_to_predict(run, tmp_path):
    file = tmp_path / "rows"

    def use(ending: str) -> None:
        predict_file(run, file.with_suffix(ending), None, tmp_path / "out.tsv", 8)

    for ending, contents in TABLES.items():
        place = file.with_suffix(ending)
        for content in [text.encode() for text in contents] + [b"\xff\xfe\x00", bytes(100)]:
            place.write_bytes(content)
            outcome(lambda ending=ending: use(ending))
        for what, _ in odd_files.files(place):
            remove(place)
            place.write_bytes(b"x")
            dict(odd_files.files(place))[what]()
            assert outcome(lambda ending=ending: use(ending)) != "used", what
        remove(place)


@pytest.mark.slow
def test_a_submission_of_odd_data(run, tmp_path):
    own = copied(run, tmp_path / "run")
    file = own / ".hydra" / "config.yaml"
    good = yaml.safe_load(file.read_text())
    tsv = {"_target_": "src.data.sources.tsv.load_tsv", "dir": str(tmp_path), "folder": "RTE", "files": {
        "train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}, "text": ["text", "text_pair"],
        "label": "label", "label_names": ["no", "yes"], "label_encoding": ["no", "yes"]}  # fmt: skip
    (tmp_path / "RTE").mkdir()
    for split in ("train", "dev", "test"):
        (tmp_path / "RTE" / f"{split}.tsv").write_text("text\ttext_pair\tlabel\na\tb\tno\nc\td\tyes\n")
    good["data"] |= {"source": "tsv", "sources": {"tsv": tsv}}
    file.write_text(json.dumps({"data": good["data"]}))
    assert outcome(lambda: write_submission([own], tmp_path / "out")) == "used"
    found = odd_files.sample(odd_files.mutations({"data": good["data"]}), QUICK)
    outcomes(found, lambda make: file.write_text(json.dumps(make())) and None,
             lambda: write_submission([own], tmp_path / "out"))  # fmt: skip


def test_weights_of_one_number_more_than_the_memory_are_not_read(run, tmp_path):
    """A sparse file costs nothing to send."""
    own = copied(run, tmp_path / "run")
    os.truncate(own / "adapter" / "adapter.safetensors", 2**42)
    assert "memory" in outcome(lambda: answer(own))


def test_a_bug_of_ours_can_be_seen(run, monkeypatch, tmp_path):
    own = copied(run, tmp_path / "run")

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("src.models.classifier.build_classifier", broken)
    assert "ours" in outcome(lambda: answer(own))
    monkeypatch.setenv("PEFT_VERDICT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        answer(own)


def test_weights_are_finite_after_all(run):
    state = load_run(run).classifier.state()
    assert all(torch.isfinite(tensor).all() for tensor in state.values())
