"""Rules of arguments, from their annotations. Read from the source: importing a class takes seconds.

``Annotated[int, "int >= 1"]`` has its rule in it; ``Literal["a", "b"]`` is ``a | b``; a name stands for what the module
assigns to it or imports under it from ``src``. Other annotations are no rule.
"""

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

from src.config.type_rules import type_rule
from src.utils.paths import ROOT


@dataclass(frozen=True)
class Argument:
    """An argument of a constructor.

    Attributes:
        rule: what its annotation says, None if that is no rule.
        required: whether it has no default.
    """

    name: str
    rule: str | None
    required: bool


def constructor_rules(file: Path, name: str) -> dict[str, str]:
    """The rules of a constructor's arguments, of those whose annotation is a rule; see ``constructor``."""
    return {argument.name: argument.rule for argument in constructor(file, name) if argument.rule is not None}


def constructor(file: Path, name: str) -> tuple[Argument, ...]:
    """The named arguments of a class's constructor.

    Args:
        file: that the class is in, or imported in.
        name: of the class; one without a constructor has that of its first base.
    """
    file, cls = _definition(file, name)
    if not isinstance(cls, ast.ClassDef):
        raise LookupError(f"{file} holds no class {name}")
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return _arguments(file, node.args)
    base = cls.bases[0] if cls.bases else None
    return constructor(file, base.id) if isinstance(base, ast.Name) else ()


def parameters(target: str) -> tuple[Argument, ...]:
    """The named arguments of one of our functions, their rules from their types; see ``type_rule``.

    Args:
        target: ``src.data.sources.hub.load_hub``; none are known of a function that is not ours.
    """
    module, _, name = target.rpartition(".")
    place = ROOT / module.replace(".", "/")
    file = next((own for own in (place.with_suffix(".py"), place / "__init__.py") if own.is_file()), None)
    node = _definition(file, name)[1] if file is not None and module.startswith("src.") else None
    if not isinstance(node, ast.FunctionDef):
        return ()
    plain = node.args.args
    missing = {one.arg for one in plain[: len(plain) - len(node.args.defaults)]}
    missing |= {one.arg for one, own in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if own is None}
    return tuple(
        Argument(one.arg, type_rule(one.annotation), one.arg in missing) for one in (*plain, *node.args.kwonlyargs)
    )


def field_rules(file: Path, name: str) -> dict[str, str]:
    """The rules of a dataclass's fields, from their types; see ``type_rule``.

    Args:
        file: that the class is in.
        name: of the class.
    """
    cls = _definition(file, name)[1]
    if not isinstance(cls, ast.ClassDef):
        raise LookupError(f"{file} holds no class {name}")
    fields = [node for node in cls.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    found = {ast.unparse(node.target): type_rule(node.annotation) for node in fields}
    return {key: rule for key, rule in found.items() if rule is not None}


def class_value(file: Path, name: str, attribute: str) -> str | None:
    """The name that a class of a file gives an attribute for its value; None without one."""
    cls = _definition(file, name)[1]
    for node in cls.body if isinstance(cls, ast.ClassDef) else ():
        match node:
            case ast.Assign(targets=[ast.Name(id=own)], value=ast.Name(id=value)) if own == attribute:
                return value
    return None


def assigned_name(file: Path, name: str) -> str | None:
    """The name that a module gives another name to: ``LoRALinear`` for ``METHOD = LoRALinear``."""
    found = _definition(file, name)[1]
    return found.id if isinstance(found, ast.Name) else None


def rule_of(file: Path, name: str) -> str | None:
    """The rule of the type that a module calls so."""
    return _rule(*_definition(file, name))


def _arguments(file: Path, given: ast.arguments) -> tuple[Argument, ...]:
    plain, named = given.args, given.kwonlyargs
    defaults = [*[None] * (len(plain) - len(given.defaults)), *given.defaults, *given.kw_defaults]
    pairs = zip([*plain, *named], defaults, strict=True)
    return tuple(
        Argument(one.arg, _rule(file, one.annotation), required=one in named and default is None)
        for one, default in pairs
    )


def _rule(file: Path, annotation: ast.AST | None) -> str | None:
    match annotation:
        case ast.Name(id=name):
            return rule_of(file, name)
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[_, ast.Constant(value=str(rule))])):
            return rule
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=words)):
            return " | ".join(str(ast.literal_eval(word)) for word in words)
    return None


def _definition(file: Path, name: str) -> tuple[Path, ast.AST | None]:
    """What a module's name stands for, and the file that it is defined in; None for what is not ours."""
    for node in _tree(file).body:
        match node:
            case ast.ClassDef(name=own) | ast.FunctionDef(name=own) if own == name:
                return file, node
            case ast.Assign(targets=[ast.Name(id=own)], value=value) if own == name:
                return file, value
            case ast.ImportFrom(module=str(module), names=aliases) if module.startswith("src."):
                for alias in aliases:
                    if (alias.asname or alias.name) == name:
                        return _definition(ROOT / f"{module.replace('.', '/')}.py", alias.name)
    return file, None


@functools.cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))
