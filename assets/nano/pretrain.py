"""Pretrains the embedded backbone, a RoBERTa of 5 layers x 128, on the CPU.

    python -m assets.nano.pretrain --out assets/nano

The text is the synthetic suite's, from templates that none of its tasks uses (`src.data.sources.synthetic.corpus`), and no
label of a task is seen. Two objectives share it:

masked-language modelling   as RoBERTa's, read from the last layer and from the one below
replaced-token detection    as ELECTRA's, read from the layer below the last: which words have been tampered with?

The second makes a model of this size compare two sentences word by word, which masked words alone did not. The layer
below the last serves both because a classifier's <s> must still be able to look at what they find. Everything is drawn
from one seed; the weights repeat on the same machine with the same number of threads.
"""

import argparse
import itertools
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor
from transformers import RobertaConfig, RobertaForMaskedLM, RobertaTokenizerFast

from src.data.sources.synthetic.corpus import Passage, passages
from src.data.sources.synthetic.dice import Dice

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
VOCABULARY = 2_500
BATCH_SIZE = 32
HELD_OUT = 2_000
KEPT = 0.1  # share of the tokens to be predicted though they are left as they are
DETECTION_WEIGHT = 20.0  # of a loss that is small because few tokens are tampered with


@dataclass(frozen=True)
class Stage:
    """Passes over the text: how many, what share of the tokens is hidden, and for how long nothing is tampered with."""

    epochs: int
    hidden: float
    untampered: float
    learning_rate: float


# what fits is learned before what does not, and in the end in sentences as whole as a task's
STAGES = (
    Stage(epochs=2, hidden=0.25, untampered=0.4, learning_rate=1.5e-3),
    Stage(epochs=1, hidden=0.08, untampered=0.0, learning_rate=1e-3),
)


def build_tokenizer(text: Iterable[str], vocab_size: int) -> RobertaTokenizerFast:
    """A byte-level BPE tokenizer with RoBERTa's special tokens and pairs, `<s> a </s></s> b </s>`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    specials = [AddedToken(token, lstrip=token == "<mask>", special=True, normalized=False) for token in SPECIAL]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=2, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(text, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=True)
    return RobertaTokenizerFast(tokenizer_object=tokenizer, add_prefix_space=True, model_max_length=256)


def build_model(vocab_size: int) -> RobertaForMaskedLM:
    """The untrained backbone."""
    return RobertaForMaskedLM(
        RobertaConfig(
            vocab_size=vocab_size,
            hidden_size=128,
            num_hidden_layers=5,
            num_attention_heads=4,
            intermediate_size=512,
            max_position_embeddings=258,
            type_vocab_size=1,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )


class Row(NamedTuple):
    """Token ids of a passage, as they should be and as they are given."""

    target: list[int]
    given: list[int]


def encode(text: list[Passage], tokenizer: RobertaTokenizerFast) -> list[Row]:
    """The passages as rows; tampering that changes the number of tokens is undone."""

    def ids(pick: str) -> list[list[int]]:
        pairs = [(one.first, getattr(one, pick)) if one.second else one.first for one in text]
        return [encoding.ids for encoding in tokenizer.backend_tokenizer.encode_batch(pairs)]

    return [
        Row(target, given if len(given) == len(target) else target)
        for target, given in zip(ids("second"), ids("tampered"), strict=True)
    ]


def batches(rows: list[Row], size: int, generator: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One pass over the rows in batches of near-equal length, in random order, padded with 1: targets, given."""
    order = sorted(generator.permutation(len(rows)), key=lambda i: len(rows[i].target))
    chunks = [order[start : start + size] for start in range(0, len(order), size)]
    for index in generator.permutation(len(chunks)):
        chunk = [rows[i] for i in chunks[index]]
        longest = max(len(row.target) for row in chunk)
        target, given = ([ids + [1] * (longest - len(ids)) for ids in side] for side in zip(*chunk, strict=True))
        yield np.array(target), np.array(given)


@dataclass(frozen=True)
class Batch:
    """What the model reads, what it should have read, and where either objective looks."""

    ids: Tensor
    target: Tensor
    predicted: Tensor  # hidden, tampered with, or kept so that being asked betrays nothing
    hidden: Tensor

    @classmethod
    def draw(cls, target: np.ndarray, given: np.ndarray, share: float, generator: np.random.Generator) -> "Batch":
        """Hides a share of the tokens."""
        fate = np.where(target >= len(SPECIAL), generator.random(target.shape), 1.0)
        hidden = fate < share
        predicted = (fate < share + KEPT) | (target != given)
        ids = np.where(hidden, SPECIAL.index("<mask>"), given)
        return cls(*map(torch.from_numpy, (ids, target, predicted, hidden)))


def losses(model: RobertaForMaskedLM, detector: torch.nn.Linear, batch: Batch) -> tuple[Tensor, Tensor]:
    """The two objectives. The vocabulary is dear, so it is scored only where a token is to be predicted."""
    states = model.roberta(batch.ids, attention_mask=batch.ids != 1, output_hidden_states=True).hidden_states[-2:]
    labels = batch.target[batch.predicted]
    masked = sum(F.cross_entropy(model.lm_head(state[batch.predicted]), labels) for state in states) / 2
    visible = (batch.target >= len(SPECIAL)) & ~batch.hidden
    tampered = (batch.ids != batch.target)[visible].float()
    detection = F.binary_cross_entropy_with_logits(detector(states[0][visible])[:, 0], tampered)
    return masked, detection


@torch.no_grad()
def evaluate(model: RobertaForMaskedLM, rows: list[list[int]]) -> tuple[float, float]:
    """Mean loss and accuracy of the last layer on hidden tokens of untouched rows, hidden from a fixed seed."""
    generator = np.random.default_rng(1)
    loss = right = count = 0
    for target, _ in batches([Row(ids, ids) for ids in rows], 128, generator):
        batch = Batch.draw(target, target, STAGES[0].hidden, generator)
        labels = batch.target[batch.hidden]
        states = model.roberta(batch.ids, attention_mask=batch.ids != 1).last_hidden_state
        logits = model.lm_head(states[batch.hidden])
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        right += (logits.argmax(-1) == labels).sum().item()
        count += len(labels)
    return loss / count, right / count


def train(model: RobertaForMaskedLM, rows: list[Row], stage: Stage, seed: int) -> None:
    """Both objectives over the rows: AdamW, linear warm-up and decay."""
    detector = torch.nn.Linear(model.config.hidden_size, 1)  # thrown away afterwards
    parameters = [*model.parameters(), *detector.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=stage.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    steps = stage.epochs * math.ceil(len(rows) / BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, stage.learning_rate, steps, pct_start=0.05, anneal_strategy="linear", cycle_momentum=False
    )
    generator = np.random.default_rng(seed)
    stream = itertools.chain.from_iterable(batches(rows, BATCH_SIZE, generator) for _ in range(stage.epochs))
    start = time.perf_counter()
    for step, (target, given) in enumerate(stream, start=1):
        given = target if step < stage.untampered * steps else given
        masked, detection = losses(model, detector, Batch.draw(target, given, stage.hidden, generator))
        (masked + DETECTION_WEIGHT * detection).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 200 == 0:
            seconds = time.perf_counter() - start
            print(f"step {step}/{steps}: {masked.item():.3f}, {detection.item():.4f}, {seconds:.0f} s", flush=True)


def main() -> None:
    """Makes the text, the tokenizer and the weights, writes them, and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, config and tokenizer")
    parser.add_argument("--passages", type=int, default=125_000, help="sentences and pairs of text")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    start = time.perf_counter()

    text = list(itertools.islice(passages(Dice(f"pretrain/{args.seed}")), args.passages + HELD_OUT))
    tokenizer = build_tokenizer((sentence for one in text for sentence in one[:2]), VOCABULARY)
    rows = encode(text, tokenizer)
    held_out, rows = rows[:HELD_OUT], rows[HELD_OUT:]
    size = sum(len(row.target) for row in rows)
    print(f"{len(rows)} passages, {size} tokens, {time.perf_counter() - start:.0f} s", flush=True)

    torch.manual_seed(args.seed)
    model = build_model(len(tokenizer))
    for number, stage in enumerate(STAGES):
        train(model, rows, stage, args.seed + number)
    loss, accuracy = evaluate(model.eval(), [row.target for row in held_out])
    args.out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    print(f"held-out masked loss {loss:.4f}, accuracy {accuracy:.4f}, {time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
