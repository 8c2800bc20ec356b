"""What the tests of workflow, MultiQC and action share. They need the command `unargmax` on the path."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: The bundled head: 876 tokens x 32 dimensions, of which 229 cannot win behind a ReLU and 225 not over all vectors.
BUNDLED = ROOT / "assets" / "g2pm" / "head.safetensors"


@pytest.fixture(scope="session", autouse=True)
def _command() -> None:
    if shutil.which("unargmax") is None:
        pytest.exit("the command unargmax is not on the path", returncode=2)


def audit(checkpoint: Path, out: Path, *options: str) -> None:
    """Audit a checkpoint into a folder."""
    subprocess.run(["unargmax", "audit", checkpoint, "--out", out, "--quiet", *options], check=True)


def module(name: str) -> list[str]:
    """The command of a Python package; the test is skipped without it."""
    pytest.importorskip(name, reason=f"{name} is not installed")
    return [sys.executable, "-m", name]
