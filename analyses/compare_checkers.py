#!/usr/bin/env python3
"""Do the checkers agree on each certificate of a folder: `unargmax verify`, check_certificate.py, and the proved one of proofs/?

    UNARGMAX_TAMPERED=/tmp/tampered cargo test --release --test verdicts -- --ignored write_tampered_certificates
    python3 analyses/compare_checkers.py target/release/unargmax /tmp/tampered [--proved target/proofs/check]

Each subfolder holds a head.safetensors and a certificate.safetensors; those named honest-* must be accepted and
the others, which hold one lie each, refused. Ends with status 1 where a checker is wrong.

The proved checker reads what `unargmax export --exact` writes; what that refuses to write counts as refused. Two things are not
exported: certificates of kept rows and label sets, which are counted apart, and bounds (margins of undecided tokens, probabilities, best
ranks). Where the proved checker accepts what the others refuse, the lie must be in a bound: without the bounds they must accept, too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

PEER = Path(__file__).with_name("check_certificate.py")
NOT_EXPORTED = "only those about all rows of a head can be exported"
BOUNDS = ("capped.", "ceilings.", "ranks.")


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def verdict(result):
    """What a checker said. A traceback is no refusal."""
    if result.returncode == 0:
        return "accepted"
    return "fails" if "Traceback" in result.stderr or "panicked" in result.stderr else "refused"


def proved(command, checker, files, folder):
    """What the proved checker says of the export, and what was printed."""
    exact = folder / "exact"
    exact.unlink(missing_ok=True)
    result = run(command, "export", "--exact", "--quiet", *files, "--out", exact)
    if NOT_EXPORTED in result.stderr:
        return "not exported", result
    if result.returncode == 0:
        result = run(checker, exact)
        if result.returncode == 2:
            return "fails", result
    return verdict(result), result


def without_bounds(certificate, path):
    """Writes the certificate without the bounds that it claims; an infinite bound of an undecided token claims nothing."""
    content = certificate.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    about = json.loads(header.pop("__metadata__")["unargmax"])
    for audit in about["audits"]:
        if "measures" in audit:
            audit["measures"] = []
    tensors, kept = {}, b""
    for name, entry in header.items():
        field = name.partition(".")[2]
        if field.startswith(BOUNDS):
            continue
        part = data[slice(*entry["data_offsets"])]
        shape = entry["shape"]
        if field == "undecided.upper":
            part = b"\0\0\0\0\0\0\xf0\x7f" * shape[0]
        elif field == "undecided.offsets":
            part = bytes(len(part))
        elif field in ("undecided.kinds", "undecided.indices", "undecided.weights"):
            part, shape = b"", [0]
        tensors[name] = {"dtype": entry["dtype"], "shape": shape, "data_offsets": [len(kept), len(kept) + len(part)]}
        kept += part
    written = json.dumps({"__metadata__": {"unargmax": json.dumps(about)}, **tensors}).encode()
    path.write_bytes(len(written).to_bytes(8, "little") + written + kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command")
    parser.add_argument("folder")
    parser.add_argument("--proved", help="the checker that proofs/build.sh made")
    options = parser.parse_args()
    wrong = total = bounds = other_subjects = 0
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for case in sorted(path.parent for path in Path(options.folder).glob("*/certificate.safetensors")):
            files = [case / "head.safetensors", case / "certificate.safetensors"]
            results = [run(options.command, "verify", *files), run(sys.executable, PEER, *files)]
            said = dict(zip(("unargmax", "Python"), map(verdict, results)))
            expected = "accepted" if case.name.startswith("honest") else "refused"
            total += 1
            if options.proved:
                said["proved"], result = proved(options.command, options.proved, files, scratch)
                results.append(result)
                if said["proved"] == "not exported":
                    other_subjects += 1
                    del said["proved"]
                elif said["proved"] == "accepted" and expected == "refused":
                    reduced = scratch / "reduced.safetensors"
                    without_bounds(files[1], reduced)
                    if verdict(run(options.command, "verify", files[0], reduced)) == "accepted":
                        bounds += 1
                        del said["proved"]
            if set(said.values()) != {expected}:
                wrong += 1
                print(f"{case.name}: {', '.join(f'{name} {word}' for name, word in said.items())}, should be {expected}")
                print("  " + "\n  ".join((results[-1].stdout + results[-1].stderr).splitlines()[-4:]))
    print(f"{total} certificates, {total - wrong} on which {'all' if options.proved else 'both'} are right")
    if options.proved:
        print(f"the proved checker has no opinion on {other_subjects} of kept rows or label sets and {bounds} that lie about bounds alone")
    return 1 if wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
