"""Audits of arrays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import BUNDLED
from numpy.typing import NDArray

import unargmax
from unargmax import _arrays

LOST = ["argmaxable"] * 4 + ["unargmaxable"]


def test_verdicts_have_proofs_that_hold_in_numpy(square: NDArray[np.float32]) -> None:
    audit = unargmax.audit(square)
    assert audit.verdict.tolist() == LOST
    assert audit.ids.tolist() == [0, 1, 2, 3, 4]
    assert audit.counts == {"argmaxable": 4, "tied": 0, "unargmaxable": 1, "undecided": 0}
    for token in range(4):
        state = audit.witness(token)
        assert state is not None
        assert int(np.argmax(square.astype(float) @ state)) == token
    blockers = audit.blockers(4)
    assert blockers is not None
    mixed = sum(weight * square[rival] for rival, weight in blockers if isinstance(rival, int))
    assert np.allclose(mixed, square[4])
    assert (audit.blockers(0), audit.witness(4)) == (None, None)
    assert audit.verify()


def test_arrays_are_in_id_order_and_of_audited_tokens(square: NDArray[np.float32]) -> None:
    audit = unargmax.audit(square, tokens=[4, 1, 1])
    assert (audit.ids.tolist(), len(audit)) == ([1, 4], 2)
    assert audit.verdict.tolist() == ["argmaxable", "unargmaxable"]
    assert np.isnan(audit.margin).tolist() == [False, True]
    assert np.isnan(audit.max_probability).tolist() == [True, False]
    with pytest.raises(ValueError, match="token 2 was not audited"):
        audit.witness(2)
    with pytest.raises(ValueError, match="read-only"):
        audit.margin[0] = 1.0


def test_tokens_are_named_by_id_name_or_range(square: NDArray[np.float32]) -> None:
    names = ["a", "b", "c", "d", "1-3_or_so"]
    audit = unargmax.audit(square, vocab=names, tokens=["1-2", "1-3_or_so", 0])
    assert audit.ids.tolist() == [0, 1, 2, 4]
    assert audit.blockers("1-3_or_so") == audit.blockers(4)
    assert audit.token(4) == "1-3_or_so"
    for tokens, says in [([5], "no token 5"), (["x"], "spelled"), ([-1], "no token -1"), ([], "empty")]:
        with pytest.raises(ValueError, match=says):
            unargmax.audit(square, vocab=names, tokens=tokens)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F", "strided", "swapped"])
def test_type_and_layout_do_not_matter(square: NDArray[np.float32], dtype: str, order: str) -> None:
    W = square.astype(dtype)
    if order == "F":
        W = np.asfortranarray(W)
    elif order == "strided":
        W = np.repeat(np.repeat(W, 2, axis=0), 3, axis=1)[::2, ::3]
    elif order == "swapped":
        W = W.astype(W.dtype.newbyteorder())
    audit = unargmax.audit(W)
    assert audit.verdict.tolist() == LOST
    same = unargmax.audit(square.astype("float64" if dtype == "float64" else "float32"))
    assert audit.layer.sha256 == same.layer.sha256


def test_half_precision_of_ml_dtypes_is_widened_exactly(square: NDArray[np.float32]) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    W = (square * 1.1).astype(ml_dtypes.bfloat16)
    same = unargmax.audit(W.astype(np.float32))
    assert unargmax.audit(W).layer.sha256 == same.layer.sha256


def test_dlpack_and_array_are_taken(square: NDArray[np.float32]) -> None:
    class ByDLPack:
        def __dlpack__(self, **options: Any) -> Any:
            return square.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return square.__dlpack_device__()

    class ByArray:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return square

    for W in (ByDLPack(), ByArray(), square.tolist()):
        assert unargmax.audit(W).verdict.tolist() == LOST


@pytest.mark.parametrize("order", ["C", "strided"])
def test_dlpack_alone_is_taken_without_a_copy_where_layout_allows(
    square: NDArray[np.float32], order: str
) -> None:
    W = square if order == "C" else np.repeat(square, 2, axis=0)[::2]

    class Tensor:
        """A tensor of a library that numpy does not know, as JAX has them: DLPack and nothing else."""

        def __dlpack__(self, **options: Any) -> Any:
            return W.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return W.__dlpack_device__()

    assert not hasattr(Tensor(), "__array__")
    taken = _arrays.rows(Tensor())
    assert taken.tolist() == square.tolist()
    assert np.shares_memory(taken, W) == (order == "C")
    audit = unargmax.audit(Tensor(), b=np.zeros(5))
    assert audit.verdict.tolist() == LOST and audit.verify()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensors_of_torch_are_taken(square: NDArray[np.float32], dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    tensor = torch.nn.Parameter(torch.tensor(square * 1.1).to(getattr(torch, dtype)))
    bias = torch.zeros(5, dtype=tensor.dtype, requires_grad=True)
    audit = unargmax.audit(tensor, bias)
    same = unargmax.audit(tensor.detach().double().numpy() if dtype == "float64" else tensor.detach().float().numpy(), [0.0] * 5)
    assert audit.layer.sha256 == same.layer.sha256
    # Half of the numbers are rounded, so the last token may leave the square; the verdicts are those of the numbers.
    assert audit.verdict.tolist() == same.verdict.tolist()
    lent = _arrays.rows(tensor)
    if dtype in ("float32", "float64"):
        assert lent.ctypes.data == tensor.data_ptr()
    assert _arrays.rows(tensor.detach().t().contiguous().t()).tolist() == lent.tolist()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_tensors_of_jax_are_taken(square: NDArray[np.float32], dtype: str) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    tensor = jax.numpy.asarray(square * 1.1, dtype=dtype)
    audit = unargmax.audit(tensor, jax.numpy.zeros(5))
    same = unargmax.audit(np.asarray(tensor, dtype=np.float32), [0.0] * 5)
    assert audit.layer.sha256 == same.layer.sha256
    assert audit.verdict.tolist() == same.verdict.tolist() and audit.verify()
    assert unargmax.audit(tensor.T.T).verdict.tolist() == same.verdict.tolist()
    if dtype == "float32":
        assert _arrays.rows(tensor).ctypes.data == tensor.unsafe_buffer_pointer()


def test_what_is_no_head_is_an_error_that_says_why(square: NDArray[np.float32]) -> None:
    bad = square.copy()
    bad[3, 1] = np.nan
    for W, b, error, says in [
        (bad, None, ValueError, "row 3, column 1 is NaN"),
        (square[0], None, ValueError, r"shape \(2,\)"),
        (square, [0.0] * 4, ValueError, "bias holds 4 numbers"),
        (square.astype(np.int32), None, TypeError, "int32"),
        (square.astype(complex), None, TypeError, "complex128"),
        (square[:0], None, ValueError, "at least one token"),
        (["a"], None, TypeError, "type <U1"),
    ]:
        with pytest.raises(error, match=says):
            unargmax.audit(W, b)
    for options, says in [
        ({"domain": "box"}, "none of `free`"),
        ({"domain": "layernorm"}, "gain and the shift"),
        ({"gain": [1.0, 1.0]}, "layernorm"),
        ({"efforts": "all"}, "need a ball"),
        ({"bias_needed": True}, "with a bias"),
        ({"ranks": "some"}, "is not an id"),
        ({"vocab": list("abcdef")}, "6"),
        ({"threads": -1}, "-1 threads"),
        ({"domain": "ball:1", "efforts": [0], "tokens": [1]}, "not among|audited"),
    ]:
        with pytest.raises(ValueError, match=says):
            unargmax.audit(square, **options)  # type: ignore[arg-type]


def test_a_norm_is_given_by_its_gain_and_shift() -> None:
    W = np.random.default_rng(1).standard_normal((60, 3))
    gain, shift = [1.0, 0.5, 2.0], [0.1, -0.2, 0.3]
    audit = unargmax.audit(W, domain="layernorm", gain=gain, shift=shift, efforts="all", margins=9)
    assert audit.domain == "layernorm"
    assert audit.verify()
    won = audit.verdict == "argmaxable"
    assert 0 < won.sum() < 60
    low, high = audit.effort.T
    assert (low[won] < 1).all() and (high[~won] >= 1).all()
    assert (~np.isnan(audit.best_margin[:, 0])).sum() == 9


def test_what_is_asked_for_is_measured() -> None:
    rng = np.random.default_rng(2)
    W, b = rng.standard_normal((50, 2)), rng.standard_normal(50) * 0.1
    audit = unargmax.audit(W, b, bias_needed=True, ranks="all", max_probability=[3])
    lost = audit.verdict == "unargmaxable"
    assert lost.any()
    assert (audit.bias_needed[lost, 0] >= 0).all() and np.isnan(audit.bias_needed[~lost]).all()
    moved = unargmax.audit(W, b, move_needed=True)
    low, high = moved.move_needed.T
    assert (low[lost] <= high[lost]).all() and np.isnan(low[~lost]).all()
    token = int(np.flatnonzero(lost)[0])
    row = moved.moved_row(token)
    assert row is not None and moved.moved_row(int(np.flatnonzero(~lost)[0])) is None
    assert np.linalg.norm(row - W[token]) <= high[token] <= np.linalg.norm(row - W[token]) * 1.001
    W2 = W.copy()
    W2[token] = row
    assert unargmax.audit(W2, b, tokens=[token]).verdict[0] == "argmaxable"
    assert (audit.best_rank[~lost] == 1).all() and (audit.best_rank[lost, 0] >= 2).all()
    assert audit.to_pandas()["best_rank_low"].dtype == "Int64"


def test_the_table_is_that_of_the_command(tmp_path: Path) -> None:
    layer = unargmax.open(BUNDLED)
    audit = layer.audit()
    subprocess.run(
        [sys.executable, "-m", "unargmax", "audit", str(BUNDLED), "--out", "there", "--quiet"],
        cwd=tmp_path,
        check=True,
    )
    theirs = unargmax.read_verdicts(tmp_path / "there")
    pd.testing.assert_frame_equal(audit.to_pandas(), theirs.to_pandas())
    assert audit.to_arrow().equals(theirs.to_arrow())
    assert audit.summary["head"]["sha256"] == theirs.summary["head"]["sha256"] == layer.sha256


def test_read_verdicts_keeps_names_that_look_like_missing_values(
    square: NDArray[np.float32], tmp_path: Path
) -> None:
    names = ["NA", "", "null", 'a,"b"\n', "None"]
    unargmax.audit(square, vocab=names).save(tmp_path / "out", report=False)
    verdicts = unargmax.read_verdicts(tmp_path / "out")
    assert verdicts["piece"].tolist() == names
    assert verdicts.to_pandas()["piece"].tolist() == names
    assert verdicts.to_arrow()["piece"].to_pylist() == names
    assert verdicts["verdict"].tolist() == LOST
    assert np.isnan(verdicts["margin"][4])
    (tmp_path / "out" / "verdicts.csv").write_text("id,token\n")
    with pytest.raises(ValueError, match=r"verdicts\.csv"):
        unargmax.read_verdicts(tmp_path / "out")
    with pytest.raises(OSError, match="nowhere"):
        unargmax.read_verdicts(tmp_path / "nowhere")
