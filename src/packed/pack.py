"""Trains the jobs of a pack side by side: whoever waits for the model is served together with the others."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median
from typing import Any

import torch
from torch import Tensor

from src.models.classifier import Classifier
from src.models.inject import adapter_state
from src.packed.capacity import jobs_that_fit
from src.packed.layers import PackedModel, share_frozen
from src.packed.limits import Limits
from src.packed.member import Backward, Forward, Member
from src.training import interrupt

log = logging.getLogger(__name__)

TRIALS = 4  # steps of each kind that are timed before one of the two is chosen


@dataclass
class Tally:
    """Tokens of the packed steps, and the speeds of the first steps of both kinds."""

    real: int = 0
    padded: int = 0
    rates: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})

    @property
    def padding(self) -> float | None:
        """The share of computed tokens that were padding."""
        return 1 - self.real / self.padded if self.padded else None

    @property
    def speedup(self) -> float | None:
        """Tokens a second packed over those one after the other."""
        if not all(len(rates) > 1 for rates in self.rates.values()):
            return None
        # The first step of each kind warms up.
        return median(self.rates[True][1:]) / median(self.rates[False][1:])


class Pack:
    """Jobs over one frozen backbone.

    Args:
        jobs: by name, what runs the job; given the ``Member`` that stands for it.
        limits: what the user allows.
    """

    def __init__(self, jobs: dict[str, Callable[[Member], Any]], limits: Limits) -> None:
        self.members = [Member(work, name, self) for name, work in jobs.items()]
        self.limits, self.tally = limits, Tally()
        self.packed = True  # how the current wave is trained
        self._worth: bool | None = None  # whether packing is faster; None until it is known
        self.size = 1  # jobs that are trained at once
        self._fit: int | None = None  # jobs for which there is memory
        self._first: Classifier | None = None
        self._model: PackedModel | None = None
        self._graphs: dict[int, Tensor] = {}  # logits with the graph behind them, by the leaf that a job was given

    def run(self) -> list[Member]:
        """Train all jobs to their end; how each ended is in its ``result`` or ``error``."""
        waiting = list(self.members)
        with interrupt.deferred():
            while waiting and not interrupt.requested():
                self._run_wave(self._next_wave(waiting))
        return self.members

    def admit(self, member: Member, classifier: Classifier) -> bool:
        """Whether the job's model can share the pack's frozen parameters; it does so from now on."""
        if self._first is None:
            trained = [name for name, p in classifier.model.named_parameters() if p.requires_grad]
            if set(trained) - classifier.backbone.head - adapter_state(classifier.model).keys():
                return False
            self._first = classifier
            return True
        return share_frozen(classifier.model, self._first.model, classifier.backbone.head)

    def report(self) -> dict[str, Any]:
        """For the records of the jobs."""
        return {
            "jobs": self.size,
            "mode": "packed" if self.packed else "one by one",
            "speedup": self.tally.speedup,
            "padding": self.tally.padding,
        }

    def _next_wave(self, waiting: list[Member]) -> list[Member]:
        """Start jobs until as many stand before their first step as fit; they leave the waiting ones."""
        wave: list[Member] = []
        self._model = None
        size = self.limits.max_jobs or len(waiting)
        while waiting and len(wave) < size and not interrupt.requested():
            member = waiting.pop(0)
            member.resume()
            if member.done:
                continue
            wave.append(member)
            if len(wave) == 1 and len(waiting):
                if self._fit is None:
                    self._fit = jobs_that_fit(member, self._packed_model(), self.limits.memory_share)
                # Two waves of eight rather than one of twelve and one of four.
                waves = -(-(len(waiting) + 1) // min(size, self._fit))
                size = -(-(len(waiting) + 1) // waves)
        self.size = len(wave)
        self._model = None
        return wave

    def _run_wave(self, wave: list[Member]) -> None:
        self.packed = len(wave) > 1 and self._worth is not False
        choosing = self.packed and self.limits.measure and self._worth is None
        rounds, started, tokens = 0, 0.0, 0
        while live := [member for member in wave if not member.done]:
            stepping = all(isinstance(m.request, Forward) and m.request.training for m in live)
            if choosing and stepping and len(live) == len(wave):
                _synchronize()
                now = time.perf_counter()
                if tokens:
                    self.tally.rates[self.packed].append(tokens / (now - started))
                if rounds == 2 * (TRIALS + 1):
                    choosing = False
                    self._choose()
                else:
                    self.packed = rounds % 2 == 0
                rounds += 1
                started, tokens = now, sum(_tokens(m.batch) for m in live)
            elif choosing:
                tokens = tokens if all(isinstance(m.request, Backward) for m in live) else 0  # not a plain step
            if self.packed or choosing:
                self._serve(live)
            else:
                self._finish(live[0])

    def _choose(self) -> None:
        speedup = self.tally.speedup or 0.0
        self.packed = self._worth = speedup >= 1
        how = "together" if self.packed else "one after the other, which is faster here"
        log.info("%d jobs packed are %.2f times as fast as one by one: they go on %s", self.size, speedup, how)

    def _finish(self, member: Member) -> None:
        while not member.done:
            member.resume(None)

    def _serve(self, live: list[Member]) -> None:
        """Answer every request, those of a kind together."""
        for kind, group in groupby(sorted(live, key=_kind), key=_kind):
            members = list(group)
            if kind == "backward":
                self._backward(members)
            elif not self.packed:
                for member in members:
                    member.resume(None)
            else:
                for chunk in self._chunks(members):
                    self._forward(chunk, training=kind == "train")

    def _forward(self, members: list[Member], training: bool) -> None:
        requests = [member.batch for member in members]
        batches = {member.tenant: member.batch.inputs for member in members}
        replies: list[Any]
        try:
            trainer = members[0].trainer
            assert trainer is not None
            with torch.set_grad_enabled(training), trainer.accelerator.autocast():
                logits = self._packed_model().logits(batches, training)
            replies = [_full(logits[member.tenant]) for member in members]
            if training:
                leaves = [reply.detach() for reply in replies]
                self._graphs |= {id(leaf): reply for leaf, reply in zip(leaves, replies, strict=True)}
                replies = leaves
            self._count(requests, training)
        except torch.OutOfMemoryError:
            log.warning("%d jobs do not fit into the memory together: they go on one after the other", len(members))
            self.packed = self._worth = False
            self._model = None
            replies = [None] * len(members)
        except Exception as error:
            replies = [error] * len(members)
        for member, reply in zip(members, replies, strict=True):
            member.resume(reply)

    def _backward(self, members: list[Member]) -> None:
        leaves = [member.request.logits for member in members if isinstance(member.request, Backward)]
        error: Exception | None = None
        try:
            torch.autograd.backward([self._graphs[id(leaf)] for leaf in leaves], [leaf.grad for leaf in leaves])
        except Exception as raised:
            error = raised
        self._graphs.clear()
        for member in members:
            member.resume(error)

    def _chunks(self, members: list[Member]) -> list[list[Member]]:
        """Evaluation batches are larger than those of training: no more at once than the memory is known to hold."""
        first = members[0]
        if first.batch.training:
            return [members]
        assert first.trainer is not None
        args = first.trainer.args
        at_once = max(1, self.size * args.train_batch_size // args.eval_batch_size)
        return [members[i : i + at_once] for i in range(0, len(members), at_once)]

    def _packed_model(self) -> PackedModel:
        if self._model is None:
            assert self._first is not None
            tokenizer = self._first.backbone.tokenizer
            padding = {"input_ids": tokenizer.pad_token_id, "attention_mask": 0,
                       "token_type_ids": tokenizer.pad_token_type_id}  # fmt: skip
            tenants = [member.tenant for member in self.members if not member.done and member.shares]
            self._model = PackedModel(tenants, padding)
        return self._model

    def _count(self, requests: Sequence[Forward], training: bool) -> None:
        if training:
            self.tally.real += sum(_tokens(request) for request in requests)
            longest = max(request.inputs["input_ids"].shape[1] for request in requests)
            self.tally.padded += longest * sum(len(request.inputs["input_ids"]) for request in requests)


def _kind(member: Member) -> str:
    request = member.request
    return "backward" if isinstance(request, Backward) else "train" if request and request.training else "evaluate"


def _tokens(request: Forward) -> int:
    return int(request.inputs["attention_mask"].sum())


def _full(logits: Tensor) -> Tensor:
    """In float32 at least, as accelerate gives a model's outputs under mixed precision."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
