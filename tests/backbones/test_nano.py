"""The embedded backbone: loads offline, reads pairs as RoBERTa does, and has really been pretrained."""

from collections import Counter
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, RobertaForMaskedLM

from assets.nano.pretrain import build_model, evaluate
from src.data.sources.synthetic import rows

NANO = Path(__file__).parents[2] / "assets" / "nano"
TEXT = "The doctor who was tall didn't help 12 lawyers, and the naïve café-owner paid €5."


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(NANO, local_files_only=True)


@pytest.fixture(scope="module")
def unseen(tokenizer) -> list[list[int]]:
    """Pairs of the test split, whose templates no pretraining text has."""
    pairs = rows("paraphrase", "test", 0, 200)
    return tokenizer([row["text"] for row in pairs], [row["text_pair"] for row in pairs])["input_ids"]


def test_loads_as_a_roberta_classifier():
    config = AutoConfig.from_pretrained(NANO, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(NANO, num_labels=3, local_files_only=True)
    assert type(model).__name__ == "RobertaForSequenceClassification"
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (5, 128, 4)
    h, inner, vocab, positions, labels = 128, 512, config.vocab_size, config.max_position_embeddings, 3
    layer = 4 * (h * h + h) + (h * inner + inner) + (inner * h + h) + 2 * 2 * h
    embeddings = (vocab + positions + 1) * h + 2 * h
    head = (h * h + h) + (h * labels + labels)
    assert sum(p.numel() for p in model.parameters()) == embeddings + 5 * layer + head


def test_folder_is_small_and_safe():
    assert sum(path.stat().st_size for path in NANO.iterdir() if path.is_file()) < 6_000_000
    assert not [path for path in NANO.iterdir() if path.suffix in (".bin", ".pt", ".pkl", ".pickle")]


def test_tokenizer_gives_back_any_text(tokenizer):
    ids = tokenizer(TEXT)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == TEXT
    assert tokenizer.unk_token_id not in ids


def test_pairs_are_in_roberta_format(tokenizer):
    first, second = (
        tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("A boy ran.", "Two girls sat.")
    )
    assert tokenizer("A boy ran.", "Two girls sat.")["input_ids"] == [0, *first, 2, 2, *second, 2]
    assert tokenizer("A boy ran.")["input_ids"] == [0, *first, 2]
    assert tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"]) == [0, 1, 2, 3, 4]
    assert (tokenizer.pad_token_id, tokenizer.mask_token) == (1, "<mask>")


def test_words_of_the_suite_are_mostly_single_tokens(tokenizer, unseen):
    words = sum(len(row["text"].split()) + len(row["text_pair"].split()) for row in rows("paraphrase", "test", 0, 200))
    pieces = sum(map(len, unseen)) - 4 * len(unseen)
    assert pieces / words < 1.25  # the full stop is a piece of its own


def test_weights_predict_masked_words_of_unseen_templates(tokenizer, unseen):
    """Far better than word frequencies can, and than the same model untrained: that cannot be had without training."""
    counts = Counter(token for row in unseen for token in row if token >= 5)
    total = sum(counts.values())
    unigram_loss = -sum(count / total * log(count / total) for count in counts.values())  # fitted to the test text
    loss, accuracy = evaluate(RobertaForMaskedLM.from_pretrained(NANO, local_files_only=True).eval(), unseen)
    torch.manual_seed(0)
    untrained, _ = evaluate(build_model(len(tokenizer)).eval(), unseen)
    assert loss < 0.5 * unigram_loss < unigram_loss < untrained
    assert accuracy > 0.5


def test_longest_input_fits(tokenizer):
    model = AutoModelForSequenceClassification.from_pretrained(NANO, local_files_only=True).eval()
    batch = tokenizer("The boy ran. " * 200, truncation=True, return_tensors="pt")
    assert batch["input_ids"].shape[1] == tokenizer.model_max_length
    with torch.no_grad():
        assert np.isfinite(model(**batch).logits.numpy()).all()
