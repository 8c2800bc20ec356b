"""Long work: other threads run, progress is told, Ctrl-C ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import unargmax

#: Measures of a head that take minutes.
_LONG = """
import numpy as np, unargmax
W = np.random.default_rng(0).standard_normal((20000, 64), dtype="float32")
print("begins", flush=True)
unargmax.audit(W, ranks="all", max_probability="all", {options})
print("ended")
"""


def test_ctrl_c_ends_an_audit_as_python_ends() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _LONG.format(options="")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where these tests run in the background of a shell, the signal is ignored, and so it is in every child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "begins\n"
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (out, err.strip().splitlines()[-1]) == ("", "KeyboardInterrupt")
    assert "panic" not in err


def test_an_exception_of_the_callback_ends_an_audit_and_the_next_one_works() -> None:
    W = np.random.default_rng(0).standard_normal((20000, 64), dtype="float32")
    told: list[tuple[str, int, int, str]] = []

    def progress(stage: str, done: int, total: int, unit: str) -> None:
        told.append((stage, done, total, unit))
        if len(told) == 1:
            raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        unargmax.audit(W, ranks="all", progress=progress)
    assert len(told) == 1
    assert all(done <= total or total == 0 for _, done, total, _ in told)
    assert unargmax.audit(W[:50]).counts["undecided"] == 0


def test_other_threads_run_during_an_audit() -> None:
    W = np.random.default_rng(0).standard_normal((4000, 48), dtype="float32")
    counted, stop = 0, threading.Event()

    def count() -> None:
        nonlocal counted
        while not stop.is_set():
            counted += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    began = time.monotonic()
    unargmax.audit(W, ranks=20)
    lasted = time.monotonic() - began
    stop.set()
    thread.join()
    # A thousand a second at most; none if the lock were held.
    assert counted > 10 * lasted


def test_audits_run_in_threads_at_the_same_time() -> None:
    rng = np.random.default_rng(0)
    heads = [rng.standard_normal((300, 4)) for _ in range(8)]
    alone = [unargmax.audit(W).counts for W in heads]
    found: list[dict[str, int]] = [{} for _ in heads]

    def audit(i: int) -> None:
        found[i] = unargmax.audit(heads[i]).counts

    threads = [threading.Thread(target=audit, args=(i,)) for i in range(len(heads))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone
