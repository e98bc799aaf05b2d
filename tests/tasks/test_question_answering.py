"""Extractive question answering: spans, windows and scores, against SQuAD's script, transformers and brute force."""

import json
import re
import string
from collections import Counter

import numpy as np
import pytest
import torch
from transformers import AutoConfig, BertForQuestionAnswering

from src.backbones.backbone import load_backbone
from src.backbones.own_loss import take_own_loss
from src.data.normalise import normalise, rows_of
from src.data.sources.table_files import read_table
from src.metrics.definitions.answer_f1 import METRIC as F1
from src.metrics.definitions.exact_match import METRIC as EXACT
from src.tasks import KINDS, label_space
from src.tasks.answer_texts import WordNumbers, filled, spans_in, trimmed
from src.tasks.question_windows import LONGEST_ANSWER, NONE, TEXT, best_spans, question_windows
from src.utils.errors import UserError

ANSWERED, OR_NONE = KINDS["question_answering"], KINDS["question_answering_or_none"]
PLACE = rows_of("here")
PIECES = ["The", "the", "a", "An", "red", "Red,", "cat", "cat's", "U.S.", "1966-1967", "\u2013the", "it", "!"]


def official(right: list[str], answer: str) -> tuple[float, float]:
    """What evaluate-v2.0.py computes for one question, as it writes it."""

    def normal(text: str) -> str:
        text = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
        return " ".join(re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text).split())

    def f1(gold: str) -> float:
        ours, theirs = normal(gold).split(), normal(answer).split()
        same = sum((Counter(ours) & Counter(theirs)).values())
        if not ours or not theirs:
            return float(ours == theirs)
        if not same:
            return 0.0
        precision, recall = same / len(theirs), same / len(ours)
        return 2 * precision * recall / (precision + recall)

    return max(float(normal(gold) == normal(answer)) for gold in right), max(map(f1, right))


def test_scores_are_those_of_the_official_script():
    rng = np.random.default_rng(0)
    labels, predictions, expected = [], [], []
    for _ in range(400):
        context = " ".join(rng.choice(PIECES, 12))
        parts = [sorted(rng.integers(0, len(context), 2)) for _ in range(4)]
        answer, *right = (context[start:end] for start, end in parts)
        right = right[: rng.integers(0, 4)]
        answer = right[0] if right and rng.random() < 0.3 else "" if rng.random() < 0.1 else answer
        words = WordNumbers(context, right)
        labels.append(words.of_all(right))
        predictions.append(words.of(answer))
        expected.append(official(right or [""], answer))
    found = [own.compute(filled(labels, 0), filled(predictions, 40)) for own in (EXACT, F1)]
    assert found == pytest.approx(np.mean(expected, axis=0).tolist(), abs=1e-12)
    assert 0.1 < found[0] < found[1] < 0.9
    assert max(map(max, labels + predictions)) < 10_000  # what predictions.parquet may hold


def test_the_loss_is_that_of_transformers_question_answering():
    config = AutoConfig.for_model("bert", vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                                  intermediate_size=8)  # fmt: skip
    label_space((), "question_answering").configure(config)
    torch.manual_seed(0)
    ours, theirs = ANSWERED.model_class().from_config(config).eval(), BertForQuestionAnswering(config).eval()
    take_own_loss(ours, ANSWERED)
    theirs.bert.load_state_dict(ours.bert.state_dict())
    theirs.qa_outputs.load_state_dict(ours.classifier.state_dict())
    ids, ends = torch.randint(0, 30, (3, 9)), torch.tensor([[0, 0], [2, 5], [8, 8]])
    mine = ours(input_ids=ids, labels=ends.float())
    their = theirs(input_ids=ids, start_positions=ends[:, 0], end_positions=ends[:, 1])
    torch.testing.assert_close(mine.logits, torch.stack([their.start_logits, their.end_logits], -1))
    torch.testing.assert_close(mine.loss, their.loss)
    assert type(ours).__name__ == "BertForTokenClassification" and "loss" not in ours(input_ids=ids)


@pytest.fixture(scope="module")
def tokenizer():
    return load_backbone(
        {"name": "nano", "path": "assets/nano"}, label_names=(), kind="question_answering", seed=0
    ).tokenizer


CONTEXT = " ".join(
    f"On day {day} the doctor met {'the mayor' if day % 2 else 'a judge'} in park {day} ." for day in range(9)
)


@pytest.mark.parametrize("max_length", [20, 33, 512])
def test_no_token_of_a_long_text_is_lost(tokenizer, max_length):
    question = "Whom did the doctor meet on day seven?"
    windows = list(question_windows(tokenizer, [question, "Who?"], [CONTEXT, "Nobody ."], max_length))
    whole = tokenizer(CONTEXT, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    seen = {
        trimmed(CONTEXT, start, end)
        for window in windows if window.origin == 0
        for start, end in zip(window.starts[window.roles == TEXT], window.ends[window.roles == TEXT], strict=True)
    }  # fmt: skip
    assert seen == {own for own in whole if own[0] < own[1]}  # some tokens stand for a space alone
    assert all(
        len(window.inputs["input_ids"]) <= max_length and (window.roles == NONE).sum() == 1 for window in windows
    )
    assert (len(windows) == 2) == (max_length == 512)
    span = (CONTEXT.index("a judge"), "a judge")
    found = [window.tokens_of(span) for window in windows if window.origin == 0]
    texts = [
        CONTEXT[window.starts[i] : window.ends[j]].strip() for window, (i, j) in zip(windows, found, strict=False) if i
    ]
    assert texts and set(texts) == {"a judge"}
    assert all(i == j for i, j in found if not i) and windows[-1].tokens_of(None) == [0, 0]


def test_a_question_too_long_is_cut_and_its_text_is_not(tokenizer):
    (window, *_) = question_windows(tokenizer, ["why " * 300], [CONTEXT], 64)
    assert (window.roles == TEXT).sum() > 20 and len(window.inputs["input_ids"]) == 64


def test_the_best_spans_are_those_of_all_spans():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(60, 2)).astype(np.float32)
    roles = np.array([NONE, *[0] * 9, *[TEXT] * 48, 0, 0])
    starts, ends = np.arange(60) * 10, np.arange(60) * 10 + 7
    every = [
        (logits[i, 0] + logits[j, 1], starts[i], ends[j])
        for i in range(10, 58) for j in range(i, min(i + LONGEST_ANSWER, 58))
    ]  # fmt: skip
    expected = sorted(every, key=lambda span: -span[0])[:7]
    found = best_spans(logits, roles, starts, ends, 7)
    assert [span[1:] for span in found] == [span[1:] for span in expected]
    assert [span[0] for span in found] == pytest.approx([span[0] for span in expected])
    assert best_spans(logits, np.zeros(60), starts, ends, 7) == []


def columns(contexts, answers) -> dict:
    return {"question": ["Who?"] * len(contexts), "context": contexts, "answers": answers}


def read(kind, contexts, answers, **options):
    return normalise(columns(contexts, answers), text=["question", "context"], label="answers", label_names=(),
                     kind=kind.name, place=PLACE, **options)  # fmt: skip


def answer(text: str, context: str = CONTEXT) -> dict:
    return {"text": [text], "answer_start": [context.index(text)]}


@pytest.mark.parametrize("kind", [ANSWERED, OR_NONE], ids=lambda kind: kind.name)
def test_windows_become_one_answer(tokenizer, kind):
    """Scores that point at the answer, in the windows that hold it whole, give it."""
    rows = read(
        kind, [CONTEXT, "Ann sang .", CONTEXT], [answer("day 8"), answer("Ann", "Ann sang ."), answer("a judge")]
    )
    encoded = kind.encode(tokenizer, rows[:], 24)
    encoded["idx"] = encoded["origin"]
    sizes = [len(ids) for ids in encoded["input_ids"]]
    logits = np.random.default_rng(0).normal(size=(len(sizes), max(sizes), 2)).astype(np.float32)
    labels = np.asarray(encoded["labels"])
    for row, (start, end) in enumerate(labels):
        logits[row, start, 0] += 20 if start else 5
        logits[row, end, 1] += 20 if start else 5
    order = np.random.default_rng(1).permutation(len(sizes))  # windows come longest first, and so on
    order = order[np.argsort(np.asarray(encoded["origin"])[order] == 1, kind="stable")]
    shuffled = {name: [values[row] for row in order] for name, values in encoded.items()}
    whole, right = kind.gather(logits[order], labels[order], shuffled)
    assert kind.unit_index(shuffled) == [0, 1, 2] and len(sizes) > 8
    texts = rows["text_pair"][:]
    assert [own.label for own in kind.answers(torch.from_numpy(whole), (), texts)] == ["day 8", "Ann", "a judge"]
    assert kind.compute(["exact_match", "answer_f1"])(whole, right) == {"exact_match": 1.0, "answer_f1": 1.0}
    assert kind.same_labels(right, shuffled)
    _, wrong = kind.gather(logits[order], np.roll(labels[order], 1, axis=0), shuffled)
    assert not kind.same_labels(wrong, shuffled)
    kept = kind.kept(whole, right, np.int64)
    assert [len(row) for row in kept["label"]] == [len(row) for row in kept["prediction"]]
    assert kind.flips(whole, whole) == 0 and not kind.is_constant(whole) and kind.is_constant(whole[:1])
    logits[0, 3] = np.nan
    assert not np.isfinite(kind.gather(logits, None, encoded)[0][0]).any()


def test_unanswerable_questions(tokenizer):
    rows = read(OR_NONE, [CONTEXT], [{"text": [], "answer_start": []}])
    assert spans_in(rows["label"][0]) == []
    encoded = OR_NONE.encode(tokenizer, rows[:], 24)
    encoded["idx"] = encoded["origin"]
    assert {tuple(own) for own in encoded["labels"]} == {(0, 0)}
    logits = np.zeros((len(encoded["idx"]), 24, 2), dtype=np.float32)
    for score, expected in ((1.0, ""), (-1.0, CONTEXT[:2])):
        logits[:, 0] = score
        whole, right = OR_NONE.gather(logits, np.asarray(encoded["labels"]), encoded)
        (found,) = OR_NONE.answers(torch.from_numpy(whole), (), [CONTEXT])
        assert found.label == expected and EXACT.compute(right, OR_NONE.predictions(whole)) == (expected == "")
    logits[:, 0], logits[0, 0] = 1.0, -1.0  # one window that is sure of its answer is enough
    assert OR_NONE.answers(torch.from_numpy(OR_NONE.gather(logits, None, encoded)[0]), (), [CONTEXT])[0].label
    with pytest.raises(UserError, match=r"here row 0: no answer; data\.kind=question_answering_or_none takes"):
        read(ANSWERED, [CONTEXT], [[]])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("the mayor", "is no list of answers"),
        ([{"text": "the mayor"}], "is no list of answers"),
        ({"text": ["the"], "answer_start": [0, 1]}, "is no list of answers"),
        ([{"text": " ", "answer_start": 2}], "is no list of answers"),
        ([{"text": "the", "answer_start": True}], "is no list of answers"),
        ([{"text": "the mayor", "answer_start": 0}], "the answer 'the mayor' does not stand at character 0"),
    ],
)
def test_answers_that_are_none(given, message):
    with pytest.raises(UserError, match=message):
        read(ANSWERED, [CONTEXT], [given])


def squad(folder, *contexts):
    paragraphs = [
        {"context": own, "qas": [{"id": f"{number}", "question": "Who?", "answers": [
            {"text": own[:3], "answer_start": 0}, {"text": own[:5], "answer_start": 0}]},
            {"id": f"{number}b", "question": "Why?", "answers": [], "is_impossible": True}]}
        for number, own in enumerate(contexts)
    ]  # fmt: skip
    path = folder / "t.json"
    path.write_text(json.dumps({"version": "2", "data": [{"title": "T", "paragraphs": paragraphs}]}, indent=1))
    return path


def test_squads_json_is_read(tmp_path):
    table = read_table(squad(tmp_path, "Ann sang.", "Bob ran."))
    assert table.values["context"] == ["Ann sang."] * 2 + ["Bob ran."] * 2 and table.values["title"] == ["T"] * 4
    assert [len(own) for own in table.values["answers"]] == [2, 0, 2, 0]
    assert table.place(2).endswith("t.json data[0] paragraphs[1] qas[0]")
    rows = normalise(table.values, text=["question", "context"], label="answers", label_names=(), cluster="context",
                     kind=OR_NONE.name, place=table.place)  # fmt: skip
    assert spans_in(rows["label"][2]) == [(0, "Bob"), (0, "Bob r")] and rows["cluster"][3] == "Bob ran."
    (tmp_path / "none.json").write_text('{"data": [{"paragraphs": 3}]}')
    with pytest.raises(UserError, match=r"none.json data\[0\]: no list of objects at 'paragraphs'"):
        read_table(tmp_path / "none.json")
    for text, message in (("{", "not valid JSON"), ('{"data": []}', "no questions"), ("[]", "no list of objects")):
        (tmp_path / "none.json").write_text(text)
        with pytest.raises(UserError, match=message):
            read_table(tmp_path / "none.json")
