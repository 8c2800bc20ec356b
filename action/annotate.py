"""Prints the annotations of a job on GitHub for an audit: `annotate.py STATUS FOLDER STDERR FAIL_ON`.

What fails the step is an error, with the first tokens that do; what was found and does not fail it is a warning.
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

#: GitHub shows at most ten annotations of a kind of each step; the first one tells the counts.
TOKENS = 9
#: The most rivals named for a token.
RIVALS = 3
WORDS = {
    "argmaxable": "can win",
    "tied": "can only tie",
    "unargmaxable": "can never win",
    "undecided": "was not decided",
}


def escaped(text: str) -> str:
    """Text as the message of a command of the runner."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command(kind: str, message: str) -> str:
    return f"::{kind} title=unargmax::{escaped(message)}"


def named(row: dict[str, str]) -> str:
    """A token by its text, if it has one, and its id."""
    return f"{row['token']!r} (id {row['id']})" if row["token"] else f"#{row['id']}"


def fails(row: dict[str, str], conditions: set[str]) -> bool:
    """Whether a row meets a condition, as `--fail-on` counts without a baseline."""
    verdict = row["verdict"]
    if row["kind"] != "padding":
        return verdict in conditions
    if verdict == "undecided":
        return "undecided" in conditions
    return "padding-can-win" in conditions and verdict in ("argmaxable", "tied")


def about(row: dict[str, str], rows: dict[str, dict[str, str]]) -> str:
    """What is wrong with a token, in one line."""
    rivals = [part.rsplit(":", 1) for part in row["blockers"].split()]
    tokens = [(name, weight) for name, weight in rivals if name.isdigit()]
    mix = " + ".join(f"{float(weight):.2g} {named(rows[name]) if name in rows else '#' + name}" for name, weight in tokens[:RIVALS])
    more = " + ..." if len(rivals) > min(len(tokens), RIVALS) else ""
    blocked = f"; a mix of rivals never scores less: {mix}{more}" if mix else ""
    return f"{named(row)} {WORDS[row['verdict']]}{blocked}"


def annotations(status: int, folder: Path, said: str, conditions: set[str]) -> list[str]:
    """The commands for the runner."""
    if status not in (0, 1):
        return [command("error", said.strip() or f"unargmax audit ended with status {status}")]
    # The first line of the summary is the finding; with --no-report there is none.
    summary = folder / "summary.md"
    text = summary.read_text(encoding="utf-8") if summary.is_file() else f"## the audit in {folder}"
    finding = text.splitlines()[0].removeprefix("## ")
    with (folder / "verdicts.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    if status == 0:
        good = all(row["verdict"] == "argmaxable" for row in rows.values() if row["kind"] != "padding")
        return [command("notice" if good else "warning", finding)]
    lines = said.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("unargmax: --fail-on: "))
    # With a baseline the command names the tokens that count.
    listed = [match[1] for line in lines[start + 1 :] if (match := re.match(r"  (\d+) ", line))]
    failing = [rows[id] for id in listed] if listed else [row for row in rows.values() if fails(row, conditions)]
    first = command("error", f"{finding}. {lines[start].removeprefix('unargmax: ')}")
    return [first, *(command("error", about(row, rows)) for row in failing[:TOKENS])]


def main() -> None:
    status, folder, said, conditions = sys.argv[1:]
    told = Path(said).read_text(encoding="utf-8", errors="replace")
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    for line in annotations(int(status), Path(folder), told, set(conditions.split(","))):
        print(line)


if __name__ == "__main__":
    main()
