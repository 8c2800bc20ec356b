"""Compares `unargmax generate` with llama.cpp on one GGUF file: the same prompts of token ids, the same number of threads.

    cargo build --release
    pip install xllamacpp
    python3 analyses/forward_speed/llama_cpp.py models/smollm2/published/SmolLM2-135M-Instruct.Q4_1.gguf

Both programs run in turn, each time as a process of its own, and choose the most probable token each time. The table has the
shortest and the longest run. Seconds of this program are those of the whole process; those of llama.cpp are without its
start, which loads the model and runs it once (`whole process` has both). Memory is the largest that a process held.
CPU seconds are those of all threads, and say more than seconds where other programs use the machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

# Name, tokens of the prompt, tokens to generate.
CASES = [
    ("a prompt of 512 tokens, one token", 512, 1),
    ("a prompt of 8 tokens, 64 tokens", 8, 64),
    ("a prompt of 4096 tokens, one token", 4096, 1),
]


def prompt(length):
    """Returns the first token ids; the text that SmolLM2 makes of them does not end early."""
    return list(range(1, length + 1))


def llama(model, ids, tokens, threads):
    """Generates by llama.cpp in this process and prints what it took as JSON."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = len(ids) + tokens + 8
    parameters.n_parallel = 1
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    before, begun = os.times(), time.perf_counter()
    answer = server.handle_completions({
        "prompt": ids, "n_predict": tokens, "temperature": 0.0, "top_k": 1, "cache_prompt": False, "ignore_eos": True,
    })
    seconds, after = time.perf_counter() - begun, os.times()
    cpu = after.user + after.system - before.user - before.system
    print(json.dumps({"alone": seconds, "alone_cpu": cpu, "tokens": answer["usage"]["completion_tokens"]}), flush=True)


def run(command, environment):
    """Runs a command; returns its output, its seconds, its CPU seconds and its peak memory in MB."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            sys.exit(f"{command[0]} failed:\n{errors.read().decode(errors='replace')[-2000:]}")
        return out.read().decode(), seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def check(made, wanted, program):
    """Ends the comparison unless a program made as many tokens as asked."""
    if made != wanted:
        sys.exit(f"{program} made {made} tokens and not {wanted}: the comparison would not be fair")


def spread(numbers):
    """Returns the smallest and the largest number as text."""
    low, high = f"{min(numbers):.2f}", f"{max(numbers):.2f}"
    return low if low == high else f"{low} to {high}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--unargmax", default="target/release/unargmax")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cases", type=int, default=len(CASES), help="only the first so many rows")
    parser.add_argument("--llama", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.llama:
        length, tokens = map(int, arguments.llama.split(","))
        return llama(arguments.model, prompt(length), tokens, arguments.threads)

    environment = {**os.environ, "RAYON_NUM_THREADS": str(arguments.threads)}
    print(f"{arguments.model}, {arguments.threads} threads, {arguments.runs} runs of each, in turn")
    print("| | unargmax | CPU | memory | llama.cpp | CPU | whole process | memory |")
    print("|---|---|---|---|---|---|---|---|")
    for name, length, tokens in CASES[:arguments.cases]:
        ours, theirs, starts = [], [], []
        for _ in range(arguments.runs):
            ids = ",".join(map(str, prompt(length)))
            command = [arguments.unargmax, "generate", arguments.model, "--ids", ids, "--max-tokens", str(tokens), "--ignore", "all"]
            out, *measured = run(command, environment)
            ours.append(measured)
            check(len(out.replace(",", " ").split()), tokens, "unargmax")
            command = [sys.executable, __file__, arguments.model, "--threads", str(arguments.threads), "--llama", f"{length},{tokens}"]
            out, *measured = run(command, environment)
            answer = json.loads(out.strip().splitlines()[-1])
            check(answer["tokens"], tokens, "llama.cpp")
            theirs.append((answer["alone"], answer["alone_cpu"], measured[2]))
            starts.append(measured[0])
        columns = [name]
        for runs in (ours, theirs):
            columns += [f"{spread([r[0] for r in runs])} s", f"{spread([r[1] for r in runs])} s"]
            columns += [f"{spread(starts)} s"] if runs is theirs else []
            columns.append(f"{max(r[2] for r in runs):.0f} MB")
        print("| " + " | ".join(columns) + " |", flush=True)


if __name__ == "__main__":
    main()
