"""Fixtures for data: the real configs, GLUE's files where they are, a tokenizer made on the spot."""

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from src.config.choices import written
from src.data.load import forget

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def fresh_caches(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PEFT_VERDICT_CACHE", str(tmp_path_factory.mktemp("cache")))
    forget()
    yield
    forget()


@functools.cache
def _yaml(path: Path) -> DictConfig:
    return OmegaConf.load(path)


@pytest.fixture
def data_config() -> Callable[..., DictConfig]:
    """The `data` node of the real config: data_config("mrpc", "data.source=tsv").

    Merged here rather than composed by Hydra, which takes half a second; that both are the same is tested.
    """

    def merged(task: str, *overrides: str) -> DictConfig:
        record = OmegaConf.merge(_yaml(ROOT / "conf/config.yaml").data, written("data", task))
        return OmegaConf.merge({"data": record}, OmegaConf.from_dotlist(list(overrides))).data

    return merged


@pytest.fixture
def glue_dir() -> Path:
    folder = Path(os.environ.get("PEFT_VERDICT_GLUE") or ROOT.parent / "shared" / "glue")
    if not folder.is_dir():
        pytest.skip(f"GLUE's TSV files are not at {folder} (name their folder in PEFT_VERDICT_GLUE)")
    return folder


WORDS = ["a", "b", "c", "d", "e", "f", "g", "h", "film", "good", "bad", "dog", "cat", "ran", "sat"]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    """One token per word, with [CLS] a [SEP] b [SEP] around them and token types, as BERT has them."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    backend = Tokenizer(models.WordLevel({word: n for n, word in enumerate([*special, *WORDS])}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        model_max_length=64,
    )
