"""Everything the pages show runs, and everything they name is there.

A ``python`` block is executed, the blocks of one page in one namespace; of a ``console`` block,
each line that starts with ``$`` is run by the shell and must succeed. Other fences are prose.
"""

import importlib
import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
RUNS_IN = ("tutorial", "how-to")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("[!_]*/*.md"))]
RUN = [page for page in PAGES if page.name == "README.md" or page.parent.name in RUNS_IN]

FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.M | re.S)
ROLE = re.compile(r"\{py:\w+\}`~?([\w.]+)`")
NAME = re.compile(r"`(germane(?:\.\w+)+)`")
TEST = re.compile(r"`(tests/(?!\S*_my_)[\w/.]+\.py)(?:::(\w+))?`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def name_of(page):
    return str(page.relative_to(ROOT))


def occurrences(pattern, pages=PAGES):
    return {
        (name_of(page), found.groups() if pattern.groups > 1 else found[1])
        for page in pages
        for found in pattern.finditer(page.read_text(encoding="utf-8"))
    }


def exists(dotted):
    """Whether ``germane.part.Name.member`` can be reached."""
    steps = dotted.split(".")
    for n in range(len(steps), 0, -1):
        try:
            thing = importlib.import_module(".".join(steps[:n]))
        except ImportError:
            continue
        for step in steps[n:]:
            if step in getattr(thing, "__dataclass_fields__", {}):
                return True
            if not hasattr(thing, step):
                return False
            thing = getattr(thing, step)
        return True
    return False


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_all_code_on_the_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    namespace = {"__name__": "__main__"}
    for kind, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(block, name_of(page), "exec"), namespace)
        for line in re.findall(r"^\$ (.*)", block, re.M) if kind == "console" else ():
            done = subprocess.run(
                line, shell=True, capture_output=True, text=True, env=os.environ | {"PATH": path}
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_every_name_in_the_pages_exists():
    named = occurrences(ROLE) | occurrences(NAME)
    assert {(page, name) for page, name in named if not exists(name)} == set()


def test_every_test_named_in_the_pages_exists():
    missing = {
        (page, test)
        for page, test in occurrences(TEST)
        if not (ROOT / test[0]).is_file()
        or (test[1] and f"def {test[1]}(" not in (ROOT / test[0]).read_text(encoding="utf-8"))
    }
    assert missing == set()


def test_every_link_between_pages_leads_somewhere():
    broken = {
        (page, target)
        for page, target in occurrences(LINK)
        if not ((ROOT / page).parent / target).exists()
    }
    assert broken == set()
