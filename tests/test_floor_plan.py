"""Imports point downwards only. The plan is the tuple below: read it first."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import germane

# part, its floor, and the parts it may import: `errors` goes without saying, `cli` may use all
PLAN = (
    ("cli", 5, "report experiments certificates learning logs metrics networks mdp transport"),
    ("report", 4, ""),
    ("experiments", 3, "certificates learning cousins logs metrics networks mdp transport"),
    ("certificates", 2, "logs metrics mdp"),
    ("learning", 2, "cousins mdp sampling"),
    ("cousins", 1, "mdp sampling"),
    ("logs", 1, "mdp"),
    ("metrics", 1, "mdp transport"),
    ("networks", 1, "mdp"),
    ("mdp", 0, ""),
    ("sampling", 0, ""),
    ("transport", 0, ""),
    ("errors", -1, ""),
)

# the only part that may import the library, wherever in the file
KEPT_TO_ONE_PART = {
    "distributed": "cli",
    "duckdb": "logs",
    "gymnasium": "networks",
    "jinja2": "report",
    "matplotlib": "report",
    "pyspark": "logs",
    "rich": "cli",
    "stable_baselines3": "learning",
    "sb3_contrib": "learning",
    "torch": "learning",
    "typer": "cli",
}

# what `germane --help` must not wait for
HEAVY = (
    "duckdb",
    "gymnasium",
    "joblib",
    "matplotlib",
    "numba",
    "numpy",
    "pyspark",
    "scipy",
    "torch",
)

ROOT = Path(germane.__file__).parent
FLOOR = {part: floor for part, floor, _ in PLAN}
MAY_IMPORT = {part: {*below.split(), "errors"} - {part} for part, _, below in PLAN}
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def part_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def module_name(path):
    parts = [ROOT.name, *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path):
    """Full dotted names that a file imports, anywhere in it, however spelt."""
    here = [ROOT.name, *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            stem = [*base, *([node.module] if node.module else [])]
            yield from (".".join([*stem, alias.name]) for alias in node.names)


def imported_parts(path):
    """The parts of the package that a file imports; the root counts as ``germane``."""
    for name in imported_names(path):
        head, *rest = name.split(".")
        if head == ROOT.name:
            yield rest[0] if rest and rest[0] in FLOOR else ROOT.name


def where(path, what):
    return f"{path.relative_to(ROOT)} -> {what}"


def test_the_plan_allows_imports_of_lower_floors_only():
    upward = {
        (part, below) for part in FLOOR for below in MAY_IMPORT[part] if FLOOR[below] >= FLOOR[part]
    }
    assert not upward


def test_every_part_is_in_the_plan():
    assert {part_of(path) for path in FILES} == set(FLOOR)


def test_every_import_is_in_the_plan():
    stray = {
        where(path, target)
        for path in FILES
        for target in imported_parts(path)
        if target != part_of(path) and target not in MAY_IMPORT[part_of(path)]
    }
    assert not stray


def test_no_module_imports_itself_in_a_circle():
    modules = {module_name(path): path for path in FILES}

    def edges(path):
        for name in imported_names(path):
            target = name if name in modules else name.rpartition(".")[0]
            if target in modules and target != module_name(path):
                yield target

    order = TopologicalSorter({name: set(edges(path)) for name, path in modules.items()})
    assert set(order.static_order()) == set(modules)  # raises CycleError, naming the circle


def test_each_special_library_is_imported_by_one_part_only():
    stray = {
        where(path, name)
        for path in FILES
        for name in imported_names(path)
        if KEPT_TO_ONE_PART.get(name.split(".")[0], part_of(path)) != part_of(path)
    }
    assert not stray


def test_only_the_command_line_prints_or_exits():
    stray = {
        where(path, f"line {node.lineno}")
        for path in FILES
        if part_of(path) != "cli"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Name) and node.id in {"print", "exit", "quit", "SystemExit"})
        or (isinstance(node, ast.Attribute) and node.attr in {"exit", "_exit", "stdout", "stderr"})
    }
    assert not stray


def test_the_command_line_and_the_root_load_nothing_heavy():
    script = "import sys, germane.cli; print(*{name.split('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert not set(found.stdout.split()) & set(HEAVY)
