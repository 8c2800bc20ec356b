"""The workflow of the atlas. Its heads are not fetched here: the packages have several gigabytes."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, module

ATLAS = ROOT / "analyses" / "atlas"
with open(ATLAS / "heads.csv", newline="") as file:
    HEADS = list(csv.DictReader(file))


def planned(folder: Path) -> str:
    """What Snakemake would do in a new folder."""
    command = [*module("snakemake"), "-s", str(ATLAS / "Snakefile"), "--cores", "1", "--directory", str(folder), "--dry-run", "--printshellcmds"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_every_head_of_the_list_is_audited_once_and_then_drawn(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    for head in HEADS:
        audits = re.findall(rf"unargmax audit models/{re.escape(head['path'])} .*--out \S*/audits/{re.escape(head['name'])} ", plan)
        assert len(audits) == 1, f"{head['name']}: {audits}"
    assert plan.count("--example study -- atlas") == 1


def test_the_script_knows_every_model_of_the_list() -> None:
    known = subprocess.run([sys.executable, str(ROOT / "analyses" / "fetch_heads.py"), "--help"], capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "10000"})
    words = set(re.findall(r"[a-z0-9.-]+", known.stdout))
    models = {head["path"].split("/")[0] for head in HEADS}
    assert models <= words, models - words
