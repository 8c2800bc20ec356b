"""Checkpoints, the files of an audit, and the command in the wheel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from conftest import BUNDLED
from numpy.typing import NDArray

import unargmax


def _command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    script = Path(sysconfig.get_path("scripts")) / "unargmax"
    return subprocess.run([script, *arguments], cwd=cwd, capture_output=True, text=True)


def _timeless(content: bytes) -> bytes:
    """A file without times of this run."""
    without = re.sub(rb'"seconds": *\{[^}]*\}', b"", content)
    without = re.sub(rb'"seconds": *[0-9.e-]+', b"", without)
    # The command says in the summary and on the page when and how it was run; a call from Python has no command line.
    without = re.sub(rb',\s*"run": *\{[^}]*\}', b"", without)
    without = re.sub(rb"<dt>(Made|Command line)</dt><dd>.*?</dd>", b"", without)
    # The page names the time in its text.
    return re.sub(rb"[0-9.]+ s\b", b"", without)


def test_save_writes_the_folder_of_the_command_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("head.safetensors").write_bytes(BUNDLED.read_bytes())
    options = ["--domain", "range:0:inf", "--max-probability", "20", "--bias-needed", "--svg"]
    done = _command("audit", "head.safetensors", *options, "--out", "theirs", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    audit = unargmax.open("head.safetensors").audit(
        "range:0:inf", max_probability=20, bias_needed=True
    )
    audit.save("ours", svg=True)
    names = sorted(os.listdir("theirs"))
    assert sorted(os.listdir("ours")) == names
    assert {"summary.json", "verdicts.csv", "certificate.safetensors", "report.html"} < set(names)
    for name in names:
        ours, theirs = (_timeless(Path(folder, name).read_bytes()) for folder in ("ours", "theirs"))
        same = ours == theirs  # A difference of large files takes long to show.
        assert same, name
    done = _command("verify", "ours", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_save_replaces_its_own_files_and_no_others(square: NDArray[np.float32], tmp_path: Path) -> None:
    audit = unargmax.audit(square)
    audit.save(tmp_path / "out")
    audit.save(tmp_path / "out")
    (tmp_path / "out" / "report.html").write_text("mine")
    with pytest.raises(OSError, match="did not write it"):
        audit.save(tmp_path / "out")
    audit.save(tmp_path / "out", force=True)
    assert "unargmax" in (tmp_path / "out" / "report.html").read_text()


def test_a_checkpoint_is_opened_as_by_the_command(tmp_path: Path) -> None:
    layer = unargmax.open(BUNDLED)
    assert (layer.shape, layer.weight) == ((876, 32), "weight")
    assert repr(layer) == "<OutputLayer weight: 876 tokens x 32 dimensions, domain free>"
    assert layer.token(3) == unargmax.read_verdicts(_audited(tmp_path))["token"][3]
    assert unargmax.open(BUNDLED, bias="none", vocab="none").token(3) == "3"
    with pytest.raises(OSError, match="nowhere"):
        unargmax.open(tmp_path / "nowhere.safetensors")
    with pytest.raises(ValueError, match="no_such"):
        unargmax.open(BUNDLED, weight="no_such")


def _audited(folder: Path) -> Path:
    unargmax.open(BUNDLED).audit().save(folder / "out", report=False)
    return folder / "out"


def test_the_wheel_carries_the_command(tmp_path: Path) -> None:
    version = _command("--version", cwd=tmp_path)
    assert version.stdout == f"unargmax {unargmax.__version__}\n"
    wrong = _command("audit", "nowhere.npy", cwd=tmp_path)
    assert wrong.returncode == 2 and wrong.stderr.startswith("unargmax: error: ")
    wrong = _command("audit", "--nonsense", cwd=tmp_path)
    assert wrong.returncode == 2 and "unargmax audit --help" in wrong.stderr
    gate = _command("audit", "--fail-on", "unargmaxable", "--quiet", cwd=tmp_path)
    assert gate.returncode == 1
    module = subprocess.run(
        [sys.executable, "-m", "unargmax", "audit", "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(module.stdout)["head"]["tokens"] == 876
