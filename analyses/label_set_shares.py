#!/usr/bin/env python3
"""Which share of sets of k labels is feasible under sigmoids? Exact verdicts beside those of a float solver.

    python3 analyses/label_set_shares.py target/release/unargmax /tmp/shares --sets 50
    python3 analyses/label_set_shares.py target/release/unargmax /tmp/shares --instance

Source: Grivas, Vergari and Lopez, "Taming the sigmoid bottleneck" (AAAI 2024), and the settings of its public code: N labels,
D = 2k, sets of k labels drawn by numpy's legacy generator with seed 12 (there 20,000 of each), and a linear program that
looks for the largest ball of hidden states within a box of 1e4. Heads have D + 1 columns:

- vander: powers of N numbers between -1e4^(1/(D+1)) and its opposite, made orthonormal by QR, in float64;
- gale: 1, cos and sin of 1, ..., k times 2 pi i / N, in float64;
- random: uniform between 0 and 1, seed 12.

In exact numbers every set of at most k labels is feasible for the first two. --instance decides the set of the test that
says of itself that it should be feasible: N = 1000, seed 11, ten labels, vander with five random columns.
"""

import argparse
import math
import subprocess
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy.optimize import linprog

SIZES = [50, 100, 200, 500, 1000, 2000, 5000, 10000]
WIDTHS = [2, 4, 6, 8, 10]
BOX = 1e4
INSTANCE = [0, 2, 5, 10, 13, 18, 23, 25, 32, 45]


def vander(labels, columns):
    """Orthonormal columns that span the powers below `columns`."""
    end = 1e4 ** (1 / columns)
    return np.linalg.qr(np.vander(np.linspace(-end, end, labels), columns, increasing=True))[0]


def gale(labels, columns):
    """The real discrete Fourier columns of the lowest frequencies."""
    angles = 2 * np.pi * np.arange(labels)[:, None] / labels * np.arange(1, columns // 2 + 1)
    waves = np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(labels, -1)
    return np.hstack([np.full((labels, 1), 1 / math.sqrt(labels)), waves * math.sqrt(2 / labels)])


def uniform(labels, columns):
    return np.random.RandomState(12).uniform(0, 1, (labels, columns))


def drawn(labels, size, count):
    """Different sets of `size` labels, in the order in which they are drawn."""
    random, sets = np.random.RandomState(12), {}
    while len(sets) < min(count, math.comb(labels, size)):
        sets[tuple(sorted(random.choice(labels, size, replace=False).tolist()))] = None
    return list(sets)


def float_feasible(weight, labels, box=BOX):
    """Whether the float solver finds a ball of positive radius, at most 1, in which the logits have these signs."""
    signs = -np.ones(len(weight))
    signs[list(labels)] = 1
    norms = np.linalg.norm(weight, axis=1, keepdims=True)
    rows = np.hstack([-signs[:, None] * weight, norms])
    bounds = [(-box, box)] * weight.shape[1] + [(0, 1)]
    objective = np.zeros(weight.shape[1] + 1)
    objective[-1] = -1
    found = linprog(objective, rows, np.zeros(len(weight)), bounds=bounds, method="highs")
    return found.status == 0 and found.x[-1] > 0


def exact(program, folder, name, weight, sets):
    """The verdicts of `unargmax labels`, whose certificate `unargmax verify` accepts."""
    head, out = folder / f"{name}.safetensors", folder / name
    save_file({"weight": np.ascontiguousarray(weight)}, head)
    (folder / "sets.txt").write_text("".join(",".join(map(str, labels)) + "\n" for labels in sets))
    options = ["--domain", "free", "--quiet", "--force", "--out", out]
    subprocess.run([program, "labels", head, "--sets", folder / "sets.txt", *options], check=True)
    subprocess.run([program, "verify", "--quiet", head, out / "certificate.safetensors"], check=True, stdout=subprocess.DEVNULL)
    lines = (out / "sets.csv").read_text().splitlines()[1:]
    return [line.split(",")[4] for line in lines]


def shares(program, folder, count, sizes):
    """Prints a table: the share of feasible sets, exactly / by the float solver, and on how many sets they differ."""
    heads = {"vander": vander, "gale": gale, "random": uniform}
    print("| head | N | " + " | ".join(f"D = {width}" for width in WIDTHS) + " |")
    print("|---" * (2 + len(WIDTHS)) + "|")
    for name, make in heads.items():
        for labels in sizes:
            cells = []
            for width in WIDTHS:
                weight, sets = make(labels, width + 1), drawn(labels, width // 2, count)
                verdicts = exact(program, folder, name, weight, sets)
                assert "undecided" not in verdicts, (name, labels, width)
                yes = [verdict == "feasible" for verdict in verdicts]
                guessed = [float_feasible(weight, labels_on) for labels_on in sets]
                other = sum(a != b for a, b in zip(yes, guessed))
                text = f"{100 * sum(yes) / len(sets):.0f} / {100 * sum(guessed) / len(sets):.0f}"
                cells.append(text + (f" ({other})" if other else ""))
            print(f"| {name} | {labels} | " + " | ".join(cells) + " |", flush=True)


def instance(program, folder):
    weight = vander(1000, 11)
    weight = np.hstack([weight, np.random.RandomState(11).uniform(-1, 1, (1000, 5))])
    print(f"1000 labels x {weight.shape[1]}, the set {INSTANCE}")
    print(f"  unargmax:     {exact(program, folder, 'instance', weight, [INSTANCE])[0]}, with a proof that verify accepts")
    print(f"  float solver: {'feasible' if float_feasible(weight, INSTANCE, 1e5) else 'infeasible'} in a box of 1e5")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", type=int, default=50, help="sets of each setting; 20000 as published")
    parser.add_argument("--labels", type=int, nargs="+", default=SIZES, help="numbers of labels, N")
    parser.add_argument("--instance", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    program = options.program.resolve()
    if options.instance:
        instance(program, options.folder)
    else:
        shares(program, options.folder, options.sets, options.labels)


if __name__ == "__main__":
    main()
