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


#: Audits one token of a head of 256 MiB, and prints by how many MiB the peak of memory grew.
_PEAK = """
import resource, sys
import numpy as np, unargmax
rng = np.random.default_rng(0)
unargmax.audit(rng.standard_normal((100, 2)))
W = np.empty((131072, 512), dtype="float32")
for part in np.split(W, 128):
    part[:] = rng.standard_normal(part.shape, dtype="float32")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
layer = unargmax.audit(W, tokens=[0], domain="range:1:1", copy=sys.argv[1] == "copy")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss differs")
def test_peak_memory_has_no_second_copy_of_the_rows() -> None:
    def grown(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, how], check=True, capture_output=True, text=True
        )
        return int(done.stdout)

    as_it_is, copied = grown("as it is"), grown("copy")
    assert copied - as_it_is > 200, (as_it_is, copied)


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
