#!/usr/bin/env python3
"""Times the float32 product W W^T (V x V x d) by numpy: product.py V d. Prints a line of JSON.

Scores of all rows against a slab of rows at a time, into one buffer of at most 1 GiB. The slab is a copy, so that numpy
calls the general product and not the symmetric one, which is half the work. Where the whole product takes long, some slabs
stand for all.
"""

import json
import sys
import time

import numpy as np

BUFFER = 1 << 28  # numbers
LONG = 20.0  # seconds for the whole product
ENOUGH = 8.0  # seconds of measuring


def kernel():
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown kernel (threadpoolctl is absent)", 0
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    names = {f"{b['internal_api']} {b['version']}, {b.get('architecture', 'unknown')} kernels" for b in blas}
    return "; ".join(sorted(names)) or "unknown", max((b["num_threads"] for b in blas), default=0)


def main():
    tokens, dim = int(sys.argv[1]), int(sys.argv[2])
    rows = np.random.default_rng(1).standard_normal((tokens, dim), dtype=np.float32)
    height = max(1, min(tokens, BUFFER // tokens))
    scores = np.empty((height, tokens), dtype=np.float32)

    def slab(start):
        part = rows[start : start + height].copy()
        started = time.perf_counter()
        np.matmul(part, rows.T, out=scores[: len(part)])
        return time.perf_counter() - started

    starts = range(0, tokens, height)
    slab(0)  # threads and pages
    share = height / tokens
    whole = slab(0) / share <= LONG or len(starts) == 1
    seconds, began = [], time.perf_counter()
    while len(seconds) < 3 or (len(seconds) < 51 and time.perf_counter() - began < ENOUGH):
        seconds.append(sum(map(slab, starts)) if whole else slab(0) / share)
    name, threads = kernel()
    print(json.dumps({"by": f"numpy {np.__version__}, {name}", "threads": threads, "seconds": seconds, "whole": whole}))


main()
