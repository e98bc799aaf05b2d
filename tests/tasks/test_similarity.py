"""Similarity by a bi-encoder: embeddings, cosines and losses against plain definitions, and files of pairs."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy import stats
from transformers import AutoConfig, AutoModel

from src.backbones.several_inputs import take_several_inputs
from src.config.validate import validate
from src.data.normalise import normalise, rows_of
from src.deploy.trained_run import load_run
from src.packed.launch import why_alone
from src.runs.reading import load_record
from src.tasks import KINDS, label_space
from src.training.run import run_job
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config
from tests.tasks.test_kinds import TINY

PAIRS, SQUARES = KINDS["similarity"], KINDS["similarity_mse"]


def test_a_row_is_the_cosine_of_mean_states_of_the_encoder_alone():
    """Each text by itself through transformers' plain encoder, padding left out of the mean."""
    config = AutoConfig.for_model("bert", **TINY)
    label_space((), "similarity").configure(config)
    torch.manual_seed(0)
    ours = PAIRS.model_class().from_config(config).eval()
    take_several_inputs(ours, PAIRS)
    plain = AutoModel.from_config(config, add_pooling_layer=False).eval()
    plain.load_state_dict(ours.bert.state_dict())
    assert all(name.startswith("bert.") for name, _ in ours.named_parameters()), "no head is left"
    ids = torch.arange(24).reshape(2, 2, 6) % 29 + 1
    mask = torch.ones_like(ids)
    mask[0, 1, 4:] = 0
    found = ours(input_ids=ids, attention_mask=mask, labels=torch.tensor([1.0, 0.0]))
    expected = []
    for row in range(2):
        means = []
        for place in range(2):
            own = ids[row, place][mask[row, place] == 1][None]
            means.append(plain(input_ids=own).last_hidden_state[0].mean(0).detach().numpy())
        first, second = means
        expected.append(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
    np.testing.assert_allclose(found.logits[:, 0].detach().numpy(), expected, rtol=1e-5)
    found.loss.backward()
    assert ours.bert.encoder.layer[0].attention.self.query.weight.grad.abs().sum() > 0


def test_cosent_is_its_sum_over_pairs_of_rows():
    cosines, labels = torch.tensor([[0.9], [0.2], [0.4], [0.4]]), torch.tensor([1.0, 3.0, 3.0, 0.0])
    values, given = cosines[:, 0].tolist(), labels.tolist()
    total = sum(
        np.exp(20 * (values[j] - values[i])) for i in range(4) for j in range(4) if given[i] > given[j]
    )  # fmt: skip
    assert PAIRS.loss(cosines, labels).item() == pytest.approx(np.log(1 + total), rel=1e-5)
    assert PAIRS.loss(cosines, 7 * labels - 3).item() == PAIRS.loss(cosines, labels).item(), "of any scale"
    assert PAIRS.loss(cosines, torch.ones(4)).item() == 0
    assert SQUARES.loss(cosines, labels).item() == pytest.approx(np.mean((np.array(values) - given) ** 2))


def test_labels_are_read_on_their_scale():
    columns = {"a": ["x", "y"], "b": ["u", "v"], "s": [5, "2.5"]}
    options = {"text": ["a", "b"], "label": "s", "kind": "similarity", "place": rows_of("x")}
    assert normalise(columns, label_names=(), **options)["label"][:] == [5.0, 2.5]
    assert normalise(columns, label_names=("0", "5"), **options)["label"][:] == [1.0, 0.5]
    assert normalise(columns, label_names=("-5", "5"), **options)["label"][:] == [1.0, 0.75]
    for wrong in (["5", "0"], ["a", "b"], ["0"], ["0", "1", "2"]):
        with pytest.raises(UserError, match=r"has none, \[\], or the ends of its labels' scale"):
            PAIRS.check_names(wrong)


@pytest.mark.parametrize("kind", ["similarity", "similarity_mse"])
def test_a_file_is_trained_on_and_asked(kind, tmp_path):
    words = ["red", "green", "blue", "black"]
    rows = [
        {"a": f"it is {words[i % 4]}", "b": f"it is {words[j % 4]}", "s": 5 if i % 4 == j % 4 else (i + j) % 3}
        for i in range(8) for j in range(8)
    ]  # fmt: skip
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = compose_config(
        *NANO, "data=custom", f"data.kind={kind}", f"data.files.train={tmp_path}/train.jsonl", "data.text=[a,b]",
        "data.label=s", "data.label_names=[0,5]", "data.metrics=[spearmanr,pearson]", "data.primary_metric=spearmanr",
        "data.validation_fraction=0.25", "training.max_steps=8", "training.learning_rate=5e-3",
    )  # fmt: skip
    score = run_job(config, tmp_path / "run")
    kept = pq.read_table(tmp_path / "run" / "predictions.parquet").to_pydict()
    assert len(kept["index"]) == 16 and set(kept["label"]) <= {0.0, np.float32(0.2), np.float32(0.4), 1.0}
    assert [row[0] for row in kept["logits"]] == kept["prediction"] and max(map(abs, kept["prediction"])) <= 1.0001
    assert score == pytest.approx(stats.spearmanr(kept["label"], kept["prediction"]).statistic, abs=1e-6)
    assert load_record(tmp_path / "run").params.head == 0
    run = load_run(tmp_path / "run")
    first, same, turned = run.logits(["it is red"] * 2 + ["it is blue"], ["it is blue", "it is red", "it is red"])
    assert same.item() == pytest.approx(1, abs=1e-5) and first.item() == pytest.approx(turned.item(), abs=1e-6)
    assert run.predict(["it is red"], ["it is blue"])[0].label == pytest.approx(first.item(), abs=1e-6)
    with pytest.raises(UserError, match="was trained on two texts"):
        run.predict(["it is red"])


def test_what_does_not_go_together_is_refused(tmp_path):
    data = "data=synth_similarity_pairs"
    with pytest.raises(UserError, match="synth_similarity_pairs is a similarity, whose rows are several inputs"):
        validate(compose_config(*NANO, "data=mix", "data.tasks=[synth_similarity_pairs,synth_tags]"))
    with pytest.raises(UserError, match="breaks the rule: two columns, one for each text of a pair"):
        validate(compose_config(*NANO, "data=custom", "data.files.train=x.csv", "data.kind=similarity"))
    with pytest.raises(UserError, match="it trains the head alone, and a similarity has none"):
        run_job(compose_config(*NANO, data, "model=roberta_head"), tmp_path / "run")
    assert "whose rows are several inputs" in why_alone(validate(compose_config(*NANO, data)))
    assert validate(compose_config(*NANO, "data=stsb_similarity"))["data"]["sources"]["hub"]["kind"] == "similarity"
