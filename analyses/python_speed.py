#!/usr/bin/env python3
"""Compares the time of an audit from Python with that of the command, on a random head of 10,000 x 64, in turns.

    python3 analyses/python_speed.py --program target/release/unargmax [--runs 15] [--tokens 10000] [--dim 64]

It needs the package unargmax with pandas, built like the program (`maturin build --release`). The command starts, reads a file, audits and writes what has the table
(`verdicts.csv`, the summary, the certificate; no report); without `--out` it only prints a summary. The call from Python audits an array that is there, and
`to_pandas` makes the table. What a program in Python takes besides, its start with the imports, is measured alone.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import unargmax


def cpu() -> float:
    """The CPU time of this process, its threads and the processes that it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and CPU time."""
    began, used = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - began, cpu() - used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True, help="the command, as cargo builds it")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--tokens", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=64)
    options = parser.parse_args()
    rows = np.random.default_rng(0).standard_normal((options.tokens, options.dim), dtype="float32")
    command = "the command, with the table"
    with tempfile.TemporaryDirectory() as folder:
        head = Path(folder) / "head.npy"
        np.save(head, rows)
        audit = [options.program, "audit", str(head)]
        table = [*audit, "--no-report", "--out"]
        outs = (str(Path(folder) / f"audit-{number}") for number in itertools.count())
        imports = [sys.executable, "-c", "import pandas, unargmax"]
        ways: dict[str, Callable[[], object]] = {
            command: lambda: subprocess.run([*table, next(outs)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
            "the command, a summary": lambda: subprocess.run(audit, check=True, stdout=subprocess.DEVNULL),
            "audit(W)": lambda: unargmax.audit(rows),
            "audit(W).to_pandas()": lambda: unargmax.audit(rows).to_pandas(),
            "start and imports of Python": lambda: subprocess.run(imports, check=True),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for turn in range(options.runs + 1):
            for name, work in ways.items():
                taken = seconds(work)
                # The first turn fills caches.
                if turn > 0:
                    times[name].append(taken)
    print(f"random head of {options.tokens} x {options.dim}, {options.runs} runs in turns: median (least to most), ratio to the command")
    for number, kind in enumerate(["wall time", "CPU time"]):
        print(kind)
        whole = statistics.median(taken[number] for taken in times[command])
        for name, both in times.items():
            taken = [pair[number] for pair in both]
            median = statistics.median(taken)
            spread = f"({1000 * min(taken):.0f} to {1000 * max(taken):.0f})"
            print(f"  {name:28} {1000 * median:5.0f} ms {spread:16} {median / whole:.2f}")


if __name__ == "__main__":
    main()
