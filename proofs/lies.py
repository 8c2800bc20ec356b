#!/usr/bin/env python3
"""Plants one lie at a time in small exports, in each part of the file; the proved checker must refuse each.

    python3 proofs/lies.py target/proofs/check

Ends with status 1 if an honest export is refused or a lie is accepted.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

# Nine tokens in a square. 0 and 5 are tied, 4 lies between 0, 1 and 2, 6 is below 1, 8 needs the ends of the square, 7 has no verdict.
SQUARE = """unargmax exact certificate 1
head 0 f64 biased
tokens 9 dim 2 unit 1
row 0 4 0
row 0 0 4
row 0 -4 0
row 0 0 -4
row 0 1 1
row 0 4 0
row -1 0 4
row 0 1 -1
row -40 0 0
audits 1
audit unit 1
lower 2 -8 -8
upper 2 8 8
norm none
somewhere 1 0 0
scope all
records 8
leads 2 0 5 1 1 0
leads 1 1 2 0 1
leads 1 2 1 -1 0
leads 1 3 1 0 -1
loses 4 3 0 2 1 1 2 1 0
loses 6 1 1 1 0
loses 8 1 0 1 0
open 7
"""

# Six tokens behind a LayerNorm, where h_0 >= -1 besides. 0 and 4 are tied, 3 loses by the norm, 5 by the end of the box.
BALL = """unargmax exact certificate 1
head 0 f64 biased
tokens 6 dim 3 unit 1
row 0 3 0 0
row 0 0 3 0
row 0 0 0 3
row -4 1 1 2
row -1 5 2 1
row -1 2 0 0
audits 1
audit unit 1
lower 3 -1 - -
upper 3 - - -
norm centred 3 1
gain 1 1 2
shift 0 0 1
somewhere 1 0 0 0
scope 6 0 1 2 3 4 5
records 5
leads 2 0 4 1 1 0 -1
leads 1 1 1 0 1 -1
leads 1 2 1 0 0 0
loses 3 3 0 1 1 1 2 1 0
loses 5 1 0 1 3 -1 0 0
"""

# What is wrong, and the change.
IN_SQUARE = [
    ("another version", "certificate 1", "certificate 2"),
    ("a row too few", "tokens 9", "tokens 10"),
    ("a row too many", "tokens 9", "tokens 8"),
    ("a number too few in a row", "row 0 1 1\n", "row 0 1\n"),
    ("a unit of 0", "dim 2 unit 1", "dim 2 unit 0"),
    ("a unit below 0", "audit unit 1", "audit unit -1"),
    ("no coordinate", "dim 2", "dim 0"),
    ("a number in hexadecimal", "row 0 1 1\n", "row 0x0 1 1\n"),
    ("a number with a sign too many", "row 0 1 1\n", "row 0 --1 1\n"),
    ("a fraction", "row 0 1 1\n", "row 0 1.5 1\n"),
    ("a row outside its rivals", "row 0 1 1\n", "row 0 1 4\n"),
    ("a bias above what the rivals reach", "row 0 1 1\n", "row 1 1 1\n"),
    ("a rival with more than the winner", "row 0 1 -1\n", "row 9 1 -1\n"),
    ("a winner that another ties with", "row 0 1 -1\n", "row 0 0 4\n"),
    ("a tie of different rows", "row 0 4 0\nrow -1", "row 0 4 1\nrow -1"),
    ("a tie of different biases", "row 0 4 0\nrow -1", "row -1 4 0\nrow -1"),
    ("dominated by an equal", "row -1 0 4", "row 0 0 4"),
    ("dominated by a lower one", "row -1 0 4", "row 1 0 4"),
    ("no audit", "audits 1", "audits 0"),
    ("an audit too many", "audits 1", "audits 2"),
    ("a lower end too far", "lower 2 -8 -8", "lower 2 -11 -8"),
    ("no lower end", "lower 2 -8 -8", "lower 2 - -8"),
    ("ends that cross", "lower 2 -8 -8", "lower 2 9 -8"),
    ("a point of the domain outside", "somewhere 1 0 0", "somewhere 1 0 9"),
    ("a point of the domain over 0", "somewhere 1 0 0", "somewhere 0 0 0"),
    ("a token of the scope without a verdict", "open 7\n", ""),
    ("the same, with the count", "records 8", "records 7"),
    ("a token with two verdicts", "open 7", "open 4"),
    ("a token beyond the head", "open 7", "open 9"),
    ("a token below 0", "open 7", "open -7"),
    ("a verdict outside the scope", "scope all", "scope 8 0 1 2 3 4 5 6 7"),
    ("a scope that does not rise", "scope all", "scope 9 1 0 2 3 4 5 6 7 8"),
    ("a scope beyond the head", "scope all", "scope 10 0 1 2 3 4 5 6 7 8 9"),
    ("a point that ties", "leads 1 1 2 0 1", "leads 1 1 2 1 1"),
    ("a point that loses", "leads 1 2 1 -1 0", "leads 1 2 1 1 0"),
    ("a point outside the box", "leads 1 3 1 0 -1", "leads 1 3 1 0 -9"),
    ("a point over 0", "leads 1 3 1 0 -1", "leads 1 3 0 0 -1"),
    ("a point over less than 0", "leads 1 3 1 0 -1", "leads 1 3 -1 0 -1"),
    ("a tied token that wins alone", "leads 2 0 5 1 1 0", "leads 1 0 1 1 0"),
    ("a tie out of order", "leads 2 0 5 1", "leads 2 5 0 1"),
    ("a tie with itself", "leads 2 0 5 1", "leads 2 0 0 1"),
    ("a tie with a stranger", "leads 2 0 5 1", "leads 3 0 1 5 1"),
    ("a tie of nobody", "records 8\n", "records 9\nleads 0 1 1 0\n"),
    ("a missing rival", "loses 4 3 0 2 1 1 2 1 0", "loses 4 2 0 2 1 1 0"),
    ("a weight off by one", "loses 4 3 0 2 1 1 2 1 0", "loses 4 3 0 2 1 1 2 2 0"),
    ("a negative weight", "loses 6 1 1 1 0", "loses 6 2 1 2 1 -1 0"),
    ("a weight of 0", "loses 6 1 1 1 0", "loses 6 2 1 1 0 0 0"),
    ("no weights", "loses 6 1 1 1 0", "loses 6 0 0"),
    ("a rival that is the token", "loses 6 1 1 1 0", "loses 6 1 6 1 0"),
    ("a rival beyond the head", "loses 6 1 1 1 0", "loses 6 1 9 1 0"),
    ("a bias above what the ends allow", "row -40 0 0", "row -31 0 0"),
    ("a winner said to lose", "leads 1 1 2 0 1", "loses 1 1 6 1 0"),
    ("a tied token said to lose", "leads 2 0 5 1 1 0", "loses 0 1 5 1 0\nloses 5 1 0 1 0"),
    ("another kind of record", "open 7", "close 7"),
    ("a word behind the end", "open 7\n", "open 7\n0\n"),
    ("an end in the middle", "open 7\n", "open"),
]
IN_BALL = [
    ("a bias above what outweighs it", "row -4 1 1 2", "row -3 1 1 2"),
    ("a row beyond what outweighs it", "row -4 1 1 2", "row -4 1 1 3"),
    ("a radius too large", "norm centred 3 1", "norm centred 4 1"),
    ("a negative radius", "norm centred 3 1", "norm centred -3 1"),
    ("a norm that subtracts no mean", "norm centred 3 1", "norm plain 3 1"),
    ("no norm", "norm centred 3 1\ngain 1 1 2\nshift 0 0 1", "norm none"),
    ("another norm", "norm centred 3 1", "norm centered 3 1"),
    ("another gain", "gain 1 1 2", "gain 1 2 2"),
    ("a gain of 0", "gain 1 1 2", "gain 0 1 2"),
    ("another shift", "shift 0 0 1", "shift 0 0 2"),
    ("a shift that parts the tied", "shift 0 0 1", "shift 1 0 1"),
    ("a missing shift", "shift 0 0 1", "shift 0 0"),
    ("a point on the sphere", "leads 1 1 1 0 1 -1", "leads 1 1 1 -1 1 -1"),
    ("a point outside the ball", "leads 1 1 1 0 1 -1", "leads 1 1 1 0 2 -2"),
    ("a point whose state leaves the box", "leads 1 1 1 0 1 -1", "leads 1 1 10 -11 11 0"),
    ("a point of the domain on the sphere", "somewhere 1 0 0 0", "somewhere 1 1 1 1"),
    ("an end too far", "lower 3 -1 - -", "lower 3 -2 - -"),
    ("an end that is not there", "lower 3 -1 - -", "lower 3 - - -"),
    ("the other end", "3 -1 0 0\n", "3 1 0 0\n"),
    ("no use of the end", "loses 5 1 0 1 3 -1 0 0", "loses 5 1 0 1 0"),
    ("too many ends", "loses 5 1 0 1 3 -1 0 0", "loses 5 1 0 1 4 -1 0 0 0"),
    ("a rival too few", "loses 3 3 0 1 1 1 2 1 0", "loses 3 2 0 1 1 1 0"),
    ("a rival with its own row", "loses 3 3 0 1 1 1 2 1 0", "loses 3 4 0 1 1 1 2 1 3 1 0"),
    ("a tied token outweighed by its equal", "leads 2 0 4 1 1 0 -1", "loses 0 1 4 1 0\nloses 4 1 0 1 0"),
]


def accepted(checker, path, text):
    """Whether the checker accepts a file with this text."""
    path.write_text(text)
    run = subprocess.run([checker, path], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        sys.exit(f"the checker fails: {run.stdout}{run.stderr}")
    return run.returncode == 0


def main():
    (checker,) = sys.argv[1:]
    checker = str(Path(checker).resolve())
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exact"
        for honest, lies in ((SQUARE, IN_SQUARE), (BALL, IN_BALL)):
            if not accepted(checker, path, honest):
                sys.exit("an honest export is refused")
            for what, old, new in lies:
                if honest.count(old) != 1:
                    sys.exit(f"{what}: {old!r} occurs {honest.count(old)} times")
                text = honest.replace(old, new)
                # Two records in the place of one.
                more = new.count("\n") - old.count("\n")
                if more == 1 and old.startswith("leads"):
                    count = 8 if honest is SQUARE else 5
                    text = text.replace(f"records {count}", f"records {count + 1}")
                if accepted(checker, path, text):
                    wrong += 1
                    print(f"ACCEPTED  {what}")
    print(f"{len(IN_SQUARE) + len(IN_BALL) - wrong} of {len(IN_SQUARE) + len(IN_BALL)} lies are refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
