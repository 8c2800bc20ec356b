"""MultiQC shows the numbers of audits."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

from conftest import BUNDLED, audit, module


def test_multiqc_shows_each_audit_with_its_numbers(tmp_path: Path) -> None:
    audit(BUNDLED, tmp_path / "audits" / "one", "--domain", "range:0:inf")
    audit(BUNDLED, tmp_path / "audits" / "two", "--domain", "free")
    # The same again, in another place: one row, since it says the same.
    audit(BUNDLED, tmp_path / "audits" / "copy" / "two", "--domain", "free")
    done = subprocess.run(
        [*module("multiqc"), tmp_path / "audits", "--outdir", tmp_path / "out", "--no-version-check"],
        capture_output=True, text=True, timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    data = tmp_path / "out" / "multiqc_data"
    with (data / "multiqc_unargmax_audits.txt").open(newline="") as file:
        rows = {row["domain"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert len(rows) == 2
    behind_relu, free = rows["range:0:inf"], rows["free"]
    for row, lost in ((behind_relu, 229), (free, 225)):
        assert row["Sample"].endswith(" g2pm head.safetensors"), row
        counts = {column: float(row[column]) for column in ("lost", "tied", "undecided", "audited", "rows", "dim")}
        assert counts == {"lost": lost, "tied": 0, "undecided": 0, "audited": 876, "rows": 876, "dim": 32}
        assert abs(float(row["lost_percent"]) - 100 * lost / 876) < 1e-9
    assert (float(behind_relu["free_lost"]), free["free_lost"]) == (225, "")
    # What the page shows is in its data as well.
    shown = json.dumps(json.loads((data / "multiqc_data.json").read_text())["report_plot_data"]["unargmax_audits"])
    assert "Never win" in shown and "range:0:inf" in shown
    assert "can never win" in (tmp_path / "out" / "multiqc_report.html").read_text()
