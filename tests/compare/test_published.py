"""Published rows: which belong to a table, and that each says where it comes from."""

from dataclasses import replace

import pytest
import yaml

from src.compare.comparison import compare_runs
from src.compare.published import FILE, published_rows
from src.runs.reading import find_runs
from tests.compare.factory import make_run


@pytest.fixture
def table(tmp_path):
    make_run(tmp_path / "run")
    return compare_runs(find_runs([tmp_path]), resamples=200).tables[0]


def asked(table, data, metric, backbone="roberta_base"):
    return published_rows(replace(table, fixed=table.fixed | {"data": data, "backbone": backbone}, metric=metric))


def test_same_backbone_task_and_metric_only(table):
    assert published_rows(table) == []
    rows = asked(table, "cola", "matthews_correlation")
    assert {row.source.split(",")[0] for row in rows} == {"LoRA", "VeRA", "FourierFT", "C3A"}
    assert asked(table, "cola", "accuracy") == []
    assert [row.method for row in asked(table, "cola", "matthews_correlation", "roberta_large")] == ["LoRA-FA"]


def test_a_row_with_another_metric_is_not_shown(table):
    from_lora = [row.method for row in asked(table, "mrpc", "accuracy") if row.source == "LoRA, table 2"]
    assert "BitFit" not in from_lora  # its MRPC column looks like F1
    assert "LoRA r=8 on query, value" in from_lora


def test_fractions_and_protocols(table):
    rows = {(row.source, row.method): row for row in asked(table, "rte", "accuracy")}
    lora = rows["LoRA, table 2", "LoRA r=8 on query, value"]
    assert (lora.score, lora.deviation) == pytest.approx((0.866, 0.007))
    assert "warm start from MNLI" in lora.protocol
    assert "best epoch" in lora.protocol
    c3a = rows["C3A, table 2", "LoRA r=8"]
    assert c3a.score == pytest.approx(0.7668)
    assert "held-out" in c3a.protocol
    assert c3a.url == "https://arxiv.org/abs/2407.19342"
    assert "no warm start from MNLI" in rows["FourierFT, table 2", "LoRA"].protocol


def test_every_score_is_a_percentage_of_a_known_column():
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    known = {task for tasks in content["metrics"].values() for task in tasks}
    for paper in content["tables"]:
        for row in paper["rows"]:
            assert row["scores"].keys() <= known
            for cell in row["scores"].values():
                score = cell[0] if isinstance(cell, list) else cell
                assert 50 < score < 100
