"""The examples as modules, and a run of one."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def load() -> Iterator[Callable[[str], ModuleType]]:
    """Imports ``examples/FOLDER/NAME.py``, which may import its neighbours."""

    def loaded(name: str) -> ModuleType:
        path = EXAMPLES / f"{name}.py"
        patch.syspath_prepend(path.parent)
        spec = importlib.util.spec_from_file_location(name.replace("/", "_"), path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    with pytest.MonkeyPatch.context() as patch:
        yield loaded


@pytest.fixture(scope="module")
def findings(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[ModuleType, Path], tuple[dict[str, Any], Path]]:
    """Runs an example as its command line does; gives what it found, and the folder it wrote."""

    def ran(program: ModuleType, path: Path) -> tuple[dict[str, Any], Path]:
        out = tmp_path_factory.mktemp("out")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["run.py", str(path), "--out", str(out)])
            program.main()
        return json.loads((out / "findings.json").read_text(encoding="utf-8")), out

    return ran
