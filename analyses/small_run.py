#!/usr/bin/env python3
"""Trains a small language model and keeps its output layer at 120 steps, for `unargmax compare`.

    python3 analyses/small_run.py FOLDER [--program target/release/unargmax]

The text is drawn from a fixed random chain of words, so that it needs no file: word `i` follows two words with a probability
that falls with its number, and a fifth of the vocabulary never occurs. The model embeds the last two words, has one hidden layer
of 24 units, and an output layer of 1000 rows without bias that starts at random; all of it is trained by Adam on
cross-entropy. Every seed is fixed, so that the same numpy writes the same files. FOLDER receives step-N.npy (float32, 1000 x 24);
with --program each of them is audited into FOLDER/audits/step-N, and all are compared into FOLDER/comparison.

Rows of words that never occur only ever fall: their scores are pushed down in every step. Whether they fall into the
convex hull of the others, and when, is what the comparison shows.
"""

import argparse
import subprocess
import time
from pathlib import Path

import numpy as np

WORDS, ABSENT, UNITS = 1000, 200, 24
STEPS, EVERY, BATCH = 2400, 20, 128
SEED = 21


def text(rng, length):
    """Word numbers of a chain in which every word has 40 followers, frequent words more often than rare ones."""
    present = rng.permutation(WORDS)[: WORDS - ABSENT]
    weights = 1.0 / np.arange(1, len(present) + 1)
    weights /= weights.sum()
    followers = rng.choice(present, size=(WORDS, 40), p=weights)
    chosen = np.minimum(rng.geometric(0.12, size=length) - 1, 39)
    words = np.empty(length, dtype=np.int64)
    words[0] = present[0]
    for i in range(1, length):
        # One word in ten does not depend on the one before it.
        words[i] = followers[words[i - 1], chosen[i]]
    fresh = rng.random(length) < 0.1
    words[fresh] = rng.choice(present, size=fresh.sum(), p=weights)
    return words


class Adam:
    """Adam (Kingma and Ba 2015) for a list of arrays."""

    def __init__(self, arrays, rate):
        self.arrays, self.rate, self.step = arrays, rate, 0
        self.means = [np.zeros_like(a) for a in arrays]
        self.squares = [np.zeros_like(a) for a in arrays]

    def update(self, gradients):
        self.step += 1
        for array, mean, square, gradient in zip(self.arrays, self.means, self.squares, gradients):
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient**2 - square)
            scaled = mean / (1 - 0.9**self.step)
            array -= self.rate * scaled / (np.sqrt(square / (1 - 0.999**self.step)) + 1e-8)


def train(folder):
    """Trains, writes a file every EVERY steps, and prints the loss now and then."""
    rng = np.random.default_rng(SEED)
    words = text(rng, 200_000)
    embedding = rng.normal(0, 0.5, (WORDS, UNITS))
    hidden = rng.normal(0, 1 / np.sqrt(2 * UNITS), (2 * UNITS, UNITS))
    output = rng.normal(0, 0.02, (WORDS, UNITS))
    adam = Adam([embedding, hidden, output], 3e-3)
    for step in range(EVERY, STEPS + 1, EVERY):
        loss = 0.0
        for _ in range(EVERY):
            at = rng.integers(2, len(words), BATCH)
            before, target = np.stack([words[at - 2], words[at - 1]], axis=1), words[at]
            inputs = embedding[before].reshape(BATCH, -1)
            state = np.tanh(inputs @ hidden)
            logits = state @ output.T
            logits -= logits.max(axis=1, keepdims=True)
            shares = np.exp(logits)
            shares /= shares.sum(axis=1, keepdims=True)
            loss -= np.log(shares[np.arange(BATCH), target]).mean() / EVERY
            shares[np.arange(BATCH), target] -= 1
            shares /= BATCH
            inner = (shares @ output) * (1 - state**2)
            of_embedding = np.zeros_like(embedding)
            np.add.at(of_embedding, before.reshape(-1), (inner @ hidden.T).reshape(-1, UNITS))
            adam.update([of_embedding, inputs.T @ inner, shares.T @ state])
        np.save(folder / f"step-{step}.npy", output.astype(np.float32))
        if step % 400 == 0 or step == EVERY:
            print(f"step {step:5}: loss {loss:.3f}", flush=True)


def compare(folder, program):
    """Audits every file, and compares the audits."""
    steps = range(EVERY, STEPS + 1, EVERY)
    started = time.time()
    for step in steps:
        out = folder / "audits" / f"step-{step}"
        audit = [program, "audit", folder / f"step-{step}.npy", "--quiet", "--no-report", "--out", out]
        subprocess.run(audit, check=True)
    print(f"{len(steps)} audits in {time.time() - started:.1f} s", flush=True)
    started = time.time()
    audits = [folder / "audits" / f"step-{step}" for step in steps]
    subprocess.run([program, "compare", *audits, "--out", folder / "comparison"], check=True)
    print(f"compared in {time.time() - started:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--program", help="also audit and compare with this program")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    train(options.folder)
    if options.program:
        compare(options.folder, options.program)


if __name__ == "__main__":
    main()
