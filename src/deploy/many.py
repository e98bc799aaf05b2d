"""Many adapters on one backbone: switched, disabled, or chosen row by row within one batch."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from src.deploy.trained_run import Row, TrainedRun, load_run
from src.models.adapter import AdapterLinear
from src.models.inject import adapter_state, adapters
from src.utils.errors import UserError

Rows = dict[str, Tensor]  # name of an adapter -> the rows of the batch that it serves


class SwitchLinear(nn.Module):
    """A Linear plus, for each row of the batch, the update of the adapter that the row has chosen.

    Args:
        base: the shared Linear.
        updates: an adapter by the name of its run; a run that does not adapt this layer has none.
        rows: the current batch's choice, shared by all layers and changed from outside.
    """

    def __init__(self, base: nn.Linear, updates: Mapping[str, AdapterLinear], rows: Rows) -> None:
        super().__init__()
        self.base = base
        self.names = list(updates)
        self.updates = nn.ModuleList(updates.values())  # not a ModuleDict: a name may hold a dot
        self.rows = rows

    def forward(self, x: Tensor) -> Tensor:
        y = self.base(x)
        for name, adapter in zip(self.names, self.updates, strict=True):
            rows = self.rows.get(name)
            if rows is not None and len(rows):
                assert isinstance(adapter, AdapterLinear)
                y = y.index_add(0, rows, adapter.delta(x[rows]).to(y.dtype))
        return y


class _Finished(nn.Module):
    """Stands for the encoder while a head is called: gives the rows of what the encoder has already computed."""

    def __init__(self, outputs: Any, rows: Tensor) -> None:
        super().__init__()
        self.outputs, self.rows = outputs, rows

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        chosen = {key: value[self.rows] for key, value in self.outputs.items() if isinstance(value, Tensor)}
        return type(self.outputs)(**chosen)


class ManyAdapters:
    """Runs on one backbone: the encoder is in memory once, each run adds its adapters and its head.

    Made by ``load_many``. ``use`` chooses the run of all rows; ``logits(..., adapters=[...])`` chooses one a row, and
    the whole batch passes through the encoder together. Methods may be mixed. The runs given are taken apart: use them
    through this object alone.
    """

    def __init__(self, runs: Mapping[str, TrainedRun]) -> None:
        if not runs:
            raise UserError("no run is given")
        self.runs = dict(runs)
        for name, run in self.runs.items():
            _check_shareable(name, run, next(iter(self.runs.values())))
        self._rows: Rows = {}
        self._enabled = True
        self.active = next(iter(self.runs))
        self._encoder = self._share()

    def use(self, name: str) -> None:
        """Answer with this run's adapters and head from now on."""
        self._known(name)
        self.active = name

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Within the block the encoder computes what it did before any training; heads stay."""
        before, self._enabled = self._enabled, False
        try:
            yield
        finally:
            self._enabled = before

    @torch.no_grad()
    def logits(
        self,
        texts: Sequence[str],
        pairs: Sequence[str | None] | None = None,
        *,
        adapters: Sequence[str] | None = None,
        batch_size: int = 64,
    ) -> list[Tensor]:
        """Each row's logits ``(classes,)`` from the run that it names; runs differ in their classes.

        Args:
            texts: one text a row.
            pairs: the second text of each row, or None of a row whose task takes one.
            adapters: the name of a run for each row; by default the one in ``use``.
            batch_size: rows at a time.

        Raises:
            UserError: on a name that is not loaded, lists of different lengths, a missing or needless second text.
        """
        names = [self.active] * len(texts) if adapters is None else list(adapters)
        seconds = [None] * len(texts) if pairs is None else list(pairs)
        if not len(names) == len(seconds) == len(texts):
            raise UserError(f"{len(texts)} texts, {len(seconds)} second texts and {len(names)} adapters")
        for name in set(names):
            self._known(name)
        encoded = [
            self.runs[name].encode([text], None if second is None else [second])
            for name, text, second in zip(names, texts, seconds, strict=True)
        ]
        inputs = [row for own in encoded for row in own.inputs]
        named = [name for name, own in zip(names, encoded, strict=True) for _ in own.inputs]
        outputs: list[Tensor] = []
        for start in range(0, len(inputs), batch_size):
            outputs += self._batch(inputs[start : start + batch_size], named[start : start + batch_size])
        given = iter(outputs)
        return [
            self.runs[name].gather([next(given) for _ in own.inputs], own.notes)[0]
            for name, own in zip(names, encoded, strict=True)
        ]

    def _batch(self, encoded: list[Row], names: list[str]) -> list[Tensor]:
        first = self.runs[self.active].classifier
        device = next(self._encoder.parameters()).device
        inputs = first.backbone.tokenizer.pad(encoded, return_tensors="pt").to(device)
        rows = {
            name: torch.tensor([row for row, wanted in enumerate(names) if wanted == name], device=device)
            for name in dict.fromkeys(names)
        }
        self._rows.update(rows if self._enabled else {})
        try:
            outputs = self._encoder(**inputs)
        finally:
            self._rows.clear()
        found: list[Tensor] = [torch.empty(0)] * len(names)
        for name, chosen in rows.items():
            own = {key: value[chosen] for key, value in inputs.items()}
            for row, logits in zip(chosen.tolist(), self._head(name, outputs, chosen, own), strict=True):
                found[row] = logits.float().cpu()
        return found

    def _head(self, name: str, outputs: Any, rows: Tensor, inputs: dict[str, Tensor]) -> Tensor:
        """The head is whatever the run's model does around its encoder, in any architecture."""
        model: Any = self.runs[name].classifier.model
        attribute = model.base_model_prefix
        setattr(model, attribute, _Finished(outputs, rows))
        try:
            return model(**inputs).logits
        finally:
            setattr(model, attribute, self._encoder)

    def _share(self) -> nn.Module:
        """Put all adapters into the first run's encoder and let every model have that one."""
        models = {name: run.classifier.model for name, run in self.runs.items()}
        found = {name: dict(adapters(model)) for name, model in models.items()}
        first: Any = next(iter(models.values()))
        for layer in dict.fromkeys(layer for own in found.values() for layer in own):
            module = first.get_submodule(layer)
            base = module.base if isinstance(module, AdapterLinear) else module
            updates = {name: own[layer] for name, own in found.items() if layer in own}
            for adapter in updates.values():
                adapter.base = base
            parent, _, attribute = layer.rpartition(".")
            setattr(first.get_submodule(parent), attribute, SwitchLinear(base, updates, self._rows))
        encoder = first.base_model
        for model in models.values():
            setattr(model, str(model.base_model_prefix), encoder)
        return encoder

    def _known(self, name: str) -> None:
        if name not in self.runs:
            raise UserError(f"no adapter {name!r} is loaded; there are {', '.join(map(repr, self.runs))}")


def load_many(paths: Mapping[str, str | Path]) -> ManyAdapters:
    """Load runs by name: ``load_many({"mrpc": "outputs/a", "cola": "outputs/b"})``.

    Raises:
        UserError: if a folder is no finished run, or the runs cannot share a backbone.
    """
    return ManyAdapters({name: load_run(path) for name, path in paths.items()})


def _check_shareable(name: str, run: TrainedRun, first: TrainedRun) -> None:
    run.classifier.require_own_adapters("loaded beside others")
    if (kind := run.classifier.space.kind).several_inputs:
        raise UserError(f"{name} ({run.folder}) is {kind.title}: its rows are several inputs, which share no batch")
    if run.classifier.backbone.fingerprint != first.classifier.backbone.fingerprint:
        backbones = [other.classifier.description["backbone"]["name"] for other in (run, first)]
        raise UserError(f"{name} ({run.folder}) has another backbone than {first.folder}: {' and '.join(backbones)}")
    model: Any = run.classifier.model
    own = run.classifier.state().keys() - adapter_state(model).keys()
    if inside := sorted(key for key in own if key.startswith(f"{model.base_model_prefix}.")):
        raise UserError(
            f"{name} ({run.folder}) has trained {len(inside)} parameters of the encoder itself ({inside[0]} ...), "
            "so it cannot share the encoder with others"
        )
