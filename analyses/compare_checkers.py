#!/usr/bin/env python3
"""Do `unargmax verify` and check_certificate.py agree on each certificate of a folder?

    UNARGMAX_TAMPERED=/tmp/tampered cargo test --release --test verdicts -- --ignored write_tampered_certificates
    python3 analyses/compare_checkers.py target/release/unargmax /tmp/tampered

Each subfolder holds a head.safetensors and a certificate.safetensors; those named honest-* must be accepted and
the others, which hold one lie each, refused. Ends with status 1 where a checker is wrong.
"""

import subprocess
import sys
from pathlib import Path

PEER = Path(__file__).with_name("check_certificate.py")


def main():
    command, folder = sys.argv[1:]
    wrong = total = 0
    for case in sorted(path.parent for path in Path(folder).glob("*/certificate.safetensors")):
        files = [str(case / "head.safetensors"), str(case / "certificate.safetensors")]
        runs = [[command, "verify", *files], [sys.executable, str(PEER), *files]]
        results = [subprocess.run(run, capture_output=True, text=True, check=False) for run in runs]
        # A traceback is no refusal.
        said = ["accepted" if r.returncode == 0 else "fails" if "Traceback" in r.stderr or "panicked" in r.stderr else "refused" for r in results]
        expected = "accepted" if case.name.startswith("honest") else "refused"
        total += 1
        if said != [expected] * 2:
            wrong += 1
            print(f"{case.name}: unargmax {said[0]}, Python {said[1]}, should be {expected}")
            print("  " + "\n  ".join((results[1].stdout + results[1].stderr).splitlines()[-4:]))
    print(f"{total} certificates, {total - wrong} on which both are right")
    return 1 if wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
