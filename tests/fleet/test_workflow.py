"""The workflow of analyses/fleet, by the real Snakemake: it runs, is killed, goes on, and its files are those of a run that was left alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import slurm
from conftest import BUNDLED, ROOT, module

FLEET = ROOT / "analyses" / "fleet"
sys.path.insert(0, str(FLEET))
import fleet  # noqa: E402

#: The head that is killed: so many tokens of few dimensions that its audit takes seconds.
TOKENS, DIM = 10_000, 12


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    np = pytest.importorskip("numpy")
    folder = tmp_path_factory.mktemp("heads")
    random = np.random.default_rng(7)
    np.save(folder / "a-long.npy", random.standard_normal((TOKENS, DIM), dtype="float32"))
    np.save(folder / "b-short.npy", random.standard_normal((500, 8), dtype="float32"))
    (folder / "c-g2pm.safetensors").write_bytes(BUNDLED.read_bytes())
    return folder


def snakemake(heads: Path, results: Path, *options: str) -> list[str]:
    settings = {"checkpoints": [f"{heads}/*"], "options": "--save-every 0", "threads": 1}
    return [
        *module("snakemake"), "-s", str(FLEET / "Snakefile"), "--directory", str(results), *options,
        "--config", *(f"{key}={json.dumps(value)}" for key, value in settings.items()),
    ]  # fmt: skip


def run(heads: Path, results: Path, *options: str) -> str:
    profile = ("--workflow-profile", str(FLEET / "profiles" / "local"), "--cores", "1")
    done = subprocess.run(snakemake(heads, results, *profile, *options), capture_output=True, text=True, timeout=600)
    said = done.stdout + done.stderr
    logs = "".join(f"\n== {log}\n{log.read_text()}" for log in sorted(results.glob("logs/*.log")))
    assert done.returncode == 0, said + logs
    return said


def _timeless(path: Path) -> Any:
    if path.name != "summary.json":
        return path.read_bytes()
    summary = json.loads(path.read_text())
    del summary["run"]
    for audit in summary["audits"]:
        del audit["seconds"]
    return summary


def files(results: Path) -> dict[str, Any]:
    """The files of a run, without those that tell when it was and how long it took."""
    found = [path for folder in ("audits", "comparison") for path in sorted((results / folder).rglob("*")) if path.is_file()]
    found.append(results / "multiqc_data" / "multiqc_unargmax_audits.txt")
    timed = ("report.html", "summary.md", "compare.html")
    return {str(path.relative_to(results)): _timeless(path) for path in found if path.name not in timed}


def killed(heads: Path, results: Path) -> None:
    """Start the workflow, and kill it with all its processes once the long audit has a journal."""
    environment = os.environ | {"UNARGMAX_PROGRESS": "0"}
    options = ("--workflow-profile", str(FLEET / "profiles" / "local"), "--cores", "1")
    # A session of its own is a group that can be killed without this process.
    child = subprocess.Popen(
        snakemake(heads, results, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env=environment,
    )  # fmt: skip
    try:
        journal, patience = results / "audits" / "a-long.npy" / "audit.journal", time.monotonic() + 120
        while not journal.exists():
            assert child.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < patience, "there was no journal"
            time.sleep(0.01)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    assert journal.exists() and not (results / "comparison").exists()


def test_a_run_that_was_killed_goes_on_and_leaves_the_files_of_one_that_was_not(heads: Path, tmp_path: Path) -> None:
    alone, resumed = tmp_path / "alone", tmp_path / "resumed"
    run(heads, alone)
    killed(heads, resumed)
    subprocess.run(snakemake(heads, resumed, "--unlock", "--cores", "1"), check=True, capture_output=True, timeout=120)
    run(heads, resumed)
    assert "going on after" in (resumed / "logs" / "a-long.npy.log").read_text()
    expected, found = files(alone), files(resumed)
    assert sorted(found) == sorted(expected) and len(found) > 20
    assert [name for name in expected if expected[name] != found[name]] == []
    assert not list(resumed.rglob("audit.journal"))
    rows = found["multiqc_data/multiqc_unargmax_audits.txt"].decode().splitlines()
    assert [row.split("\t")[0] for row in rows[1:]] == ["a-long.npy", "b-short.npy", "c-g2pm.safetensors"]
    # There is nothing left to do.
    assert "Nothing to be done" in run(heads, resumed)
    with (resumed / "benchmarks" / "a-long.npy.tsv").open() as file:
        header, values = (line.split() for line in file)
    peak = float(values[header.index("max_rss")])
    assert peak < fleet.memory_mb(heads / "a-long.npy"), "an audit took more memory than the workflow asks for"


def test_the_profile_for_slurm_submits_each_audit_with_its_memory_and_time(heads: Path, tmp_path: Path) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="snakemake-executor-plugin-slurm is not installed")
    commands, results = tmp_path / "commands", tmp_path / "results"
    slurm.install(commands)
    options = (
        "--workflow-profile", str(FLEET / "profiles" / "slurm"),
        "--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "1",
    )  # fmt: skip
    environment = os.environ | {"PATH": f"{commands}:{os.environ['PATH']}"}
    done = subprocess.run(
        snakemake(heads, results, *options), capture_output=True, text=True, timeout=600, env=environment
    )
    logs = "".join(log.read_text() for log in results.glob(".snakemake/slurm_logs/**/*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    # The audits are jobs; the comparison and the page are made here.
    jobs = slurm.submitted(commands)
    memory = sorted(int(job[job.index("--mem") + 1]) for job in jobs)
    assert memory == sorted(fleet.memory_mb(head) for head in heads.iterdir())
    for job in jobs:
        assert job[job.index("-t") + 1] == "120" and "account" in " ".join(job) and "partition" in " ".join(job), job
    assert (results / "comparison" / "compare.html").is_file() and (results / "multiqc_report.html").is_file()


def test_checkpoints_are_found_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("runs/7/checkpoint-500/config.json", "runs/7/checkpoint-1000/config.json", "x/head.npy", "y/head.npy"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text('{"hidden_size": 10, "vocab_size": 1000}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    found = fleet.find(["runs/**/checkpoint-*", "last=y/head.npy"])
    assert {name: checkpoint.given for name, checkpoint in found.items()} == {
        "checkpoint-1000": "runs/7/checkpoint-1000",
        "checkpoint-500": "runs/7/checkpoint-500",
        "last": "y/head.npy",
    }
    assert sorted(fleet.find(["x/head.npy", "y/head.npy"])) == ["x-head.npy", "y-head.npy"]
    snapshot = tmp_path / "hub" / "models--some--model" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    assert fleet.find(["some/model"]) == fleet.find([], cache=True) == {"model": fleet.Checkpoint("some/model", snapshot)}
    for entries, says in [
        (["nowhere.npy"], "no such file"),
        (["one=?/head.npy"], "names 2 checkpoints"),
        (["head.npy=x/head.npy", "y/head.npy"], "two checkpoints are called head.npy"),
        ([], "no checkpoint"),
    ]:
        with pytest.raises(fleet.Problem, match=says):
            fleet.find(entries)


def test_memory_follows_from_the_shape_of_the_head(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    config = tmp_path / "model" / "config.json"
    config.parent.mkdir()
    config.write_text('{"text_config": {"hidden_size": 1000, "vocab_size": 100000}}')
    assert fleet.head_shape(config.parent) == (100000, 1000)
    # 250 MB and 5.5 times 400 MB.
    assert [fleet.memory_mb(config.parent, attempt) for attempt in (1, 2)] == [2450, 4900]
    assert fleet.head_shape(BUNDLED) == (876, 32)
    np.save(tmp_path / "head.npy", np.zeros((70, 8), dtype="float16"))
    assert fleet.head_shape(tmp_path / "head.npy") == (70, 8)
    (tmp_path / "any.gguf").write_bytes(bytes(10**6))
    assert (fleet.head_shape(tmp_path / "any.gguf"), fleet.memory_mb(tmp_path / "any.gguf")) == (None, 261)


def test_no_measured_audit_took_more_memory_than_is_asked_for() -> None:
    table = (ROOT / "reports" / "speed" / "table.md").read_text()
    measured, peak = 0, 0
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if "peak MB (limit)" in cells:
            peak = cells.index("peak MB (limit)")
        shape = re.fullmatch(r"(\d+) x (\d+)", cells[1]) if len(cells) > peak > 0 else None
        if shape:
            measured += 1
            assert int(cells[peak].split()[0]) < fleet.of_shape_mb(int(shape[1]), int(shape[2])), line
    assert measured > 20
