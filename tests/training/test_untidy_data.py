"""Classes of unequal size and texts that are too long: weights, sampling, what is cut off, and what is recorded."""

import json
import logging

import numpy as np
import pytest
import torch
from datasets import Dataset

from src.config import validate
from src.data.cut import cut_inputs, warn_of_cuts
from src.packed.launch import why_alone
from src.tasks import KINDS, LabelSpace, label_space
from src.training.class_weights import check_sampling, class_weights, weighted_loss
from src.training.run import run_job
from src.training.sampler import StratifiedSampler, by_class
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config
from tests.training.test_paired_step import TINY

TWO = [label_space(("no", "yes"))]
LABELS = [0] * 30 + [1] * 10


def test_balanced_weights_are_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=np.array(LABELS))
    assert class_weights("balanced", TWO, LABELS).tolist() == pytest.approx(expected.tolist())
    assert class_weights([1, 2.5], TWO, LABELS).tolist() == [1.0, 2.5]
    assert class_weights(None, TWO, LABELS) is None


@pytest.mark.parametrize(
    ("setting", "spaces", "labels", "message"),
    [
        ([1.0], TWO, LABELS, "a number above 0 for each class: no, yes"),
        ([1.0, 0.0], TWO, LABELS, "above 0"),
        ("balanced", TWO, [0, 0], "no training row is of the class yes"),
        ("balanced", [label_space(())], [0.5], "a regression has no one class"),
        ("balanced", TWO * 2, LABELS, "several tasks"),
    ],
)
def test_weights_that_do_not_fit_are_refused(setting, spaces, labels, message):
    with pytest.raises(UserError, match=message):
        class_weights(setting, spaces, labels)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_is_weighed_and_drawn_by_class_or_says_why_not(kind):
    names = ("no", "yes") if kind.has_classes else ()
    space = LabelSpace(kind, names)
    if kind.picks_one:
        assert class_weights("balanced", [space], LABELS).shape == (2,)
        check_sampling("balanced", [space])
        return
    for refused in (lambda: class_weights("balanced", [space], []), lambda: check_sampling("stratified", [space])):
        with pytest.raises(UserError, match=f"{kind.title} has no one class an example"):
            refused()


def test_the_loss_counts_an_example_as_often_as_its_weight():
    torch.manual_seed(0)
    logits, labels = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
    repeated = torch.tensor([0, 3, 1, 1, 1, 2, 2, 2])  # rows of the class 1 three times
    expected = torch.nn.functional.cross_entropy(logits[repeated], labels[repeated])
    torch.testing.assert_close(weighted_loss(logits, labels, torch.tensor([1.0, 3.0]), 0.0), expected)
    plain = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(weighted_loss(logits, labels, torch.ones(2), 0.1), plain)


def test_a_stratified_epoch_has_every_row_once_and_each_batch_its_share():
    sampler = StratifiedSampler(LABELS, torch.Generator().manual_seed(0))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(40)) and first != second
    for start in range(0, 40, 8):
        assert abs(sum(LABELS[i] for i in first[start : start + 8]) - 2) <= 1


def test_a_balanced_epoch_has_as_many_rows_of_each_class():
    rows = list(by_class("balanced", LABELS, torch.Generator().manual_seed(0)))
    assert len(rows) == 40 and sum(LABELS[i] for i in rows) == 20
    assert len({i for i in rows if LABELS[i]}) == 10


class Words:
    """A tokenizer that makes a token of each word."""

    def __call__(self, text, pair=None, **options):
        both = zip(text, pair or [""] * len(text), strict=True)
        return {"input_ids": [f"{a} {b}".split() for a, b in both]}


def test_what_is_cut_is_counted_in_rows_and_tokens(caplog):
    lengths = [2, 5, 8, 4, 13]
    texts = Dataset.from_dict({"text": [" ".join("w" * n) for n in lengths], "idx": list(range(5))})
    kept = [min(n, 5) for n in lengths]
    order = [4, 2, 0, 1, 3]
    encoded = Dataset.from_dict({"idx": order, "length": [kept[i] for i in order]})
    share = cut_inputs(texts, encoded, Words(), 5)
    assert share == {"rows": 2 / 5, "tokens": pytest.approx((3 + 8) / sum(lengths))}
    assert cut_inputs(texts, encoded, Words(), 14) == {"rows": 0.0, "tokens": 0.0}
    assert cut_inputs(texts.remove_columns("text"), encoded, Words(), 5) == {}
    with caplog.at_level(logging.INFO):
        warn_of_cuts({"train": share, "validation": {"rows": 0.01, "tokens": 0.001}}, 5)
    levels = [(record.levelname, record.getMessage().split(":")[0]) for record in caplog.records]
    assert levels == [("WARNING", "train"), ("INFO", "validation")]
    assert "40.0 % of inputs are longer than data.max_length=5" in caplog.text


def test_a_run_weighs_draws_and_records(tmp_path):
    plain = [*TINY, "training.max_steps=2", "data.max_length=12"]
    for name, own in {
        "plain": [],
        "weights": ["training.class_weights=[1.0,9.0]"],
        "draws": ["training.sampling=balanced"],
    }.items():
        run_job(compose_config(*plain, *own), tmp_path / name)
    read = {name: json.loads((tmp_path / name / "result.json").read_text()) for name in ("plain", "weights", "draws")}
    assert read["weights"]["metrics"] != read["plain"]["metrics"]
    assert read["weights"]["batches_fingerprint"] == read["plain"]["batches_fingerprint"]
    assert read["draws"]["batches_fingerprint"] != read["plain"]["batches_fingerprint"]
    record = read["plain"]
    assert {split: sum(counts.values()) for split, counts in record["labels"].items()} == record["rows"]
    assert 0.5 < record["cut"]["train"]["rows"] <= 1 and 0 < record["cut"]["train"]["tokens"] < 1
    assert set(record["cut"]) == set(record["rows"])


def test_what_cannot_be_is_refused(tmp_path):
    regression = [*TINY, "data=synth_similarity"]
    with pytest.raises(UserError, match="a regression has no one class"):
        run_job(compose_config(*regression, "training.sampling=stratified"), tmp_path / "run")
    with pytest.raises(UserError, match="class_weights='heavy' breaks the rule: balanced"):
        validate(compose_config(*NANO, "training.class_weights=heavy"))
    from omegaconf import OmegaConf

    config = OmegaConf.to_container(compose_config(*NANO, "training.class_weights=balanced"), resolve=True)
    assert why_alone(config) == "training.class_weights=balanced"
