"""What a study has found is read back as it was written, and a stranger's is checked field by field."""

import json
import zipfile

import pytest

from src.study.evidence import Evidence, read_evidence, write_evidence
from src.study.laps import Lap
from src.study.looks import Finding, look_levels
from src.study.pack_study import pack_study
from src.study.study_folder import LOOKS
from src.utils.errors import UserError
from tests.study.test_locked_plan import arms, lock
from tests.study.test_question import parsed

FINDING = Finding("t", "lora", 3, "undecided", None, 1, (0.1, 0.0, 0.2, 0.04))
EVIDENCE = Evidence({"run1": "t_lora"}, [{"t_lora": FINDING}], {"t_lora": ["a=1"]}, {"t_lora": Lap(0.5, None)})


def test_read_back(tmp_path):
    write_evidence(tmp_path, EVIDENCE)
    assert read_evidence(tmp_path) == EVIDENCE and EVIDENCE.findings["t_lora"] == FINDING


def test_every_field_is_checked(tmp_path):
    write_evidence(tmp_path, EVIDENCE)
    body = json.loads((tmp_path / LOOKS).read_text())
    broken = [body | {key: value} for key in body for value in (7, "x", [1], {"a": 1})]
    broken += [body | {"looks": [{"t_lora": vars(FINDING) | {key: {"a": 1}}}]} for key in vars(FINDING)]
    broken += [body | {"runs": {name: "t_lora"}} for name in ("../up", "/etc", "..", "")]
    broken += [body | {"looks": [{"t_lora": vars(FINDING) | {"difference": [1.0]}}]}]
    for number, fields in enumerate(broken):
        if fields == body:
            continue
        (tmp_path / LOOKS).write_text(json.dumps(fields))
        with pytest.raises(UserError, match=r"looks\.json"):
            read_evidence(tmp_path)
            pytest.fail(f"accepted: {number}")


def test_none_is_told(tmp_path):
    with pytest.raises(UserError, match="nothing of this study has been looked at"):
        read_evidence(tmp_path)


def test_looks_share_the_level():
    """One look has it whole; several together claim no more: each has less, and the last the most."""
    assert look_levels(parsed()) == (0.05,)
    levels = look_levels(parsed(seeds={"first": 3, "most": 10, "step": 2}))
    assert len(levels) == 5 and all(level < 0.05 for level in levels) and sorted(levels) == list(levels)


def test_a_pack_is_the_same_twice_and_holds_no_weights(tmp_path):
    study = tmp_path / "mine"
    (study / "runs" / "run1" / "adapter").mkdir(parents=True)
    (study / "runs" / "run1" / "adapter" / "adapter.safetensors").write_text("weights")
    (study / "runs" / "run1" / "result.json").write_text("{}")
    lock(study, parsed(), arms())
    write_evidence(study, EVIDENCE)
    first = pack_study(study).read_bytes()
    archive = pack_study(study)
    assert archive.read_bytes() == first
    names = set(zipfile.ZipFile(archive).namelist())
    assert names == {f"mine/{name}" for name in ("plan.json", "looks.json", "runs/run1/result.json", "SHA256SUMS")}
    (study / "runs" / "run1" / "result.json").unlink()
    with pytest.raises(UserError, match=r"has no result\.json"):
        pack_study(study)
    assert archive.read_bytes() == first
