#!/usr/bin/env bash
# Checks the proofs, extracts the checker and compiles it: proofs/build.sh [FOLDER], by default target/proofs. The checker is FOLDER/check.
# It needs coqc, ocamlopt and Zarith: apt-get install coq libzarith-ocaml-dev ocaml-nox
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here/../target/proofs}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here"
cp ./*.v big.ml check.ml assumptions.txt "$out"
cd "$out"
for file in Head Sums Vectors Points Weights Ball Equals Records Certificate Extract; do
    coqc -q -Q . Unargmax "$file.v"
done
# No axiom but those of the real numbers, and nothing admitted.
coqc -q -Q . Unargmax Assumptions.v > assumptions.found
diff assumptions.txt assumptions.found
ocamlopt -I +zarith -c big.ml
# Warnings about generated code are no concern of ours.
ocamlopt -I +zarith -w -a -inline 100 -c checker.mli checker.ml
ocamlopt -I +zarith -w +a-4-9-40-41-42-44-45-70 zarith.cmxa big.cmx checker.cmx check.ml -o check
echo "proofs checked; the checker is $(pwd)/check"
