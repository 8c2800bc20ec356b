#!/usr/bin/env python3
"""Makes tests/data/new-rows/head.safetensors: rxnmapper's head with ten new rows by each of four recipes.

    python3 analyses/new_rows.py

Rows 591-600 are drawn as `resize_token_embeddings` of the Python package transformers draws them by default: normal, with the
mean of all old rows and their covariance times 1e-9; likewise the biases. Rows 601-610 are that mean itself, with the mean bias.
Rows 611-620 are drawn from N(0, 0.02), with bias 0. Rows 621-630 are means of three old rows each, as if the new token had been
split into them, with the mean of their biases. The seed is fixed.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parent.parent
EACH = 10


def main() -> None:
    old = load_file(ROOT / "tests/data/rxnmapper/head.safetensors")
    rows, bias = old["weight"].astype(np.float64), old["bias"].astype(np.float64)
    random = np.random.default_rng(21)
    mean, noise = rows.mean(axis=0), 1e-9 * np.cov(rows, rowvar=False)
    drawn = random.multivariate_normal(mean, noise, EACH, method="cholesky")
    pieces = [random.choice(len(rows), 3, replace=False) for _ in range(EACH)]
    new = [
        (drawn, random.normal(bias.mean(), 1e-9 * bias.std(), EACH)),
        (np.tile(mean, (EACH, 1)), np.full(EACH, bias.mean())),
        (random.normal(0.0, 0.02, (EACH, rows.shape[1])), np.zeros(EACH)),
        (np.array([rows[p].mean(axis=0) for p in pieces]), np.array([bias[p].mean() for p in pieces])),
    ]
    folder = ROOT / "tests/data/new-rows"
    folder.mkdir(exist_ok=True)
    save_file(
        {
            "weight": np.concatenate([rows] + [part[0] for part in new]).astype(np.float32),
            "bias": np.concatenate([bias] + [part[1] for part in new]).astype(np.float32),
        },
        folder / "head.safetensors",
    )


if __name__ == "__main__":
    main()
