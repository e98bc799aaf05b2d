"""Tags of words: schemes, windows, entities, against definitions and the seqeval package."""

import numpy as np
import pytest
from transformers import AutoTokenizer

from src.data.normalise import rows_of
from src.metrics.entities import NOTHING, entity_counts, spans, word_counts
from src.metrics.names import get_metric
from src.tasks import KINDS, label_space
from src.tasks.tag_schemes import as_iob2, entity_types, is_marked, marks_entities, tags_of
from src.tasks.tagged_words import words_of
from src.tasks.token_classification import IGNORED
from src.tasks.word_windows import windows, windows_of_all
from src.utils.errors import UserError
from src.utils.paths import ROOT

TOKENS = KINDS["token_classification"]
TYPES = ("loc", "per")
NAMES = tags_of(TYPES)


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(ROOT / "assets" / "nano")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("B-a I-a O B-a B-a", "B-a I-a O B-a B-a"),  # IOB2
        ("I-a I-a O I-a B-a I-b", "B-a I-a O B-a B-a B-b"),  # IOB1: B only where two of a type touch
        ("B-a I-a E-a S-a O S-b", "B-a I-a I-a B-a O B-b"),  # IOBES
        ("B-a L-a U-a I-a", "B-a I-a B-a B-a"),  # BILOU, and an I that follows an end
        ("B-a M-a E-a S-b", "B-a I-a I-a B-b"),  # BMES
        ("B-creative-work I-creative-work I-work", "B-creative-work I-creative-work B-work"),
    ],
)
def test_schemes(written, expected):
    assert as_iob2(written.split()) == expected.split()


def test_which_classes_are_tags_of_entities():
    assert is_marked(["O", "S-x"]) and not is_marked(["O"]) and not is_marked(["NOUN", "B-x"])
    assert NAMES == ("O", "B-loc", "I-loc", "B-per", "I-per") and marks_entities(NAMES)
    assert entity_types(NAMES) == list(TYPES)
    assert not marks_entities(NAMES[::-1]) and not marks_entities(("NOUN", "VERB"))
    TOKENS.check_names(("NOUN", "VERB"))
    with pytest.raises(UserError, match="in this order: O, B-per, I-per, B-loc, I-loc"):
        TOKENS.check_names(("B-per", "O", "I-per", "B-loc", "I-loc"))
    with pytest.raises(UserError, match="two or more different"):
        TOKENS.check_names(("O", "O"))


def naive(tags) -> set[tuple[int, int, int]]:
    """By the definition, word by word."""
    found, tags = set(), [int(tag) for tag in tags if tag >= 0]
    for start, tag in enumerate(tags):
        if tag % 2 == 1:
            stop = start + 1
            while stop < len(tags) and tags[stop] == tag + 1:
                stop += 1
            found.add((tag // 2, start, stop))
    return found


def sentences(seed: int, n: int = 200, longest: int = 12):
    """Tags, and tags that differ from them in some places; any may follow any."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(NAMES), (n, longest), p=[0.4, 0.15, 0.15, 0.15, 0.15])
    predictions = np.where(rng.random((n, longest)) < 0.8, labels, rng.integers(0, len(NAMES), (n, longest)))
    missing = np.arange(longest) >= rng.integers(1, longest + 1, n)[:, None]
    return np.where(missing, NOTHING, labels), np.where(missing, NOTHING, predictions)


def test_entities_by_their_definition():
    labels, predictions = sentences(0)
    found = entity_counts(labels, predictions)
    for row, (true, predicted) in enumerate(zip(labels, predictions, strict=True)):
        a, b = naive(true), naive(predicted)
        assert set(spans(true)) == a and found[row].tolist() == [len(a & b), len(b), len(a)]
        for number in range(2):
            own, other = ({span for span in found if span[0] == number} for found in (a, b))
            expected = [len(own & other), len(other), len(own)]
            assert entity_counts(true[None], predicted[None], number)[0].tolist() == expected
    assert found[:, 0].sum() > 50
    words = word_counts(labels, predictions)
    assert (
        words[:, 0].sum() == (labels >= 0).sum()
        and words[:, 1].sum() == ((labels >= 0) & (labels == predictions)).sum()
    )


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_seqeval_in_strict_mode(seed):
    seqeval = pytest.importorskip("seqeval.metrics", reason="seqeval is not installed (requirements-dev.txt)")
    from seqeval.scheme import IOB2

    labels, predictions = sentences(seed)
    given = [[[NAMES[tag] for tag in row if tag >= 0] for row in rows] for rows in (labels, predictions)]
    for name in ("f1", "precision", "recall"):
        expected = getattr(seqeval, f"{name}_score")(*given, mode="strict", scheme=IOB2)
        assert get_metric(f"entity_{name}").compute(labels, predictions) == pytest.approx(expected, abs=1e-12)
    by_type = seqeval.classification_report(*given, mode="strict", scheme=IOB2, output_dict=True)
    logits = np.eye(len(NAMES), dtype=np.float32)[np.maximum(predictions, 0)]
    logits[predictions == NOTHING] = np.finfo(np.float32).min
    found = TOKENS.compute(["entity_f1"], NAMES)(logits, np.where(labels < 0, IGNORED, labels))
    for name in TYPES:
        assert found[f"f1_{name}"] == pytest.approx(by_type[name]["f1-score"], abs=1e-12)
    assert get_metric("token_accuracy").compute(labels, predictions) == seqeval.accuracy_score(*given)


@pytest.mark.parametrize("length", [8, 12, 20, 64])
def test_windows_leave_no_word_out(tokenizer, length):
    words = [f"word{'s' * (i % 7)}" for i in range(60)] + ["\ufe0f", "x" * 200, "end"]
    found = windows(tokenizer, words, length)
    assert (len(found) == 1) == (length > 1000)
    assert [word for window in found for word in window.words] == list(range(len(words)))
    for window in found:
        ids = window.inputs["input_ids"]
        assert len(ids) <= length and len(window.tokens) == len(window.words)
        assert window.tokens == sorted(set(window.tokens)) and window.tokens[0] >= 1
        for token, word in zip(window.tokens, window.words, strict=True):
            piece = tokenizer.decode([ids[token]]).strip()
            assert words[word] == "\ufe0f" or words[word].lower().startswith(piece.lower()), (piece, words[word])
    if length == 20:  # what is answered at a cut has words behind it
        first, second = found[:2]
        assert max(first.tokens) < len(first.inputs["input_ids"]) - 2 and min(second.tokens) > 1


def test_a_short_sentence_is_one_row_as_the_tokenizer_has_it(tokenizer):
    (window,) = windows(tokenizer, ["The", "doctor", "sleeps", "."], 32)
    assert window.inputs == dict(tokenizer("The doctor sleeps .", truncation=True, max_length=32))


def test_many_sentences_are_read_as_each_alone(tokenizer):
    sentences = [["a", "b"], [f"w{i}" for i in range(30)], ["\ufe0f", "x"], ["word"] * 9]
    for length in (8, 11, 14, 100):
        alone = [windows(tokenizer, words, length) for words in sentences]
        assert list(windows_of_all(tokenizer, sentences, length)) == alone


def test_windows_become_sentences_again(tokenizer):
    texts = ["one two three", " ".join(f"w{i}" for i in range(40)), "a"]
    labels = [[i % 5 for i in range(len(words_of(text)))] for text in texts]
    columns = TOKENS.encode(tokenizer, {"text": texts, "label": labels}, 16)
    columns["idx"] = [[7, 3, 5][origin] for origin in columns["origin"]]
    order = np.random.default_rng(0).permutation(len(columns["idx"]))  # evaluation has the longest first
    rows = {name: [column[i] for i in order] for name, column in columns.items()}
    longest = max(map(len, rows["labels"]))
    padded = np.array([[*own, *[IGNORED] * (longest - len(own))] for own in rows["labels"]])
    logits = np.eye(5, dtype=np.float32)[np.maximum(padded, 0)]
    whole, found = TOKENS.gather(logits, padded, rows)
    assert TOKENS.unit_index(rows) == [3, 5, 7] and len(rows["idx"]) > 4
    for row, text in enumerate((1, 2, 0)):
        own = found[row][found[row] != IGNORED].tolist()
        predicted = TOKENS.predictions(whole)[row]
        assert own == labels[text] and predicted[predicted != NOTHING].tolist() == labels[text]
    assert TOKENS.same_labels(found, rows) and not TOKENS.same_labels(found[::-1], rows)
    assert len(TOKENS.present(whole_tensor(whole))) == 5 * sum(map(len, labels))


def whole_tensor(array):
    import torch

    return torch.from_numpy(array)


def test_columns_are_read_in_any_scheme():
    place = rows_of("x")
    feature, values = TOKENS.read_labels([["I-per", "I-per", "O"], ["U-loc"]], NAMES, NAMES, "tags", place)
    assert values.to_pylist() == [[3, 4, 0], [1]] and feature.feature.names == list(NAMES)
    assert TOKENS.names_in(feature) == NAMES
    _, values = TOKENS.read_labels([[3, 4, 0], [1]], NAMES, range(5), "tags", place)
    assert values.to_pylist() == [[3, 4, 0], [1]]
    assert TOKENS.find_names([["S-b", "O"], ["I-a"]], None, "tags", place) == tags_of("ab")
    assert TOKENS.find_names([["VERB", "NOUN"]], None, "tags", place) == ("NOUN", "VERB")
    with pytest.raises(UserError, match="x row 0: tag 'B-org' is none of 'O'"):
        TOKENS.read_labels([["B-org"]], NAMES, NAMES, "tags", place)
    with pytest.raises(UserError, match="2 tags for 3 words"):
        TOKENS.check_rows(["a b c"], [[0, 0]], place)
    with pytest.raises(UserError, match="is no word"):
        TOKENS.read_text([["a b"]], "tokens", place)


def test_answers_name_entities_where_they_stand():
    text = "  Ann  lives in New York ."
    tags = [3, 0, 0, 1, 2, 0]
    logits = whole_tensor(np.eye(5, dtype=np.float32)[tags] * 9)[None]
    (answer,) = TOKENS.answers(logits, NAMES, [text])
    assert answer.label == "B-per O O B-loc I-loc O" and not answer.scores
    first, second = answer.more["entities"]
    assert (first["type"], first["text"]) == ("per", "Ann") and text[first["start"] : first["end"]] == "Ann"
    assert second["text"] == "New York" and 0.99 < second["score"] <= 1


def test_a_space_names_its_classes():
    assert label_space(NAMES, "token_classification").outputs == 5
