"""What a tuning left is drawn as it stands in its file, and a stranger's file is checked first."""

import json

import pytest

from src.study.read_tunings import read_tunings
from src.utils.errors import UserError
from tests.study.test_question import parsed

ENTRY = {
    "metric": "accuracy",
    "on_the_edge": ["lr=0.1 is the largest"],
    "expected_best": [0.7, 0.8],
    "median_band": {"low": [None, 0.7], "high": [0.9, None], "decided_to": 1},
}


def write(folder, entries):
    (folder / "tuning").mkdir(exist_ok=True)
    (folder / "tuning" / "tune.json").write_text(json.dumps(entries))


def test_read(tmp_path):
    assert read_tunings(tmp_path, parsed()) == []
    without = ENTRY | {"expected_best": None, "median_band": None, "on_the_edge": []}
    write(tmp_path, {"synth_paraphrase_lora": ENTRY, "synth_paraphrase_full": without})
    (tuning,) = read_tunings(tmp_path, parsed())
    assert (tuning.task, tuning.metric, tuning.drawn) == ("synth_paraphrase", "accuracy", True)
    full, lora = tuning.arms
    assert full.expected == [] and lora.expected == [0.7, 0.8] and lora.high == [0.9, None] and lora.decided_to == 1
    assert tuning.edges == ["lora: lr=0.1 is the largest"]


@pytest.mark.parametrize("key", ENTRY)
def test_every_field_is_checked(tmp_path, key):
    for value in (7, "x", {"a": 1}, [{}]):
        if key == "metric" and value == "x":
            continue
        write(tmp_path, {"synth_paraphrase_lora": ENTRY | {key: value}})
        with pytest.raises(UserError, match="what a tuning writes"):
            read_tunings(tmp_path, parsed())
