"""What of the peft library is no competitor here, and why: a test holds both tables against the installed version."""

OWN = "it trains as model=roberta_peft; nobody has looked for its rate and search space yet"
ROWS = (
    "its init takes a part out of the weights that depends on training rows, which a saved run is built again without"
)
GENERATES = "it is for models that generate text"

# By the library's PeftType: methods that no file of conf/model has.
METHODS = {
    "ADAMSS": OWN,
    "ADAPTION_PROMPT": f"{GENERATES}: the library has it for Llama, Mistral and GPT-2",
    "CARTRIDGE": OWN,
    "CPT": GENERATES,
    "DEFT": OWN,
    "FROD": OWN,
    "GLORA": OWN,
    "MULTITASK_PROMPT_TUNING": "each batch has to say of which task it is, in an argument that encoders do not take",
    "PEANUT": OWN,
    "POLY": "each batch has to say of which task it is, in an argument that encoders do not take",
    "PROMPT_TUNING": OWN,
    "PSOFT": OWN,
    "P_TUNING": OWN,
    "SHADOW": GENERATES,
    "SUPERTUNING": OWN,
    "TINYLORA": OWN,
    "TRAINABLE_TOKENS": "it trains the embeddings of chosen tokens, which is for new words and no method of its own",
    "UNILORA": OWN,
    "XLORA": "it mixes LoRAs that were trained before, by their folders",
}

# By what peft.LoraConfig calls it: inits that no file of conf/model has.
STARTS = {
    "gaussian": "it trains as model=roberta_peft_lora +model.peft.init_lora_weights=gaussian",
    "mica": "it trains as model=roberta_peft_lora +model.peft.init_lora_weights=mica",
    "corda": ROWS,
    "loftq": "it makes up for what quantised weights have lost, and nothing is quantised here",
    "lora_ga": ROWS,
    "olora": "it trains as model=roberta_peft_lora +model.peft.init_lora_weights=olora; PiSSA is the one compared",
    "orthogonal": "it trains as model=roberta_peft_lora +model.peft.init_lora_weights=orthogonal",
}
