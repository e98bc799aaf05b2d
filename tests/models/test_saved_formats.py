"""What a saved adapter names its method by: format 2 has stable names, format 1 had paths of classes and still loads.

``adapters_v1.zip`` holds ten adapters that the last commit before format 2 wrote on the embedded backbone, each with
the logits that it had there; their values are a few numbers in turn, so that they are small.
"""

import json
import zipfile
from pathlib import Path

import pytest
import torch

from src.config.method_names import OLD_PATHS, own_methods
from src.models.classifier import build_classifier, load_classifier, save_classifier
from src.models.description import FORMAT_VERSION, read_description
from src.utils.errors import UserError

OLD = Path(__file__).with_name("adapters_v1.zip")
with zipfile.ZipFile(OLD) as archive:
    NAMES = sorted({name.partition("/")[0] for name in archive.namelist()})
METHODS = {"svd_lorafa": "lorafa", "bitfit": None, "peft_dora": "peft.lora", "peft_ia3": "peft.ia3",
           "peft_ln_tuning": "peft.lntuning"}  # fmt: skip
TOKENS = {"input_ids": torch.arange(4, 44).view(2, 20), "attention_mask": torch.ones(2, 20, dtype=torch.long)}
each = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(folder)
    return folder


def changed(folder: Path, to: Path, **fields: object) -> Path:
    """A copy with other fields: of the model where they have a dot in front, else of the description."""
    saved = json.loads((folder / "adapter.json").read_text())
    for key, value in fields.items():
        (saved["model"] if key.startswith("model_") else saved)[key.removeprefix("model_")] = value
    to.mkdir(parents=True, exist_ok=True)
    (to / "adapter.json").write_text(json.dumps(saved))
    (to / "adapter.safetensors").write_bytes((folder / "adapter.safetensors").read_bytes())
    return to


@torch.no_grad()
def logits(classifier) -> torch.Tensor:
    return classifier.model.eval()(**TOKENS).logits


@each
def test_the_old_format_loads_and_is_saved_as_the_new_one(name, old, tmp_path):
    written = json.loads((old / name / "adapter.json").read_text())
    assert written["format_version"] == 1 and "method" not in written["model"]
    classifier = load_classifier(old / name)
    expected = torch.tensor(json.loads((old / name / "logits.json").read_text()))
    assert torch.allclose(logits(classifier), expected, atol=1e-5)
    save_classifier(classifier, tmp_path)
    new = json.loads((tmp_path / "adapter.json").read_text())
    assert new["format_version"] == FORMAT_VERSION == 2
    assert new["model"].get("method") == METHODS.get(name, name)
    assert "_target_" not in (tmp_path / "adapter.json").read_text() and "src." not in json.dumps(new)
    assert torch.equal(logits(load_classifier(tmp_path)), logits(classifier))


def test_old_paths_lead_to_methods_that_there_are():
    assert set(OLD_PATHS.values()) <= own_methods()
    written = {json.loads(zipfile.Path(OLD, f"{name}/adapter.json").read_text())["model"]["adapter"] and name
               for name in NAMES}  # fmt: skip
    assert {METHODS.get(name, name) for name in written if name} >= set(OLD_PATHS.values())


WRONG = {
    "a newer format": ({"format_version": 3}, "format_version=3 is not 2: of a newer program"),
    "no format": ({"format_version": None}, "format_version=null breaks the rule"),
    "an unknown name": ({"model_method": "lorra"}, "model.method='lorra' is refused"),
    "a module that is no method": ({"model_method": "inject"}, "model.method='inject' is refused"),
    "a method of the library that there is not": ({"model_method": "peft.lorra"}, "did you mean peft.lora"),
    "a path as a name": ({"model_method": "src.models.lora.LoRALinear"}, "is refused"),
    "another folder": ({"model_method": "../lora"}, "is refused"),
    "no name": ({"model_method": None}, "model.method=null is refused"),
    "a number": ({"model_method": 7}, "model.method=7 breaks the rule"),
    "a path, as format 1 had": ({"model_adapter": {"_target_": "src.models.lora.LoRALinear", "r": 2}}, "is refused"),
    "a path of the library": ({"model_adapter": {"_target_": "peft.LoraConfig", "r": 2}}, "is refused"),
}


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG)
def test_unknown_versions_and_names_are_refused(fields, message, old, tmp_path):
    save_classifier(load_classifier(old / "lora"), tmp_path / "good")
    with pytest.raises(UserError) as refused:
        read_description(changed(tmp_path / "good", tmp_path / "bad", **fields))
    assert message in str(refused.value) and len(str(refused.value).splitlines()) == 1


def test_format_one_has_no_name(old, tmp_path):
    with pytest.raises(UserError, match=r"model\.method is no part of format_version=1"):
        read_description(changed(old / "lora", tmp_path, model_method="lora"))
    with pytest.raises(UserError, match="_target_=null breaks the rule"):
        read_description(changed(old / "lora", tmp_path, model_adapter={"r": 2}))


def test_a_method_of_ours_that_a_config_names_by_its_path_is_saved_by_its_name(old):
    by_path = {"_target_": "src.models.lorafa.LoRAFALinear", "r": 2, "alpha": 2, "target_modules": ["query"]}
    backbone = json.loads((old / "lora" / "adapter.json").read_text())["backbone"]
    built = build_classifier({"name": "mine", "adapter": by_path}, backbone, label_names=("a", "b"), seed=0)
    assert built.description["model"]["method"] == "lorafa"
    assert "_target_" not in built.description["model"]["adapter"]
