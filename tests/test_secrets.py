"""No token, key or password that a command, a config or the environment holds is written or printed anywhere."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from src.compare.settings import settings_of
from src.config.overrides import prepare_override
from src.runs.identity import config_hash, identity
from src.runs.reading import find_runs
from src.runs.record import write_json
from src.sweep.folder_names import job_name
from src.utils import redact
from src.utils import resume_hint as resume
from src.utils.paths import ROOT
from src.utils.redact import hide, hide_word, is_secret, redacted, scrubbed, shown_word, without_secrets
from src.utils.terminal import prepare_log, say
from tests.compare.factory import make_run
from tests.conftest import NANO, compose_config

VALUE = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    """What a test hides is forgotten with it."""
    monkeypatch.setenv(redact.STORE, "{}")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    redact.look_again()
    yield
    monkeypatch.undo()
    redact.look_again()


@pytest.mark.parametrize(
    "key",
    ["training.hub_token", "token", "HF_TOKEN", "data.sources.s3.api_key", "apikey", "apiKey", "my-api-key", "password",
     "db.password", "passwd", "secret", "client_secret", "credentials", "data.credentials.user",
     "aws_secret_access_key", "access_key", "hydra.job.env_set.WANDB_API_KEY", "authToken", "private_key",
     "data.sources.s3.key"],
)  # fmt: skip
def test_names_of_secrets(key):
    assert is_secret(key)


@pytest.mark.parametrize(
    "key",
    ["tokenizer", "data.tokenizer_name", "max_tokens", "num_tokens_per_second", "train_tokens_per_s", "budget.key",
     "model.budget.key", "model.search.r.key", "primary_key", "pad_token", "trainable_token_indices", "keys", "monkey",
     "projection_prng_key", "key_dim", "include_num_input_tokens_seen", "eos_token", "average_tokens_across_devices"],
)  # fmt: skip
def test_names_of_none(key):
    assert not is_secret(key)


def test_no_key_of_the_config_is_a_secret():
    """Else a run's numbers could depend on what its identity leaves out."""
    config = OmegaConf.to_container(compose_config(*NANO), resolve=True)
    assert without_secrets(config) == config and redacted(config) == config


def test_a_copy_holds_the_mask_and_a_hash_nothing():
    node = {"hub_token": VALUE, "list": [{"api_key": VALUE, "a": 1}], "password": 1234, "max_token": 5, "token": None,
            "url": f"https://me:{VALUE}@host/x?token={VALUE}&a=1"}  # fmt: skip
    found = redacted(node)
    assert VALUE not in json.dumps(found) and "1234" not in json.dumps(found)
    assert found["max_token"] == 5 and found["token"] is None and found["url"] == "https://***@host/x?token=***&a=1"
    left = without_secrets(node)
    assert set(left) == {"list", "max_token", "token", "url"} and left["list"] == [{"a": 1}]


@pytest.mark.parametrize(
    "text", [f"https://u:{VALUE}@host", f"error at x://a:{VALUE}@b/c", "hf_abcdefghijklmnopqrstuvwx", f"a{VALUE}b"]
)
def test_messages_are_scrubbed(text, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", VALUE)
    redact.look_again()
    assert VALUE not in scrubbed(text) and "abcdefghijklm" not in scrubbed(text) and "***" in scrubbed(text)


@pytest.mark.parametrize(
    "word",
    [f"+data.api_key={VALUE}", f"+data.api_key='{VALUE}'", f"++training.hub_token={VALUE}",
     f"+data.options={{key:{VALUE},region:eu}}", f"hydra.job.env_set.HF_TOKEN={VALUE}", "+data.password=12345678",
     f"+data.url=https://me:{VALUE}@host/x"],
)  # fmt: skip
def test_a_word_of_the_command(word):
    ready = prepare_override(word)
    hidden = hide_word(ready)
    assert VALUE not in hidden and "12345678" not in hidden and "${secret:" in hidden
    assert VALUE not in shown_word(word) and "12345678" not in shown_word(word)
    if not word.startswith("hydra"):
        with_plain, with_hidden = compose_config(ready), compose_config(hidden)
        assert resolved(with_hidden) == resolved(with_plain)
        assert VALUE not in OmegaConf.to_yaml(with_hidden)
    assert hide_word("model=roberta_lora") == "model=roberta_lora"
    assert hide_word("+data.api_key=null") == "+data.api_key=null"


def resolved(config: DictConfig) -> dict:
    plain = OmegaConf.to_container(config, resolve=True)
    del plain["sweep"]  # its folder has a name of its own each time
    return plain


def test_a_config_from_a_file():
    plain = compose_config(*NANO, f"+data.sources.synthetic.api_key={VALUE}", f"+data.urls=['https://u:{VALUE}@h']")
    config = plain.copy()
    assert hide(config) and not hide(config.copy())
    assert VALUE not in OmegaConf.to_yaml(config)
    assert resolved(config) == resolved(plain)


def test_identity_and_name_do_not_depend_on_it():
    configs = [compose_config(*NANO, f"+data.sources.synthetic.api_key={value}", f"+data.token={value}")
               for value in ("one-secret", "another-secret")]  # fmt: skip
    one, other = (OmegaConf.to_container(config, resolve=True) for config in configs)
    assert config_hash(one) == config_hash(other) and identity(one) == identity(other)
    names = {job_name(["seed=1", f"+data.token={value}"], config)
             for value, config in zip(("one-secret", "another-secret"), configs, strict=True)}  # fmt: skip
    assert names == {"seed=0"}


def test_record_log_and_lines(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", VALUE)
    redact.look_again()
    write_json(tmp_path / "r.json", {"error": {"traceback": f"x {VALUE}"}, "training": {"hub_token": "abc"}})
    assert json.loads((tmp_path / "r.json").read_text()) == {
        "error": {"traceback": "x ***"}, "training": {"hub_token": "***"}}  # fmt: skip
    say(f"a {VALUE} \x1b[31m", file=sys.stdout)
    before = logging.getLogRecordFactory()
    prepare_log()
    try:
        handler = logging.FileHandler(tmp_path / "main.log")
        logger = logging.getLogger("secrets")
        logger.addHandler(handler)
        try:
            raise ValueError(f"{VALUE}\x1b]0;x\x07")
        except ValueError:
            logger.exception("it is %s \x1b[2J", VALUE)
        handler.close()
        logger.removeHandler(handler)
    finally:
        logging.setLogRecordFactory(before)
    printed = capsys.readouterr().out + (tmp_path / "main.log").read_text()
    assert VALUE not in printed and "\x1b" not in printed and printed.count("***") >= 3


def test_the_command_that_goes_on(capsys, tmp_path):
    resume.called(["python", "main.py", f"+data.api_key={VALUE}", "seed=1"])
    resume.offer("hydra.run.dir", tmp_path)
    resume.say()
    resume.withdraw()
    said = capsys.readouterr().err
    assert "data.api_key=***" in said and "again" in said and VALUE not in said and "seed=1" in said


def test_a_comparison_does_not_tell_runs_apart_by_it(tmp_path):
    for seed, value in enumerate(("one-secret", "another-secret")):
        folder = make_run(tmp_path / str(seed), seed=0)
        record = json.loads((folder / "result.json").read_text())
        record["config"]["training"]["hub_token"] = value
        (folder / "result.json").write_text(json.dumps(record))
    one, other = map(settings_of, find_runs([tmp_path]))
    assert one == other and "training.hub_token" not in one


def everything(folder: Path) -> bytes:
    return b"".join(bytes(file) + file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def run(folder: Path, *words: str, program: str = "main.py") -> subprocess.CompletedProcess:
    settings = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_TOKEN": f"{VALUE}-of-the-environment",
                "PYTHONPATH": str(ROOT)}  # fmt: skip
    return subprocess.run(
        [sys.executable, str(ROOT / program), *words], cwd=folder, capture_output=True, text=True,
        env=os.environ | settings, timeout=300,
    )  # fmt: skip


CUSTOM = ["experiment=demo", "data=custom", "data.files.train=rows.csv", "training.max_steps=1",
          "data.label_names=[a,b]", "training.disable_tqdm=true"]  # fmt: skip
HELD = [f"+data.api_key={VALUE}", f"+hydra.job.env_set.MY_TOKEN={VALUE}", f"+data.url=https://me:{VALUE}@host"]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [None, "serial", "gpus", "joblib", "packed"])
def test_no_file_and_no_line_of_a_run_or_sweep_holds_it(launcher, tmp_path):
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (tmp_path / "rows.csv").write_text("text,label\n" + "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(40)))
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(
        f"# @package _global_\ndefaults:\n  - demo\ndata:\n  hub_token: {VALUE}\n"
    )
    words = [*CUSTOM, "+data.rules={api_key:any,url:any,hub_token:any}", *HELD]
    if launcher:
        words += ["--multirun", "seed=0,1", f"hydra/launcher={launcher}", "sweep.dir=sweep"]
    else:
        words += ["hydra.run.dir=single"]
    words[0] = "experiment=mine"
    done = run(tmp_path, *words, "--config-dir", "conf")
    (tmp_path / "conf" / "experiment" / "mine.yaml").unlink()
    printed = done.stdout + done.stderr
    assert VALUE not in printed, printed
    assert VALUE.encode() not in everything(tmp_path)
    assert done.returncode == 0, printed
    assert list(tmp_path.rglob("result.json"))


@pytest.mark.slow
@pytest.mark.parametrize("word", [f"training.hub_token={VALUE}", f"+data.sources.synthetic.api_token={VALUE}",
                                  f"seeed={VALUE}", f"+data.password={VALUE}"])  # fmt: skip
def test_no_message_on_it_holds_it(word, tmp_path):
    done = run(tmp_path, "experiment=demo", word)
    assert done.returncode == 2 and (VALUE not in done.stderr + done.stdout or word.startswith("seeed"))
    assert VALUE.encode() not in everything(tmp_path)
