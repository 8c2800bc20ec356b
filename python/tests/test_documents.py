"""The examples in docstrings and in the package's README."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np

import unargmax


def test_examples_in_docstrings_print_what_they_show(square: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    attempted = 0
    for found in pkgutil.iter_modules(unargmax.__path__, "unargmax."):
        if found.name in ("unargmax.__main__", "unargmax._unargmax"):
            continue
        module = importlib.import_module(found.name)
        names = {"np": np, "unargmax": unargmax, "W": square}
        result = doctest.testmod(module, extraglobs=names)
        assert result.failed == 0, found.name
        attempted += result.attempted
    result = doctest.testmod(unargmax)
    assert result.failed == 0
    assert attempted + result.attempted > 10


def test_the_readme_prints_what_it_shows() -> None:
    readme = Path(__file__).resolve().parents[1] / "README.md"
    result = doctest.testfile(str(readme), module_relative=False)
    assert result.failed == 0 and result.attempted > 3
