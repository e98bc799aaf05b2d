"""What a model has no code for is told before the first step; DeBERTa is computed in bf16."""

import pytest
import torch
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    DebertaConfig,
    DebertaForSequenceClassification,
    TrainingArguments,
    XmodConfig,
    XmodForSequenceClassification,
)

from src.backbones.half_precision import mend_autocast
from src.backbones.probe import probe_batch
from src.training.model_limits import check_limits
from src.utils.errors import UserError

SIZES = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def arguments(folder, **options) -> TrainingArguments:
    return TrainingArguments(str(folder), use_cpu=True, report_to=[], **options)


def test_no_gradient_checkpointing_is_one_line_and_none_asked_for_is_fine(tmp_path):
    model = AlbertForSequenceClassification(AlbertConfig(**SIZES, embedding_size=16))
    check_limits(model, arguments(tmp_path))
    with pytest.raises(UserError, match=r"gradient_checkpointing=true: transformers .* has none for albert; a smaller"):
        check_limits(model, arguments(tmp_path, activation_checkpointing=True))


def test_a_model_whose_own_code_mixes_precisions_is_refused_in_bf16_and_left_as_it_was(tmp_path):
    model = XmodForSequenceClassification(XmodConfig(**SIZES, languages=["en_XX"], default_language="en_XX")).train()
    model.classifier.out_proj.weight.grad = kept = torch.ones(2, 16)
    with pytest.raises(
        UserError, match=r"precision=bf16: xmod cannot be computed in it \(.*dtypes match.*choices: fp32"
    ):
        check_limits(model, arguments(tmp_path, bf16=True))
    assert model.training and model.classifier.out_proj.weight.grad is kept
    assert model.roberta.encoder.layer[0].attention.self.query.weight.grad is None


def deberta() -> DebertaForSequenceClassification:
    torch.manual_seed(0)
    config = DebertaConfig(**SIZES, pos_att_type=["c2p", "p2c"], relative_attention=True, max_relative_positions=16)
    return DebertaForSequenceClassification(config).eval()


@torch.no_grad()
def test_deberta_in_bf16_is_deberta_but_for_rounding(tmp_path):
    model = deberta()
    with pytest.raises(UserError, match="overflow"):  # of the library as it is; once this fails, so can the mending go
        check_limits(model, arguments(tmp_path, bf16=True))
    expected = model(**probe_batch(model)).logits
    mend_autocast(model)
    assert torch.equal(model(**probe_batch(model)).logits, expected), "in fp32 nothing changes"
    check_limits(model, arguments(tmp_path, bf16=True))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(**probe_batch(model)).logits.float()
    assert not torch.equal(rounded, expected)
    torch.testing.assert_close(rounded, expected, rtol=0, atol=0.02)
