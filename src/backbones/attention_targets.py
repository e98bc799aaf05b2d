"""What ``target_modules: auto`` means: the query and value projections of each architecture, or what holds them.

Where one Linear computes query, key and value at once, it is the target: its update has one A for all three. The table
holds every architecture of which the installed transformers has a sequence classifier, decoders too; a test enumerates
them.
"""

import re
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from src.utils.errors import UserError

# Targets, as they may be written by hand, and the architectures (``model_type`` of their configs) that have them. With
# a bar between two it is what the model has of them. A target may name modules that are no nn.Linear: the peft library
# adapts some of those, and this project's own methods say that they are none.
FAMILIES: tuple[tuple[str, str], ...] = (
    (
        "query value",
        "albert bert big_bird camembert convbert data2vec-text electra ernie esm ibert layoutlm layoutlmv3 lilt luke "
        "markuplm megatron-bert mobilebert mra nystromformer perceiver reformer rembert roberta roberta-prelayernorm "
        "roc_bert roformer squeezebert tapas xlm-roberta xlm-roberta-xl xmod yoso",
    ),
    # The first token, which the head reads, attends by projections of its own.
    ("query value query_global value_global", "longformer"),
    ("encoder.layer.*.query encoder.layer.*.value initial_char_encoder.*.query initial_char_encoder.*.value", "canine"),
    ("query|qkv_linear value|qkv_linear", "layoutlmv2"),
    ("query_proj value_proj", "deberta-v2"),
    ("in_proj", "deberta"),
    ("Wqkv", "modernbert mpt"),
    ("text_model.layers.*.Wqkv", "modernvbert"),
    ("attn.q attn.v", "mpnet"),
    ("q_lin v_lin", "distilbert flaubert xlm"),
    ("q_head v_head", "funnel"),
    ("Wq Wv", "ctrl"),
    (
        "q_proj v_proj",
        "arcee bart biogpt cohere_compass_text diffllama doge esmc eurobert exaone4 gemma gemma2 gemma3_text "
        "glm glm4 gpt_neo gpt_oss gptj gte helium hunyuan_v1_dense hunyuan_v1_moe jamba jina_embeddings_v3 "
        "llama mbart ministral ministral3 mistral mixtral modernbert-decoder mvp nemotron nomic_bert olmo "
        "olmo2 olmo3 opt phi phimoe plbart qwen2 qwen2_moe qwen3 qwen3_moe seed_oss smollm3 stablelm "
        "starcoder2 t5gemma ultrabert zamba zamba2",
    ),
    ("language_model.layers.*.q_proj language_model.layers.*.v_proj", "gemma3"),
    ("text_model.layers.*.q_proj text_model.layers.*.v_proj", "ultravbert"),
    (
        "encoder.text_model.layers.*.q_proj encoder.text_model.layers.*.v_proj decoder.layers.*.q_proj "
        "decoder.layers.*.v_proj",
        "t5gemma2",
    ),
    ("query value q_proj v_proj", "bigbird_pegasus"),
    ("q v", "mt5 t5 umt5"),
    ("query_key_value", "bloom falcon gpt_neox persimmon"),
    ("qkv_proj", "phi3"),
    ("c_attn", "gpt-sw3 gpt2 gpt_bigcode openai-gpt"),
    # Attention over latent vectors: keys and values come from one projection. The latter's architectures may do
    # without the first.
    ("q_b_proj|q_proj kv_b_proj", "axk1 deepseek_v2 deepseek_v3 minicpm3 mistral4"),
    ("q_b_proj|q_gate_proj kv_b_proj", "axk2"),
    # Layers of linear attention between the others.
    ("q_proj v_proj in_proj_qkv", "qwen3_5_text"),
    ("language_model.layers.*.q_proj language_model.layers.*.v_proj language_model.layers.*.in_proj_qkv", "qwen3_5"),
    ("q_proj v_proj in_proj_qkvz", "qwen3_next"),
    ("q_proj v_proj qkv_proj", "minimax"),
    ("kv_proj", "jetmoe"),
)
TARGETS = {model: tuple(targets.split()) for targets, models in FAMILIES for model in models.split()}
# Architectures without such modules, and why.
WITHOUT = {
    "fnet": "it has no attention: it mixes tokens by a Fourier transform",
    "xlnet": "its projections are bare parameters, no modules",
}
# What is worth knowing of an architecture's targets, for the log.
NOTES = {
    "albert": "its layers share their weights, so each adapter is one for all of them",
    "mra": "without its CUDA kernel transformers gives zeros for its attention, and the adapters learn nothing",
}
_QUERY = re.compile(r"(w_?)?q(uery)?([_.-].*)?|.*qkv.*|kv_.*|query_key_value|in_proj|c_attn", re.IGNORECASE)
_VALUE = re.compile(r"(w_?)?v(alue)?([_.-].*)?", re.IGNORECASE)


def attention_targets(model_type: str, encoder: nn.Module) -> list[str]:
    """The targets that ``auto`` means.

    Args:
        model_type: of the backbone's config.
        encoder: the model without its head.

    Raises:
        UserError: if the architecture is not known here, or has no such modules; the message lists those there are.
    """
    names = [name for name, module in encoder.named_modules() if name and _is_matrix(module)]
    if why := WITHOUT.get(model_type):
        raise UserError(f"target_modules=auto: {model_type} has no query and value projections ({why}); {_ways(names)}")
    if model_type not in TARGETS:
        raise UserError(f"target_modules=auto: the architecture {model_type} is not known here; {_ways(names)}")
    found = [_present(target, names) for target in TARGETS[model_type]]
    if lacking := [target for target, one in zip(TARGETS[model_type], found, strict=True) if one is None]:
        raise UserError(f"target_modules=auto: this {model_type} has no {', '.join(lacking)}; {_ways(names)}")
    return list(dict.fromkeys(target for target in found if target is not None))


def _is_matrix(module: nn.Module) -> bool:
    """Whether a module may be a projection: it has a weight of more than one dimension and looks nothing up."""
    weight = getattr(module, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim > 1 and not isinstance(module, nn.Embedding)


def _present(target: str, names: list[str]) -> str | None:
    """The first of a target's alternatives that a module has."""
    choices = target.split("|")
    return next((one for one in choices if any(fnmatchcase(f".{name}", f"*.{one}") for name in names)), None)


def _ways(names: list[str]) -> str:
    """What could be written in place of ``auto``."""
    guess = guess_targets(names)
    said = f"a guess: target_modules=[{','.join(guess)}]" if guess else "no name looks like an attention's"
    return f"{said}; modules that could be named: {grouped(names)}; or all-linear"


def guess_targets(names: Iterable[str]) -> list[str]:
    """Last parts of names that look like a query's, a value's, or like those of both at once."""
    ends = dict.fromkeys(name.rpartition(".")[2] for name in names)
    return [end for end in ends if _QUERY.fullmatch(end) or _VALUE.fullmatch(end)]


def grouped(names: Iterable[str], most: int = 20) -> str:
    """Names with their numbers as N, each group once with how many it has: ``encoder.layer.N.attention.query (12)``."""
    groups = Counter(re.sub(r"(?<=\.)\d+(?=\.|$)|^\d+(?=\.|$)", "N", name) for name in names)
    found = [f"{pattern} ({count})" for pattern, count in groups.items()]
    return ", ".join(found[:most]) + (f" ... ({len(found)} patterns in all)" if len(found) > most else "")


def note_on(model: Any) -> str | None:
    """What is worth knowing of the targets of a transformers model."""
    return NOTES.get(model.config.model_type)
