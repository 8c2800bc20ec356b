"""Makes a head whose tokens would break a careless page: python3 tests/browser/hostile_head.py DIR

writes DIR/head.npy; the tokens are in hostile.json. Ten tokens stand on a circle, two lie inside it.
"""

import json
import math
import pathlib
import struct
import sys


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    tokens = len(json.loads((pathlib.Path(__file__).parent / "hostile.json").read_text(encoding="utf-8")))
    # The two that look most like markup lose, so that they are on cards and in pictures.
    angles = [2 * math.pi * i / (tokens - 2) for i in range(tokens - 2)]
    rows = [(0.25, 0.125), (-0.125, 0.25)] + [(math.cos(a), math.sin(a)) for a in angles]
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({tokens}, 2), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(out / "head.npy", "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        for row in rows:
            file.write(struct.pack("<2f", *row))


if __name__ == "__main__":
    main()
