"""Stands in for the commands of Slurm where there is no cluster: a job runs at once on this machine, and its options are kept.

One file is all commands, under their names: `sbatch`, `srun`, `sacct`, `sacctmgr`, `sinfo`, `scontrol`, `scancel`, `squeue`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

COMMANDS = ("sbatch", "srun", "sacct", "sacctmgr", "sinfo", "scontrol", "scancel", "squeue")
#: Those of the profile.
ACCOUNT, PARTITION = "account", "partition"


def install(folder: Path) -> None:
    """Put the commands into a folder."""
    folder.mkdir()
    for name in COMMANDS:
        (folder / name).write_text(f"#!{sys.executable}\n{Path(__file__).read_text()}")
        (folder / name).chmod(0o755)


def submitted(folder: Path) -> list[list[str]]:
    """The options of each job so far."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def take_number(folder: Path, content: str) -> int:
    """The next number of a job, whose file gets the content. Jobs may be submitted at the same time, and none may take another's."""
    number = 1
    while True:
        try:
            with (folder / f"{number}.json").open("x") as file:
                file.write(content)
            return number
        except FileExistsError:
            number += 1


def sbatch(folder: Path, words: list[str]) -> None:
    number = take_number(folder, json.dumps(words))
    command = next(word.removeprefix("--wrap=") for word in words if word.startswith("--wrap="))
    with open(words[words.index("--output") + 1].replace("%j", str(number)), "w") as log:
        environment = os.environ | {"SLURM_JOB_ID": str(number), "SLURM_CPUS_PER_TASK": "1"}
        status = subprocess.run(command, shell=True, stdout=log, stderr=log, env=environment).returncode
    (folder / f"{number}.state").write_text("COMPLETED" if status == 0 else "FAILED")
    print(number)


def main() -> None:
    name, words = Path(sys.argv[0]).name, sys.argv[1:]
    folder = Path(sys.argv[0]).parent
    if name == "sbatch":
        sbatch(folder, words)
    elif name == "srun":
        # The options come first, each in one word.
        command = next(i for i, word in enumerate(words) if not word.startswith("-"))
        sys.exit(subprocess.run(words[command:]).returncode)
    elif name in ("sacct", "squeue"):
        for state in folder.glob("*.state"):
            print(f"{state.stem}|{state.read_text()}")
    elif name == "sacctmgr":
        print(ACCOUNT)
    elif name == "sinfo":
        print(f"PARTITION\n{PARTITION}*")


if __name__ == "__main__":
    main()
