"""The steps of action.yml, run as GitHub's runner runs them: what they write, and with which status they end."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import BUNDLED, ROOT, audit

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
#: What a step may use of a context, in an expression.
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Job:
    """What is left of a job."""

    status: int
    log: str
    summary: str
    uploaded: dict[str, str] | None
    outputs: dict[str, str]

    def commands(self) -> list[tuple[str, str]]:
        """The commands in the log, as the runner reads them: kind and message."""
        found, fence = [], None
        for line in self.log.splitlines():
            match = re.match(r"\s*::([a-z0-9-]+)(?: [^:]*)?::(.*)", line)
            if fence:
                fence = None if match and match[1] == fence else fence
            elif match and match[1] == "stop-commands":
                fence = match[2]
            elif match:
                found.append((match[1], match[2]))
        return found

    def told(self, kind: str) -> list[str]:
        return [message for found, message in self.commands() if found == kind]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporary folder of the runner after the first step, which is run for real on `$UNARGMAX_WHEEL`."""
    wheel = os.environ.get("UNARGMAX_WHEEL")
    if not wheel:
        pytest.skip("$UNARGMAX_WHEEL names no wheel to install")
    temp = tmp_path_factory.mktemp("runner")
    step = ACTION["runs"]["steps"][0]
    done = _shell(step, {"wheel": wheel}, {}, temp, temp)
    assert done.returncode == 0, done.stdout + done.stderr
    return temp


def _value(text: str, inputs: dict[str, str], outputs: dict[str, str]) -> str:
    """A text with its expressions evaluated. One that is not known here is an error."""
    known = {f"inputs.{name}": value for name, value in inputs.items()}
    known |= {f"steps.audit.outputs.{name}": value for name, value in outputs.items()}
    known["github.action_path"] = str(ROOT)
    return EXPRESSION.sub(lambda match: known[match[1]], text)


def _shell(
    step: dict[str, Any], inputs: dict[str, str], outputs: dict[str, str], temp: Path, workspace: Path
) -> subprocess.CompletedProcess[str]:
    """Run a step as the runner runs `shell: bash`."""
    assert step["shell"] == "bash" and not EXPRESSION.search(step["run"]), "an input would be run"
    given = {name: _value(text, inputs, outputs) for name, text in step.get("env", {}).items()}
    files = {"GITHUB_OUTPUT": str(workspace / "output"), "GITHUB_STEP_SUMMARY": str(workspace / "step-summary")}
    script = workspace / "step.sh"
    script.write_text(step["run"])
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "RUNNER_TEMP": str(temp), "CI": "true"}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
        cwd=workspace, env=environment | files | given, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


def run(temp: Path, workspace: Path, **given: str) -> Job:
    """Run the action in a workspace; underscores in names of inputs stand for hyphens."""
    given = {name.replace("_", "-"): value for name, value in given.items()}
    unknown = given.keys() - ACTION["inputs"].keys()
    assert not unknown, unknown
    inputs = {name: given.get(name, about.get("default", "")) for name, about in ACTION["inputs"].items()}
    _, *steps = ACTION["runs"]["steps"]
    status, log, uploaded, outputs = 0, "", None, {}
    for step in steps:
        if "uses" in step:
            assert step["uses"].startswith("actions/upload-artifact@v") and step["if"] == "${{ always() && inputs.artifact != '' }}"
            if inputs["artifact"]:
                uploaded = {name: _value(text, inputs, outputs) for name, text in step["with"].items()}
        elif status == 0:
            done = _shell(step, inputs, outputs, temp, workspace)
            status, log = done.returncode, log + done.stdout + done.stderr
            if (workspace / "output").exists():
                outputs |= dict(line.split("=", 1) for line in (workspace / "output").read_text().splitlines())
    summary = workspace / "step-summary"
    return Job(status, log, summary.read_text() if summary.exists() else "", uploaded, outputs)


def test_lost_tokens_fail_the_job_with_a_summary_annotations_and_the_report(installed: Path, tmp_path: Path) -> None:
    job = run(installed, tmp_path, checkpoint=str(BUNDLED), domain="range:0:inf")
    assert (job.status, job.outputs["status"]) == (1, "1"), job.log
    assert "229 of 876 tokens can never win" in job.summary and "| unargmaxable (can never win) | 229 |" in job.summary
    errors = job.told("error")
    assert errors[0].endswith("229 of 876 tokens can never win. --fail-on: 229 unargmaxable") and len(errors) == 10
    assert all("can never win; a mix of rivals never scores less: 0." in error for error in errors[1:]), errors
    assert {kind for kind, _ in job.commands()} == {"error"}
    assert job.uploaded is not None and job.uploaded["name"] == "unargmax"
    assert (tmp_path / job.uploaded["path"] / "report.html").is_file()


def test_what_is_not_failed_on_is_a_warning(installed: Path, tmp_path: Path) -> None:
    job = run(installed, tmp_path, checkpoint=str(BUNDLED), domain="free", fail_on="tied,undecided", artifact="")
    assert (job.status, job.uploaded) == (0, None), job.log
    assert [kind for kind, _ in job.commands()] == ["warning"]
    assert job.told("warning")[0].endswith("225 of 876 tokens can never win")
    assert "225 of 876" in job.summary


def test_tokens_that_can_win_are_a_notice_and_options_reach_the_audit(installed: Path, tmp_path: Path) -> None:
    winner = run(installed, tmp_path, checkpoint=str(BUNDLED), tokens="0-9", fail_on="", args="--ranks all\n--threads 1")
    summary = json.loads((tmp_path / "unargmax" / "summary.json").read_text())
    assert (summary["audits"][0]["scope"], summary["threads"]) == (10, 1) and "best_rank" in summary["audits"][0]
    lost = summary["audits"][0]["counts"]["unargmaxable"]
    assert [kind for kind, _ in winner.commands()] == ["warning" if lost else "notice"] and winner.status == 0


def test_without_a_report_there_is_no_summary_and_the_check_is_made(installed: Path, tmp_path: Path) -> None:
    job = run(installed, tmp_path, checkpoint=str(BUNDLED), domain="free", args="--no-report")
    assert (job.status, job.summary) == (1, ""), job.log
    assert job.told("error")[0] == "the audit in unargmax. --fail-on: 225 unargmaxable"


def test_a_baseline_excuses_what_was_lost_before(installed: Path, tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    square = np.array([[1, 0], [0, 1], [2, 1], [1, 2], [1, 1]], dtype="float32")
    np.save(tmp_path / "old.npy", square)
    # The first token moves inside as well.
    square[0] = [1.2, 1.2]
    np.save(tmp_path / "new.npy", square)
    audit(tmp_path / "old.npy", tmp_path / "released")
    same = run(installed, tmp_path, checkpoint="old.npy", baseline="released")
    assert same.status == 0, same.log
    worse = run(installed, tmp_path, checkpoint="new.npy", baseline="released")
    errors = worse.told("error")
    assert worse.status == 1 and len(errors) == 2 and errors[1].startswith("#0 can never win"), worse.log


def test_an_error_of_the_audit_is_the_annotation_and_the_summary(installed: Path, tmp_path: Path) -> None:
    job = run(installed, tmp_path, checkpoint="nowhere.safetensors; echo injected")
    assert (job.status, job.outputs["status"]) == (2, "2"), job.log
    (error,) = job.told("error")
    assert error.startswith("unargmax: error: ") and "nowhere.safetensors; echo injected" in error
    assert "exit status 2" in job.summary and "nowhere" in job.summary
    assert "\ninjected" not in job.log


def test_tokens_that_look_like_commands_of_the_runner_are_none(installed: Path, tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    np.save(tmp_path / "head.npy", np.array([[1, 0], [0, 1], [2, 1], [1, 2], [1, 1]], dtype="float32"))
    hostile = ["::error::a", "::set-output name=status::0", "::stop-commands::x", "100%", "\n::warning::b"]
    (tmp_path / "vocabulary.json").write_text(json.dumps(hostile))
    job = run(installed, tmp_path, checkpoint="head.npy", args="--vocab vocabulary.json")
    assert job.status == 1, job.log
    assert [kind for kind, _ in job.commands()] == ["error", "error"]
    assert "::warning::b' (id 4) can never win" in job.told("error")[1]
