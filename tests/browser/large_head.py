"""Makes a head of 262144 tokens with real strings: the size of the largest vocabularies in use.

    python3 tests/browser/large_head.py models/smollm2/published/vocab.json ... --out DIR

writes DIR/head.npy and DIR/vocab.json. The strings are those of the given vocabularies (JSON lists, maps from token to
id, or verdicts.csv files), then the ideographs and syllables of Unicode, then pairs of given strings. The rows are
random of length one, so that the audit is short, with some copied (they tie) and some shortened (they lose).
"""

import argparse
import csv
import json
import pathlib
import random
import struct

TOKENS, DIM = 262144, 24


def strings(path):
    if path.suffix == ".csv":
        with open(path, newline="", encoding="utf-8") as file:
            return [row["token"] for row in csv.DictReader(file)]
    content = json.loads(path.read_text(encoding="utf-8"))
    return sorted(content, key=content.get) if isinstance(content, dict) else content


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vocabularies", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    rng = random.Random(1)
    given = [text for path in arguments.vocabularies for text in strings(path) if text]
    tokens = dict.fromkeys(["</script><script>document.title='broken'</script>", "<img src=x onerror=alert(1)>", "\u0301"])
    tokens |= dict.fromkeys(given)
    tokens |= dict.fromkeys(chr(code) for block in ((0x4E00, 0xA000), (0xAC00, 0xD7A4)) for code in range(*block))
    while len(tokens) < TOKENS:
        tokens[rng.choice(given) + rng.choice(given)] = None
    tokens = list(tokens)[:TOKENS]

    def row():
        entries = [rng.gauss(0, 1) for _ in range(DIM)]
        length = sum(x * x for x in entries) ** 0.5
        return [x / length for x in entries]

    rows = [row() for _ in range(TOKENS)]
    for _ in range(300):
        rows[rng.randrange(TOKENS)] = rows[rng.randrange(TOKENS)]
    for _ in range(300):
        near, share = rng.randrange(TOKENS), rng.uniform(0.05, 0.4)
        rows[rng.randrange(TOKENS)] = [share * x for x in rows[near]]

    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "vocab.json").write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({TOKENS}, {DIM}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(arguments.out / "head.npy", "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        for row in rows:
            file.write(struct.pack(f"<{DIM}f", *row))


if __name__ == "__main__":
    main()
