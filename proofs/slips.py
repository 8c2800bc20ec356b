#!/usr/bin/env python3
"""Plants one slip at a time in the checker and shows that the proofs then fail.

    python3 proofs/slips.py

Needs coqc. Each slip keeps the checker well-typed, so that what fails is a proof. Ends with status 1 if the proofs of a wrong checker
pass.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FILES = ["Head", "Sums", "Vectors", "Points", "Weights", "Ball", "Equals", "Records", "Certificate"]

# What is wrong, the file, and the change.
SLIPS = [
    ("a winner need only tie", "Records", "(tally r h <? own)", "(tally r h <=? own)"),
    ("a rival with its own row and level counts", "Records", "differ H D t (fst jn)) weights", "true) weights"),
    ("a weight of 0 counts", "Records", "(0 <? snd jn)", "(0 <=? snd jn)"),
    ("a rival that does not exist counts", "Records", "Nat.ltb (fst jn) (tokens H) && (0", "true && (0"),
    ("the members of a tie are not compared", "Records", "&& forallb (same H D t) others\n", "&& true\n"),
    ("a token may be tied with itself", "Records", "&& increasing members\n", "&& true\n"),
    ("the point of a winner may lie outside", "Records", "&& inside (dim H) D p\n", "&& true\n"),
    ("a point may lie on the sphere of the ball", "Points", "(unit * unit) <? fst", "(unit * unit) <=? fst"),
    ("a denominator may be negative", "Points", "(0 <? over p)\n", "negb (over p =? 0)\n"),
    ("upper ends are not checked", "Points", "\n  && not_above (upper D) (coordinates h) (over h) unit.", "\n  && true."),
    ("the mean is not subtracted", "Points", "if centred N then total (coordinates p) else 0", "0"),
    ("the wrong end of the box bounds", "Weights", "if x <? 0 then nth 0 lo None else nth 0 hi None", "if x <? 0 then nth 0 hi None else nth 0 lo None"),
    ("a missing end counts as 0", "Weights", "| None => None\n               | Some e", "| None => Some rest\n               | Some e"),
    ("biases are forgotten", "Weights", "m + unit * b <=? 0", "m <=? 0"),
    ("the sign of F is not checked", "Weights", "&& (f <=? 0)\n", "&& true\n"),
    ("the radius is forgotten", "Weights", "fst (radius N) * snd (radius N) * spread", "spread"),
    ("the square of the mean is added", "Weights", "dot y y - if", "dot y y + if"),
    ("the shift is forgotten", "Weights", "m + dot v (shift N) + unit * b", "m + unit * b"),
    ("a token may have two verdicts", "Certificate", "\n  && increasing (scope H A)", "\n  && true"),
    ("a token may have none", "Certificate", "\n  && same_ids (sort (map fst (verdicts A))) (scope H A)", "\n  && true"),
    ("the domain may be empty", "Certificate", "inside (dim H) (over_domain A) (somewhere A)\n  && ", "true\n  && "),
    ("the audits are not all checked", "Certificate", "forallb (accepted_audit H) audits\n", "existsb (accepted_audit H) audits\n"),
    ("rows may be too long", "Certificate", "Nat.eqb (length (fst r)) (dim H)", "Nat.leb (dim H) (length (fst r))"),
]


def compiled(folder, files):
    """Compiles files in order; what coqc says about the first that fails."""
    for name in files:
        run = subprocess.run(["coqc", "-q", "-Q", ".", "Unargmax", f"{name}.v"], cwd=folder, capture_output=True, text=True, check=False)
        if run.returncode:
            return run.stdout + run.stderr
    return None


def in_proof(text, line):
    """Whether this line lies within a proof."""
    before = "\n".join(text.splitlines()[: line - 1])
    return before.count("Proof.") > before.count("Qed.") or "Proof." in text.splitlines()[line - 1]


def main():
    passed = 0
    with tempfile.TemporaryDirectory() as honest:
        for name in FILES:
            shutil.copy(HERE / f"{name}.v", honest)
        fault = compiled(honest, FILES)
        if fault:
            sys.exit(f"the honest files do not compile:\n{fault}")
        for what, name, old, new in SLIPS:
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(honest, folder, dirs_exist_ok=True)
                path = Path(folder) / f"{name}.v"
                text = path.read_text()
                if text.count(old) != 1:
                    sys.exit(f"{what}: {old!r} occurs {text.count(old)} times in {name}.v")
                path.write_text(text.replace(old, new))
                fault = compiled(folder, FILES[FILES.index(name) :])
                where = fault and re.search(r'File "\./(\w+)\.v", line (\d+)', fault)
                if where and in_proof((Path(folder) / f"{where[1]}.v").read_text(), int(where[2])):
                    print(f"caught      {what}: {where[1]}.v, line {where[2]}", flush=True)
                else:
                    passed += 1
                    print(f"NOT CAUGHT  {what}: {fault or 'all proofs pass'}", flush=True)
    print(f"{len(SLIPS) - passed} of {len(SLIPS)} slips make a proof fail")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
