"""Arrays are not copied, live as long as what is made of them, and must not change."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest
from numpy.typing import NDArray

import unargmax
from unargmax import _arrays


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_c_ordered_arrays_are_taken_as_they_are(dtype: str) -> None:
    W = np.zeros((7, 3), dtype=dtype)
    assert _arrays.rows(W) is W
    copied = _arrays.rows(W, copy=True)
    assert not np.shares_memory(copied, W)


def test_an_array_lives_as_long_as_its_audit() -> None:
    W = np.random.default_rng(0).standard_normal((40, 2))
    there = weakref.ref(W)
    audit = unargmax.audit(W)
    first = audit.witness(int(audit.ids[audit.verdict == "argmaxable"][0]))
    del W
    gc.collect()
    assert there() is not None
    assert audit.verify()
    assert first is not None
    del audit
    gc.collect()
    assert there() is None


def test_an_array_that_was_changed_is_noticed(square: NDArray[np.float32], tmp_path: object) -> None:
    audit, kept = unargmax.audit(square), unargmax.audit(square, copy=True)
    verdicts = audit.verdict.tolist()
    square[4] = [5, 5]
    assert audit.verdict.tolist() == verdicts
    for use in (audit.verify, audit.to_pandas, lambda: audit.witness(0), lambda: audit.save(f"{tmp_path}/x")):
        with pytest.raises(RuntimeError, match="changed since its audit"):
            use()
    assert kept.verify() and kept.to_pandas()["verdict"].tolist() == verdicts


#: Prints the peak memory of the process in MiB before and after an audit of a few tokens of a large array.
_PEAK = """
import sys
import numpy as np, unargmax

def peak():
    # Unlike ru_maxrss, this does not begin with the peak of the process that started this one.
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024

W = np.empty((262144, 256), dtype="float32")
np.random.default_rng(0).standard_normal(out=W, dtype="float32")
before = peak()
audit = unargmax.audit(W, tokens=[0, 1, 262143], threads=1, copy=sys.argv[1] == "copy")
assert len(audit) == 3
print(before, peak())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from Linux")
def test_a_c_ordered_array_of_float32_is_not_copied() -> None:
    def growth(how: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, how], capture_output=True, text=True, check=True, timeout=300
        )
        before, after = map(float, done.stdout.split())
        return after - before

    lent, copied = growth("lend"), growth("copy")
    # The array has 256 MiB, and the copy is all that differs.
    assert 240 < copied - lent < 272, (lent, copied)
