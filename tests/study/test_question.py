"""A study's file: what it may say, what it has to, and that what is written down is read back as it was."""

import pytest
import yaml

from src.config.choices import choices
from src.study.question import INNER, RULES, load_question, parse_question
from src.utils.errors import UserError

PLAIN = {
    "question": "Which?",
    "methods": ["roberta_full", "roberta_lora"],
    "tasks": ["synth_paraphrase"],
    "baseline": "full",
    "margin": 0.02,
}


def parsed(**changes):
    return parse_question("mine", PLAIN | changes, "mine.yaml")


@pytest.mark.parametrize("name", choices("study"))
def test_every_study_of_ours_is_one(name):
    question = load_question(name)
    assert question.baseline in question.methods
    assert parse_question(name, question.as_dict(), "again") == question


def test_the_study_of_all_methods_leaves_none_out():
    models = {word.partition("=")[2] for method in load_question("one_size").methods.values() for word in method}
    assert set(choices("model")) - {"roberta_peft", "custom"} <= models  # the two are made of a user's own keys


def test_names_stand_for_configs():
    question = parsed()
    assert question.methods == {"full": ["model=roberta_full"], "lora": ["model=roberta_lora"]}
    assert question.overrides("lora", "synth_paraphrase") == ["data=synth_paraphrase", "model=roberta_lora"]


def test_named_methods_settings_and_keys_of_the_library_are_overrides():
    own = {"wide": ["model=roberta_lora", "model.lora.r=16"], "full": ["model=roberta_full"]}
    question = parsed(methods=own, settings=["experiment=demo", "training.max_steps=3"])
    assert question.settings == ["experiment=demo", "++training.max_steps=3"], (
        "Hydra's form of a key that we do not list"
    )
    assert question.overrides("wide", "synth_paraphrase")[-2:] == ["model=roberta_lora", "model.lora.r=16"]
    assert parse_question("mine", question.as_dict(), "again") == question


@pytest.mark.parametrize(
    ("seeds", "looks"),
    [({}, (3,)), ({"first": 5}, (5,)), ({"first": 3, "most": 10, "step": 2}, (3, 5, 7, 9, 10)),
     ({"first": 5, "most": 10, "step": 5}, (5, 10))],
)  # fmt: skip
def test_looks(seeds, looks):
    assert parsed(seeds=seeds).looks == looks


MISTAKES = {
    "no map": ([], "it has to be a map"),
    "an unknown key": (PLAIN | {"margins": 1}, "did you mean study.margin"),
    "an unknown inner key": (PLAIN | {"seeds": {"frist": 3}}, "study.seeds.frist"),
    "no margin": ({key: value for key, value in PLAIN.items() if key != "margin"}, "study.margin is missing"),
    "a margin of 0": (PLAIN | {"margin": 0}, "study.margin=0 breaks the rule: float > 0"),
    "two seeds": (PLAIN | {"seeds": {"first": 2}}, "int >= 3"),
    "fewer at most": (PLAIN | {"seeds": {"first": 5, "most": 4}}, "is less than study.seeds.first=5"),
    "a baseline of another name": (PLAIN | {"baseline": "lora2"}, "none of the methods: full, lora"),
    "one method": (PLAIN | {"methods": ["roberta_full"]}, "compares two methods or more"),
    "one twice": (PLAIN | {"methods": ["roberta_full", "roberta_full"]}, "named twice"),
    "an unknown model": (PLAIN | {"methods": ["roberta_full", "roberta_nope"]}, "no such choice"),
    "a name with a slash": (PLAIN | {"methods": {"full": [], "a/b": []}}, "'a/b' is no name"),
    "a sweep": (PLAIN | {"settings": ["training.weight_decay=0,1"]}, "one value for each key"),
    "a seed": (PLAIN | {"settings": ["seed=3"]}, "a study sets this itself"),
    "a folder of Hydra's": (PLAIN | {"tasks": {"a": ["hydra.run.dir=/x"]}}, "a study sets this itself"),
    "no override": (PLAIN | {"settings": ["experiment"]}, "neither an option nor an override"),
}


@pytest.mark.parametrize(("plain", "told"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_name_the_file_and_the_rule(plain, told):
    with pytest.raises(UserError, match=r"mine\.yaml") as error:
        parse_question("mine", plain, "mine.yaml")
    assert told in str(error.value)


def test_every_key_has_a_rule_and_a_wrong_value_is_refused():
    """Whatever the key, a value of none of its types is named with its rule."""
    for key in RULES:
        with pytest.raises(UserError, match=rf"study\.{key}"):
            parsed(**{key: 1.5j})
    for node, rules in INNER.items():
        for key in rules:
            with pytest.raises(UserError, match=rf"study\.{node}\.{key}"):
                parsed(**{node: {key: 1.5j}})


def test_a_file_anywhere_and_changes_on_the_command_line(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(PLAIN))
    question = load_question(str(file), ["study.margin=0.05", "study.seeds.most=7"])
    assert (question.name, question.margin, question.looks) == ("mine", 0.05, (3, 5, 7))


@pytest.mark.parametrize("text", ["a: [", "\x00", "- 1", "${nope}", "!!python/object/apply:os.system [x]"])
def test_a_file_that_is_none(text, tmp_path):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError, match=r"mine\.yaml"):
        load_question(str(tmp_path / "mine.yaml"))


def test_an_unknown_study_names_those_that_there_are():
    with pytest.raises(UserError, match=r"no such study; choices: .*demo"):
        load_question("nope")
