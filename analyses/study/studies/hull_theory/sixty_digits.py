#!/usr/bin/env python3
"""The expected vertices of a Gaussian polytope with many digits, straight along the real axis; needs mpmath.

    python3 analyses/study/studies/hull_theory/sixty_digits.py > analyses/study/studies/hull_theory/sixty_digits.csv

The study hull-theory compares its quadrature in float64, which takes another path, with these values. The formula is in its
page. Along the real axis the integrand of the internal angles oscillates, so digits cancel: each value is computed with 60 and with
80 digits, and the script fails where 15 digits differ.
"""

import math
import sys
from functools import lru_cache

from mpmath import binomial, erfc, erfi, exp, inf, mp, mpc, mpf, pi, quad, sqrt

SETTINGS = [(4, 2), (1000, 8), (10000, 2), (10000, 10), (10000, 15), (10000, 20), (10000, 30), (10000, 50)]


def external(n, j):
    """g(n - j, 1/j)"""
    def value(x):
        return (1 - erfc(x / sqrt(mpf(2 * j))) / 2) ** (n - j) * exp(-x * x / 2)
    return quad(value, [-inf] + list(range(0, 41, 2)) + [inf]) / sqrt(2 * pi)


@lru_cache(maxsize=None)
def internal(j, digits):
    """g(j - 1, -1/j): the imaginary part is odd, and the size falls like exp(-x^2 / 2j)."""
    def value(x):
        return (mpc(1, erfi(x / sqrt(mpf(2 * j)))) / 2) ** (j - 1) * exp(-x * x / 2)
    end = int(math.sqrt(2 * j * (digits + 10) * math.log(10))) + 2
    return 2 * quad(lambda x: value(x).real, list(range(0, end + 4, 4))) / sqrt(2 * pi)


def expected(n, d):
    return 2 * sum(binomial(n, j) * j * internal(j, mp.dps) * external(n, j) for j in range(d, 0, -2))


def main():
    print("n,d,expected vertices")
    for n, d in SETTINGS:
        values = []
        for digits in (60, 80):
            mp.dps = digits
            values.append(expected(n, d))
        if abs(values[0] / values[1] - 1) > mpf(10) ** -15:
            sys.exit(f"n = {n}, d = {d}: {values}")
        print(f"{n},{d},{mp.nstr(values[1], 25)}", flush=True)


if __name__ == "__main__":
    main()
