#!/usr/bin/env bash
# The step of action.yml that audits. It writes the summary and the annotations of the job, and keeps the exit status of the
# audit for the last step, so that the results are uploaded first.
set -euo pipefail

bin="$RUNNER_TEMP/unargmax/bin"
out="$RUNNER_TEMP/unargmax.out" err="$RUNNER_TEMP/unargmax.err"
options=(--domain "$DOMAIN" --out "$FOLDER")
[ -z "$TOKENS" ] || options+=(--tokens "$TOKENS")
[ -z "$FAIL_ON" ] || options+=(--fail-on "$FAIL_ON")
[ -z "$BASELINE" ] || options+=(--baseline "$BASELINE")
read -r -d '' -a more <<< "$ARGS" || true
options+=(${more[@]+"${more[@]}"})

status=0
"$bin/unargmax" audit "${options[@]}" -- "$CHECKPOINT" > "$out" 2> "$err" || status=$?

# The runner takes lines that begin with `::` for commands. Tokens may look so.
fence=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$fence"
cat "$out" "$err"
echo "::$fence::"

"$bin/python" "$ACTION/action/annotate.py" "$status" "$FOLDER" "$err" "$FAIL_ON"
if [ "$status" -le 1 ]; then
    # There is none with --no-report.
    [ ! -f "$FOLDER/summary.md" ] || cat "$FOLDER/summary.md" >> "$GITHUB_STEP_SUMMARY"
else
    { echo "## unargmax: exit status $status"; echo; sed 's/^/    /' "$err"; } >> "$GITHUB_STEP_SUMMARY"
fi
echo "status=$status" >> "$GITHUB_OUTPUT"
