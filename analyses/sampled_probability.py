#!/usr/bin/env python3
"""Do the intervals of `audit --max-probability` hold against gradient ascent? The bundled head, over all of space.

    target/release/unargmax audit --domain free --max-probability all --quiet --out /tmp/caps
    python3 analyses/sampled_probability.py assets/g2pm/head.safetensors /tmp/caps

For a sample of the lost tokens, by a fixed seed: climbs the log probability of the token from 50 random hidden states, by
numpy in float64. Ends with status 1 if a value exceeds the proved upper end of the token, or if no start comes as near
to the proved lower end as 1 %. --by-hand ID ... shows how the bound from the losing proof is computed.
"""

import argparse
import csv
import math
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

SLACK = 1e-9  # of the rounding of float64 in the values found, relative


def climb(weight, bias, token, starts, steps):
    """The largest probability of the token on the way from each start (starts x d), by ascent with momentum."""
    # The Hessian of log-sum-exp is at most half the squared diameter of the rows.
    centred = weight - weight.mean(axis=0)
    rate = 1 / (2 * (centred**2).sum(axis=1).max())
    best, here, ahead = np.zeros(len(starts)), starts, starts
    for step in range(steps):
        logits = ahead @ weight.T + bias
        logits -= logits.max(axis=1, keepdims=True)
        chances = np.exp(logits)
        chances /= chances.sum(axis=1, keepdims=True)
        best = np.maximum(best, chances[:, token])
        there = ahead + rate * (weight[token] - chances @ weight)
        here, ahead = there, there + step / (step + 3) * (there - here)
    return best


def by_hand(row, weight, bias, token):
    """Prints the bound of the losing proof: its weights, their entropy, and the largest probability that follows."""
    pairs = [entry.split(":") for entry in row["blockers"].split()]
    rivals, shares = [int(rival) for rival, _ in pairs], np.array([float(share) for _, share in pairs])
    entropy = -float(shares @ np.log(shares))
    mixed, lead = shares @ weight[rivals], float(shares @ bias[rivals] - bias[token])
    print(f"token {token} {row['token']}: {len(rivals)} rivals, weights {shares.max():.4f} to {shares.min():.6f}, sum {shares.sum():.5f}")
    print(f"  farthest coordinate of their mean from the row: {np.abs(mixed - weight[token]).max():.1e}; mean bias above the token's: {lead:.4f}")
    print(f"  entropy {entropy:.4f} nats, so at most 1 / (1 + e^{entropy:.4f}) = {100 / (1 + math.exp(entropy)):.3f} %")
    print(f"  with the biases 1 / (1 + e^{entropy + lead:.4f}) = {100 / (1 + math.exp(entropy + lead)):.3f} %, at temperature 1")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("head", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=10)
    parser.add_argument("--starts", type=int, default=50)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--by-hand", type=int, nargs="+", default=[], metavar="ID")
    options = parser.parse_args()
    tensors = {name: tensor.astype(np.float64) for name, tensor in load_file(options.head).items()}
    weight, bias = tensors["weight"], tensors["bias"]
    with open(options.folder / "verdicts.csv", newline="", encoding="utf-8") as file:
        rows = {int(row["id"]): row for row in csv.DictReader(file)}
    for token in options.by_hand:
        by_hand(rows[token], weight, bias, token)
    if options.by_hand:
        return 0
    lost = [token for token, row in rows.items() if row["verdict"] == "unargmaxable"]
    random = np.random.RandomState(20)
    sample = sorted(random.choice(lost, min(options.tokens, len(lost)), replace=False).tolist())
    wrong = values = 0
    for token in sample:
        row = rows[token]
        low, high = float(row["max_probability_low"]), float(row["max_probability"])
        starts = random.normal(size=(options.starts, weight.shape[1])) * random.uniform(0, 3, (options.starts, 1))
        found = climb(weight, bias, token, starts, options.steps)
        holds = (found <= high * (1 + SLACK)).all() and found.max() >= 0.99 * low
        wrong, values = wrong + (not holds), values + len(found)
        print(f"token {token:>3} {row['token']:<8} proved {100 * low:.4f} to {100 * high:.4f} %, ascent {100 * found.min():.4f} to {100 * found.max():.4f} %{'' if holds else '  WRONG'}")
    print(f"{len(sample)} of {len(lost)} lost tokens, {values} ascents, {wrong} intervals that do not hold")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
