#!/usr/bin/env bash
# Makes anew what the program makes and the repository holds: reports/g2pm, and of that report, by node and Chromium
# ($CHROMIUM, by default /usr/bin/chromium), the pictures of README.md. Run it when a test says that one of them is old.
# $UNARGMAX is a built program, by default cargo builds it. reports/speed is no part of this: it is a measurement, which its
# own table dates.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=(cargo run --release --quiet --)
[ -z "${UNARGMAX:-}" ] || program=("$UNARGMAX")
"${program[@]}" audit --quiet --out reports/g2pm
"${program[@]}" verify reports/g2pm/certificate.safetensors
npm ci --prefix tests/browser --no-audit --no-fund
npm run --prefix tests/browser pictures
git status --short reports docs/pictures
