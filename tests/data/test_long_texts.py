"""``data.long=window``: no token is lost, every text is one answer, and a long one counts as much as any other."""

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import RandomSampler, SequentialSampler
from transformers import AutoTokenizer

from src.compare.verified import contradiction
from src.config import validate
from src.data.load import load_data
from src.deploy.many import load_many
from src.deploy.trained_run import load_run
from src.runs.reading import find_runs
from src.tasks import KINDS
from src.tasks.text_windows import text_windows
from src.training.run import run_job
from src.training.sampler import LengthGroupedSampler, WindowSampler, by_class, windows_by_text
from src.utils.errors import UserError
from src.utils.paths import ROOT
from src.verify.consistent import check_run
from src.verify.finding import Verdict
from tests.conftest import NANO, compose_config

WINDOWS = ["data.long=window", "data.max_length=10"]
LINE = (
    "the doctor helped the lawyer in the park because she saw that nobody else would come to the old house "
    "near the river before the morning and the teacher wrote a letter to the king"
)
WORDS = LINE.split()
SLOWER = ("synth_similarity", "synth_mentions", "synth_tags")


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(ROOT / "assets" / "nano")


def text_of(size: int, start: int = 0) -> str:
    return " ".join(WORDS[(start + i) % len(WORDS)] for i in range(size))


@pytest.mark.parametrize("max_length", [8, 12, 40])
def test_every_token_of_a_text_is_in_a_window(tokenizer, max_length):
    texts = [text_of(size) for size in (1, 5, 6, 7, 13, 33)]
    found = text_windows(tokenizer, texts, None, max_length)
    assert all(len(ids) <= max_length for ids in found["input_ids"])
    for number, text in enumerate(texts):
        own = [ids[1:-1] for ids, origin in zip(found["input_ids"], found["origin"], strict=True) if origin == number]
        whole = tokenizer(text)["input_ids"][1:-1]
        joined = own[0]
        for part in own[1:]:  # neighbours share a quarter of the length
            shared = min(max_length // 4, max_length - 3)
            assert joined[-shared:] == part[:shared]
            joined = joined + part[shared:]
        assert joined == whole
    plain = tokenizer(texts[0])["input_ids"]
    assert found["input_ids"][0] == plain


@pytest.mark.parametrize("sizes", [(3, 40), (40, 3), (30, 33), (33, 30), (2, 2), (40, 12)])
def test_every_part_of_one_text_meets_every_part_of_the_other(tokenizer, sizes):
    first, second = text_of(sizes[0]), text_of(sizes[1], 7)
    found = text_windows(tokenizer, [first], [second], 20)
    assert all(len(ids) <= 20 for ids in found["input_ids"]) and set(found["origin"]) == {0}
    met = set()
    for row in found["input_ids"]:
        special = [place for place, token in enumerate(row) if token in tokenizer.all_special_ids]
        one, two = (tokenizer.decode(row[a + 1 : b]).split() for a, b in pairwise(special) if b > a + 1)
        met |= {(a, b) for a in one for b in two}
    assert met >= {(a, b) for a in first.split() for b in second.split()}
    if sum(sizes) < 10:
        assert found["input_ids"] == [tokenizer(first, second)["input_ids"]]


def test_a_slow_tokenizer_is_refused():
    class Slow:
        is_fast = False

    with pytest.raises(UserError, match="Slow is no fast tokenizer; choices: cut"):
        text_windows(Slow(), ["a"], None, 8)


def test_a_text_is_drawn_once_a_pass_and_each_of_its_windows_in_time():
    index = [0, 0, 0, 1, 2, 2]
    windows = windows_by_text(index)
    assert windows == [[0, 1, 2], [3], [4, 5]]
    generator = torch.Generator().manual_seed(0)
    inner = [
        RandomSampler(range(3), generator=generator),
        SequentialSampler(range(3)),
        by_class("stratified", [0, 1, 0], generator),
        LengthGroupedSampler([5, 3, 5], 2, generator),
    ]
    for texts in inner:
        sampler, seen = WindowSampler(texts, windows, generator), Counter()
        for _ in range(300):
            drawn = list(sampler)
            assert sorted(index[row] for row in drawn) == [0, 1, 2] and len(sampler) == 3
            seen.update(drawn)
        assert all(60 < seen[row] < 140 for row in (0, 1, 2)) and seen[3] == 300
    assert list(WindowSampler(inner[1], [[0], [1], [2]], generator)) == [0, 1, 2]


def test_windows_become_their_texts_mean():
    rows = {"idx": [7, 3, 7, 7]}
    logits = np.array([[1.0, 2.0], [5.0, 5.0], [2.0, 2.0], [6.0, -1.0]], dtype=np.float32)
    kind = KINDS["classification"]
    means, labels = kind.gather(logits, np.array([1, 0, 1, 1]), rows)
    assert kind.unit_index(rows) == [3, 7] and labels.tolist() == [0, 1]
    np.testing.assert_array_equal(means, np.array([[5, 5], [3, 1]], dtype=np.float32))
    apart = {"idx": [7, 3]}
    same, given = kind.gather(logits[:2], None, apart)
    assert np.array_equal(same, logits[:2]) and given is None and kind.unit_index(apart) == [7, 3]


@pytest.mark.parametrize(
    "task",
    ["synth_entailment", *(pytest.param(own, marks=pytest.mark.slow) for own in SLOWER)],
)
def test_a_run_is_of_texts(train, task):
    folder = train(f"data={task}", *WINDOWS)
    record = json.loads((folder / "result.json").read_text())
    kept = pq.read_table(folder / "predictions.parquet").to_pydict()
    rows = load_data(compose_config(*NANO, f"data={task}").data, holdout=False).splits["validation"].sort("idx")
    assert kept["index"] == rows["idx"][:] and record["rows"]["validation"] == 32
    assert record["windows"]["validation"] > 32 and record["long"] == "window"
    assert record["cut"] == {split: {"rows": 0.0, "tokens": 0.0} for split in record["rows"]}
    (found,) = find_runs([folder])
    assert contradiction(found) is None
    assert next(own for own in check_run("run", found) if own.what == "scores").verdict is Verdict.EQUAL
    run = load_run(folder)
    assert run.record.long == "window"
    pairs = rows["text_pair"][:] if "text_pair" in rows.column_names else None
    logits = run.logits(rows["text"][:], pairs, batch_size=7)
    if task != "synth_tags":
        np.testing.assert_allclose(logits.numpy(), np.array(kept["logits"]), atol=1e-5)
        if record["labels"]:
            assert {split: sum(own.values()) for split, own in record["labels"].items()} == record["rows"]
        together = load_many({"a": folder}).logits(rows["text"][:3], None if pairs is None else pairs[:3])
        np.testing.assert_allclose(torch.stack(together), logits[:3], atol=1e-5)


def test_an_epoch_is_as_long_as_where_texts_are_cut(train):
    folders = [train("data=synth_entailment", *own) for own in (WINDOWS, ["data.max_length=10"])]
    window, cut = (json.loads((folder / "result.json").read_text()) for folder in folders)
    steps = [json.loads((folder / "history.jsonl").read_text().splitlines()[-1])["step"] for folder in folders]
    assert steps[0] == steps[1]
    assert cut["cut"]["train"]["rows"] > 0 and cut["windows"] == {} and cut["long"] == "cut"
    assert window["rows"] == cut["rows"] and window["data_fingerprint"] == cut["data_fingerprint"]


def test_what_has_no_windows_is_refused():
    with pytest.raises(UserError, match="a mix draws rows by their task, not texts; choices: cut"):
        validate(
            compose_config(*NANO, "data=mix", "data.tasks=[synth_paraphrase,synth_similarity]", "data.long=window")
        )
    with pytest.raises(UserError, match=r"data.long=.*breaks the rule: cut \| window"):
        validate(compose_config(*NANO, "data.long=whole"))
    for kind in KINDS.values():  # those without say so, early and late
        assert not (kind.windows_texts and kind.several_inputs), kind.name
        if not kind.windows_texts:
            with pytest.raises(UserError, match="not read in windows; choices: cut"):
                kind.encode_windows(None, {}, 8)


def test_balanced_weights_count_texts(tmp_path):
    weights = ["training.class_weights=balanced", "training.max_steps=1"]
    run_job(compose_config(*NANO, "data=synth_entailment", *WINDOWS, *weights), tmp_path / "run")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "ok"
