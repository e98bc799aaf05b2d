"""Tiny random checkpoints of every architecture that transformers has a sequence classifier of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from src.cli import ROOT

ARCHITECTURES = tuple(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)

# What a config calls its sizes; each is set where it has that name. The tokens are those of nano's tokenizer.
SIZES: dict[str, Any] = {
    "vocab_size": 2048,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
    **dict.fromkeys(("hidden_size", "d_model", "dim", "emb_dim", "n_embd", "embedding_size"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layers", "n_layer", "num_layers", "encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_heads", "n_head", "num_heads", "num_key_value_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads", "num_decoder_layers"), 2),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_inner", "n_inner", "ffn_dim", "d_ff", "dff"), 64),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim", "moe_intermediate_size", "ffn_hidden_size"), 64),
    **dict.fromkeys(("head_dim", "d_kv", "kv_lora_rank", "qk_nope_head_dim", "v_head_dim"), 16),
    "max_position_embeddings": 128,
    **dict.fromkeys(("num_local_experts", "num_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "topk_group", "n_group"), 1),
    "image_size": 32,
    "patch_size": 16,
}

HYBRID = ["linear_attention", "full_attention"]

# What an architecture needs besides; a key that it must not be given has None.
OWN: dict[str, dict[str, Any]] = {
    **{name: {"head_dim": None} for name in ("axk1", "axk2", "deepseek_v2", "deepseek_v3", "mistral4")},
    "gptj": {"rotary_dim": 8},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "layoutlmv3": {"coordinate_size": 6, "shape_size": 4},
    "lilt": {"hidden_size": 48},
    **{name: {"layer_types": HYBRID} for name in ("qwen3_5", "qwen3_5_text", "qwen3_next")},
    "xmod": {"default_language": "en_XX"},
    "falcon": {"head_dim": None},
    "funnel": {"num_hidden_layers": None, "block_sizes": [1, 1], "d_head": 16},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "longformer": {"attention_window": 8},
    "luke": {"entity_vocab_size": 16, "entity_emb_size": 32},
    "perceiver": {"d_latents": 32, "num_latents": 8, "num_self_attends_per_block": 2, "num_self_attention_heads": 2},
    "reformer": {
        "num_hidden_layers": None,
        "attn_layers": ["local", "local"],
        "axial_pos_embds_dim": [16, 16],
        "axial_pos_shape": [8, 16],
        "feed_forward_size": 64,
        "attention_head_size": 16,
    },
    "t5": {"decoder_start_token_id": 0},
    "roc_bert": {"shape_vocab_size": 16, "pronunciation_vocab_size": 16},
    "xlnet": {"max_position_embeddings": None},
    "zamba": {"num_hidden_layers": 3, "layer_types": ["hybrid", "mamba", "hybrid"]},
    "zamba2": {"num_hidden_layers": 3, "layer_types": ["hybrid", "mamba", "hybrid"]},
}
UNBUILT = {
    "layoutlmv2": "needs detectron2, which PyPI does not have",
    "cohere_compass_text": "its config has no sizes that are small",
}
LARGEST = 3_000_000  # parameters: a size that has no small value here would fill the disk


def small(default: PretrainedConfig, own: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be given to a config's class, that of its parts included."""
    given = {key: value for key, value in SIZES.items() if hasattr(default, key)} | own
    for part in default.sub_configs:
        if (inner := getattr(default, part, None)) is not None:
            given[part] = {"model_type": inner.model_type, **small(inner, OWN.get(inner.model_type, {}))}
    return {key: value for key, value in given.items() if value is not None}


def build(name: str, folder: Path) -> str:
    """Save a checkpoint of an architecture, with a head for two classes without a name, and nano's tokenizer."""
    config = AutoConfig.for_model(name, **small(AutoConfig.for_model(name), OWN.get(name, {})))
    with torch.device("meta"):
        shapes = AutoModelForSequenceClassification.from_config(config)
    if (size := shapes.num_parameters()) > LARGEST:
        raise ValueError(f"{size:,} parameters: give {name} small sizes")
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(ROOT / "assets" / "nano").save_pretrained(folder)
    return str(folder)
