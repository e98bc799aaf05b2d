"""What the keys of ``data`` have to be together: of a task, and of a mix of tasks."""

from collections.abc import Mapping
from typing import Any

from src.config.also import check_also
from src.config.annotations import parameters
from src.config.key_rules import MIX_RULES
from src.config.nodes import check_complete, check_keys, check_value, select
from src.config.rules import broken, check_rule
from src.config.task_records import check_fixed_keys
from src.metrics.names import check_metrics, greater_is_better
from src.tasks.kind import TaskKind
from src.tasks.kinds import check_smoothing, stated_kind
from src.utils.errors import UserError


def check_data(config: Mapping[str, Any], rules: Mapping[str, str]) -> None:
    """Check a task: its source, columns, splits, classes and metrics.

    Args:
        config: plain, interpolations resolved.
        rules: of the keys of ``data``.
    """
    data = config["data"]
    if data["source"] not in data["sources"]:
        raise UserError(
            f"data.source={data['source']} is not a source of {data['name']}; choices: {', '.join(data['sources'])}"
        )
    source = f"data.sources.{data['source']}"
    check_complete(source, select(config, source), ("_target_",))
    for path in ("data.splits", "data.files", f"{source}.splits", f"{source}.files"):
        if (node := select(config, path)) is not None:
            if not check_rule(node, "map[str|null]"):
                raise broken(path, node, "map[str|null]")
            check_complete(path, node, ("train",))
    for name, node in data["sources"].items():
        _check_source(f"data.sources.{name}", node, rules)
    check_fixed_keys(data)
    chosen = data["sources"][data["source"]]
    kind = stated_kind(data)
    least, most = TaskKind.text_columns if kind is None else kind.text_columns
    for path, columns in (("data.text", data["text"]), (f"{source}.text", chosen.get("text", data["text"]))):
        if not least <= len(columns) <= most:
            raise UserError(f"{path}={columns} breaks the rule: {(kind or TaskKind).text_rule}")
    if not data["evaluation_splits"]:
        raise UserError("data.evaluation_splits=[] breaks the rule: at least one split")
    check_also(data)
    if kind is None:  # the rows decide
        check_metrics(data["metrics"])
    else:
        if data["label_names"] is not None:
            kind.check_names(data["label_names"])
        kind.check_metrics(data["metrics"], data["label_names"])
    if data["primary_metric"] not in data["metrics"]:
        raise UserError(f"data.primary_metric={data['primary_metric']} is none of data.metrics={data['metrics']}")
    if data["long"] == "window" and kind is not None and not kind.windows_texts:
        raise UserError(f"data.long=window: the inputs of {kind.title} are not read in windows; choices: cut")
    check_smoothing(config["training"].get("label_smoothing_factor"), data["name"], kind)


def _check_source(path: str, node: Mapping[str, Any], rules: Mapping[str, str]) -> None:
    """Check what a source's loader is given; its argument of the name of a task's key is the same thing."""
    given = parameters(str(node.get("_target_")))
    table = {one.name: rules.get(one.name) or one.rule or "any" for one in given}
    for key in node.keys() & rules.keys() if not given else ():  # a loader of the user's own
        check_value(f"{path}.{key}", node[key], rules[key])
    if given:
        check_keys(path, node, table)
        check_complete(path, node, (one.name for one in given if one.required))


def check_mix(config: Mapping[str, Any]) -> None:
    """Check a mix of tasks, whose records are there already."""
    data = config["data"]
    check_complete("data.mix", data["mix"], MIX_RULES)
    check_keys("data.mix", data["mix"], MIX_RULES)
    if data["source"] not in data["sources"]:
        raise UserError(f"data.source={data['source']} breaks the rule: {' | '.join(data['sources'])}")
    for source, node in data["sources"].items():
        if not isinstance(node.get("records"), dict):
            raise UserError(f"data.sources.{source}.records is missing: data=mix fills it in")
    records = data["sources"][data["source"]]["records"]
    check_fixed_keys(data)
    for name, record in records.items():
        if (kind := stated_kind(record)) is not None and kind.several_inputs:
            raise UserError(
                f"data.tasks: {name} is {kind.title}, whose rows are several inputs of the model: they share no batch "
                f"with others; choices: leave it out, or data={name} alone"
            )
        if not greater_is_better(record["primary_metric"]):
            raise UserError(
                f"data.tasks: {name}'s {record['primary_metric']} is an error, which no mean of scores holds"
            )
    if data["also"]:
        raise UserError(f"data.also={data['also']}: a mix is evaluated on its tasks' own splits; choices: []")
    if data["long"] != "cut":
        raise UserError(f"data.long={data['long']}: a mix draws rows by their task, not texts; choices: cut")
    if config["training"].get("label_smoothing_factor"):
        raise UserError("training.label_smoothing_factor does not fit data=mix: its heads differ in their classes")
