"""The answer recommends what the evidence supports, with the fewest trained values."""

from types import SimpleNamespace

import pytest

from src.study.answer import Judged, answer, recommended
from src.study.looks import Finding
from tests.study.test_question import parsed

VALUES = {"full": 1000, "lora": 10, "lsr": 5, "head": 1}
MEANS = {"full": 0.9, "lora": 0.89, "lsr": 0.88, "head": 0.6}


def judged(learned=True, **verdicts):
    table = SimpleNamespace(learned=learned)
    found = [Judged("full", table, SimpleNamespace(mean=0.9, trainable=1000), None)]  # type: ignore[arg-type]
    for method, verdict in verdicts.items():
        row = SimpleNamespace(mean=MEANS[method], trainable=VALUES[method])
        finding = Finding("t", method, 3, verdict, "settled", 1, (-0.01, -0.02, 0.01, 0.3))
        found.append(Judged(method, table, row, finding))  # type: ignore[arg-type]
    return found


QUESTION = parsed(methods=["roberta_full", "roberta_lora", "roberta_lsr", "roberta_head"])


@pytest.mark.parametrize(
    ("verdicts", "method"),
    [
        ({"lora": "equivalent", "lsr": "undecided", "head": "worse"}, "lora"),
        ({"lora": "equivalent", "lsr": "equivalent", "head": "worse"}, "lsr"),
        ({"lora": "better", "lsr": "equivalent", "head": "worse"}, "lora"),
        ({"lora": "undecided", "lsr": "undecided", "head": "worse"}, "full"),
    ],
)
def test_what_is_recommended(verdicts, method):
    assert recommended(QUESTION, judged(**verdicts)).method == method


def test_the_words():
    said = answer(QUESTION, {"t": judged(lora="equivalent", lsr="undecided", head="worse")})["t"]
    assert said[0].startswith(
        "use lora (0.8900), 100 times fewer trained values than full; equivalent to full within 0.02"
    )
    assert said[1].startswith("lsr: undecided against full (-0.0100 [-0.0200, +0.0100])")
    assert said[2].startswith("head: worse than full")


def test_where_nothing_was_learned_nothing_is_recommended():
    (line,) = answer(QUESTION, {"t": judged(learned=False, lora="equivalent")})["t"]
    assert "nothing was learned" in line and "use" not in line
