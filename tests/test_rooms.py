"""The house: which room of src may use which, that no modules use each other in a circle, and how full the hall is."""

import ast
from pathlib import Path

from src.utils.paths import ROOT

# From the ground up: a room uses its own floor's rooms not at all, and any floor below.
FLOORS = [
    ["utils"],
    ["metrics"],
    ["tasks"],
    ["config"],
    ["plotting"],
    ["runs"],
    ["backbones", "data"],
    ["models"],
    ["compare"],
    ["training"],
    ["sweep"],
    ["packed", "tune"],
    ["study"],
    ["deploy"],
    ["analysis", "bench", "choose", "verify"],
    ["cli"],
    ["commands"],
    ["__main__"],
]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "src").rglob("*.py"))
}


def imports(path: Path, types: bool = True) -> set[str]:
    """The modules of src that a file imports, anywhere in it; with ``types`` also for type checks alone."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not types:
        tree.body = [
            node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        ]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            longest = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
            found |= {module for module in [next((m for m in longest if m in MODULES), None)] if module}
    return found - {"src"}


IMPORTS = {module: imports(path) for module, path in MODULES.items()}


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_has_a_floor():
    rooms = {room(module) for module in MODULES if module != "src"}
    assert rooms == set(LEVEL)


def test_no_room_uses_a_higher_one():
    wrong = [
        f"{module} uses {used}"
        for module, found in IMPORTS.items()
        if module != "src"
        for used in sorted(found)
        if room(used) != room(module) and LEVEL[room(used)] >= LEVEL[room(module)]
    ]
    assert not wrong, "\n".join(wrong)


def test_a_model_and_its_use_need_no_comparison():
    wrong = [
        f"{module} uses {used}"
        for module, found in IMPORTS.items()
        if module != "src" and room(module) in ("models", "deploy")
        for used in sorted(found)
        if room(used) == "compare"
    ]
    assert not wrong, "\n".join(wrong)


def test_no_modules_use_each_other_in_a_circle():
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above[above.index(module) :], module])
        if module not in done:
            for used in sorted(imports(MODULES[module], types=False)):
                visit(used, (*above, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_the_ground_floor_is_small():
    assert len([module for module in MODULES if module.count(".") == 1 and MODULES[module].stem != "__init__"]) <= 10


# Two files, or a file and a folder, may have one name only for one of these reasons.
COMMAND = "a command is called what its room, or the file that does its work, is called"
MAIN = "a room's main file is called what the room is called"
DECLARED = {"run": "a command's run and the training of one are the same run"}


def shared_name(stem: str, paths: list[Path]) -> str | None:
    """Why these may be called the same; None: they may not."""
    own = [path.relative_to(ROOT / "src").parts for path in paths]
    elsewhere = [parts for parts in own if parts[0] != "commands"]
    if stem in DECLARED:
        return DECLARED[stem]
    if all(parts[0] == stem for parts in elsewhere):  # the room, and its main file
        return COMMAND if len(elsewhere) < len(own) else MAIN
    return COMMAND if len(elsewhere) == 1 else None


def test_no_two_files_have_one_name_and_two_meanings():
    named: dict[str, list[Path]] = {}
    for path in sorted((ROOT / "src").rglob("*")):
        if (path.suffix == ".py" and path.stem != "__init__") or (path.is_dir() and path.name != "__pycache__"):
            named.setdefault(path.stem, []).append(path)
    several = {stem: paths for stem, paths in named.items() if len(paths) > 1}
    wrong = [" and ".join(map(str, paths)) for stem, paths in several.items() if shared_name(stem, paths) is None]
    assert not wrong, "rename until each says what it is:\n" + "\n".join(wrong)
    assert set(DECLARED) <= set(several)  # a reason that nothing needs any more


LONGEST = 50  # lines of a function without its docstring


def too_long(source: str) -> list[str]:
    """The functions of a file with more lines than that, and how many."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, *rest = node.body
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and rest
            lines = (node.end_lineno or 0) - (rest[0] if documented else first).lineno + 1
            found += [f"{node.name} has {lines} lines"] if lines > LONGEST else []
    return found


def test_no_function_is_too_long():
    longer = "def f():\n    '''Text.\n\n    More.'''\n" + "    x = 0\n" * LONGEST
    assert not too_long(longer) and too_long(longer + "    return x\n") == ["f has 51 lines"]
    found = [f"{module}: {line}" for module, path in MODULES.items() for line in too_long(path.read_text("utf-8"))]
    assert not found, "\n".join(found)
