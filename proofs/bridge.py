#!/usr/bin/env python3
"""Recomputes the hash of the head from the rows in an export, by the rule of docs/certificate.md.

    python3 proofs/bridge.py EXPORT

Prints the hash; compare it with `head.sha256` of `unargmax inspect --json CHECKPOINT`. Ends with status 1 if the export states another one.
"""

import hashlib
import struct
import sys
from fractions import Fraction

PIECE = 1 << 20


def number(word, unit):
    """The float that an integer over the unit is; it must be one exactly."""
    if word == b"-0":
        return -0.0
    value = Fraction(int(word), unit)
    if Fraction(float(value)) != value:
        sys.exit(f"{word.decode()} over {unit} is no float64")
    return float(value)


def main():
    (path,) = sys.argv[1:]
    with open(path, "rb") as file:
        if file.readline().split() != b"unargmax exact certificate 1".split():
            sys.exit("this is no export")
        _, stated, width, biased = file.readline().split()
        _, tokens, _, dim, _, unit = file.readline().split()
        tokens, dim, unit = int(tokens), int(dim), int(unit)
        kind = {b"f32": "f", b"f64": "d"}[width]
        hashed = hashlib.sha256(b"unargmax head 1\n" + tokens.to_bytes(8, "little") + dim.to_bytes(8, "little"))
        hashed.update(bytes([struct.calcsize(kind), biased == b"biased"]))
        rows, biases = b"", b""
        for _ in range(tokens):
            word, bias, *row = file.readline().split()
            if word != b"row" or len(row) != dim:
                sys.exit("a row is missing or has another length")
            numbers = [number(x, unit) for x in row]
            packed = struct.pack(f"<{dim}{kind}", *numbers)
            if struct.unpack(f"<{dim}{kind}", packed) != tuple(numbers):
                sys.exit("a number has more bits than the width of the rows")
            rows += packed
            biases += struct.pack("<d", number(bias, unit))
            while len(rows) >= PIECE:
                hashed.update(hashlib.sha256(rows[:PIECE]).digest())
                rows = rows[PIECE:]
        if rows:
            hashed.update(hashlib.sha256(rows).digest())
        if biased == b"biased":
            hashed.update(hashlib.sha256(biases).digest())
    print(hashed.hexdigest())
    if hashed.hexdigest() != stated.decode():
        sys.exit(f"the export states {stated.decode()}")


if __name__ == "__main__":
    main()
