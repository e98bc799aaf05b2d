"""A tokenizer cuts where its model's positions end, and pads with a token that is there."""

from types import SimpleNamespace

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from src.backbones.backbone import load_backbone
from src.backbones.tokenizer import PADDING, fit_tokenizer, positions
from src.data.encode import encode
from src.tasks.kinds import label_space
from src.utils.errors import UserError
from src.utils.paths import ROOT

NANO = ROOT / "assets" / "nano"
SIZES = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
         "embedding_size": 16, "d_model": 16, "n_embd": 16, "n_layer": 1, "n_head": 2, "dim": 16, "n_layers": 1,
         "n_heads": 2, "hidden_dim": 16}  # fmt: skip
# The number of tokens that each family has positions for, where its config says 20.
TABLES = {"bert": 20, "roberta": 18, "xlm-roberta": 18, "mpnet": 18, "electra": 20, "distilbert": 20, "gpt2": 20}


def build(family: str, **options):
    torch.manual_seed(0)
    sizes = SIZES | {"pad_token_id": 1} | options
    if family in TABLES:
        sizes |= {"max_position_embeddings": 20, "n_positions": 20}
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(family, **sizes)).eval()


@pytest.mark.parametrize("family", TABLES)
def test_positions_are_those_that_a_forward_pass_finds(family):
    model = build(family)
    assert positions(model) == TABLES[family]
    model(input_ids=torch.full((1, TABLES[family]), 5))
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, TABLES[family] + 1), 5))


@pytest.mark.parametrize("family", ["t5", "xlnet"])
def test_relative_positions_have_no_end(family):
    assert positions(build(family)) is None


def test_a_deberta_without_a_table_reads_beyond_its_config():
    options = {"max_position_embeddings": 20, "relative_attention": True, "position_biased_input": False}
    model = build("deberta-v2", **options)
    assert positions(model) is None
    model(input_ids=torch.full((1, 60), 5))


def test_a_table_that_is_no_embedding_counts():
    model = build("ibert", max_position_embeddings=20)
    assert positions(model) == 18
    model(input_ids=torch.full((1, 18), 5))
    with pytest.raises(IndexError):
        model(input_ids=torch.full((1, 19), 5))


def test_a_pad_token_without_an_embedding_is_replaced():
    """As it is where it was added and the model not widened."""
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    model = build("gpt2", vocab_size=len(tokenizer), pad_token_id=None)
    tokenizer.add_special_tokens({"pad_token": "<added>"})
    assert tokenizer.pad_token_id == model.config.vocab_size
    fit_tokenizer(tokenizer, model, "x")
    assert tokenizer.pad_token == "<pad>" and model.config.pad_token_id == tokenizer.pad_token_id


def test_the_model_takes_over_the_pad_token_of_its_tokenizer():
    """A decoder reads a row's class before the first pad token: another number would be another place."""
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    model = build("gpt2", vocab_size=len(tokenizer), pad_token_id=7)
    fit_tokenizer(tokenizer, model, "x")
    assert model.config.pad_token_id == tokenizer.pad_token_id != 7


@pytest.fixture
def tokenizer():
    return AutoTokenizer.from_pretrained(NANO)


@pytest.mark.parametrize(("stated", "limit"), [(10**30, 18), (100, 18), (7, 7)])
def test_the_smaller_limit_counts(stated, limit, tokenizer):
    tokenizer.model_max_length = stated
    fit_tokenizer(tokenizer, build("roberta"), "here")
    assert tokenizer.model_max_length == limit


def test_a_length_beyond_the_positions_is_refused(tmp_path, tokenizer):
    build("roberta", vocab_size=tokenizer.vocab_size + 8).save_pretrained(tmp_path)
    tokenizer.model_max_length = 10**30
    tokenizer.save_pretrained(tmp_path)
    fitted = load_backbone({"path": str(tmp_path)}, label_names=("a", "b"), seed=0).tokenizer
    data = type("Data", (), {"task": SimpleNamespace(text=("a",), space=label_space(("a", "b"))), "splits": {}})
    assert encode(data, fitted, 18, []) == {}
    with pytest.raises(UserError, match=r"data\.max_length=19: this backbone takes 3 to 18 tokens"):
        encode(data, fitted, 19, [])


@pytest.mark.parametrize("token", [*PADDING, "the end"])
def test_a_token_to_pad_with_is_found(token, tokenizer):
    tokenizer.pad_token = None
    vocabulary = {token: 3, "x": 4}
    tokenizer.get_vocab = lambda: vocabulary
    tokenizer.eos_token = "the end"
    model = build("roberta", pad_token_id=None)
    fit_tokenizer(tokenizer, model, "here")
    assert tokenizer.pad_token == token
    assert model.config.pad_token_id == tokenizer.pad_token_id is not None


def test_a_token_that_is_named_stays(tokenizer):
    before, model = tokenizer.pad_token, build("roberta")
    fit_tokenizer(tokenizer, model, "here")
    assert (tokenizer.pad_token, model.config.pad_token_id) == (before, 1)


def test_without_any_the_mistake_is_named(tokenizer):
    tokenizer.pad_token = tokenizer.eos_token = None
    tokenizer.get_vocab = lambda: {"x": 4}
    with pytest.raises(UserError, match="the tokenizer of here has no padding token"):
        fit_tokenizer(tokenizer, build("roberta"), "here")


def test_a_decoder_without_a_padding_token_takes_a_batch(tmp_path, tokenizer):
    """As of GPT-2: neither its config nor its tokenizer names one, and its head has to find each row's last token."""
    build("gpt2", vocab_size=tokenizer.vocab_size + 8, pad_token_id=None).save_pretrained(tmp_path)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    backbone = load_backbone({"path": str(tmp_path)}, label_names=("a", "b"), seed=0)
    model = backbone.model.eval()
    alone = model(**backbone.tokenizer(["a word"], return_tensors="pt")).logits
    batch = backbone.tokenizer(["a word", "many more words than that"], padding=True, return_tensors="pt")
    torch.testing.assert_close(model(**batch).logits[:1], alone)
