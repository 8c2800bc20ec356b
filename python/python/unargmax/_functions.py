"""The functions of the package: an audit of an array, and the output layer of a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import _arrays, _unargmax
from ._arrays import ArrayLike
from ._audit import Audit, OutputLayer, run
from ._progress import Callback
from ._tokens import Measure


def audit(
    W: ArrayLike,  # noqa: N803 (the name in the formula)
    b: ArrayLike | None = None,
    domain: str = "free",
    tokens: Sequence[int | str] | str | None = None,
    *,
    vocab: Sequence[str] | None = None,
    gain: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    efforts: Measure = None,
    margins: Measure = None,
    max_probability: Measure = None,
    ranks: Measure = None,
    bias_needed: bool = False,
    move_needed: bool = False,
    threads: int = 0,
    copy: bool = False,
    progress: bool | Callback | None = None,
) -> Audit:
    """Decide for each token whether it can ever be the strict argmax of ``W h + b``, and prove it.

    Args:
        W: The rows, ``V x d``: an array of numpy, a tensor of torch or JAX, or anything with ``__array__`` or ``__dlpack__``, in
            float16, bfloat16, float32 or float64. Float32 and float64 in C order are not copied: **do not change the array**
            during the audit, nor afterwards as long as the result is used. (Methods that need the numbers again compare their
            hash and raise ``RuntimeError`` if they were changed.) ``copy=True`` audits a copy.
        b: The biases, ``V``, or ``None``.
        domain: Where hidden states lie: ``free``, ``range:LO:HI`` (such as ``range:0:inf`` after a ReLU), ``ball:R``, or with
            ``gain`` the output of a final norm, ``layernorm`` or ``rmsnorm``; a ball or norm with a range is ``ball:R+range:LO:HI``.
        tokens: Audit only these, by id or name, against all rivals.
        vocab: The names of the tokens, ``V`` or fewer; rows without one are padding.
        gain: The gain of the final norm, ``d``, for ``domain="layernorm"`` and ``domain="rmsnorm"``.
        shift: Its shift, ``d``; none by default.
        efforts, margins: In a ball: measure how far out tokens begin to win, and their best margins.
        max_probability: Measure the largest probability of tokens under a softmax.
        ranks: Prove how high tokens can rank.
        bias_needed: Measure by how much each lost token's own bias would have to be raised.
        move_needed: Measure how far the row of each lost or tied token would have to move; ``moved_row`` gives a row that is enough.
        threads: The number of threads; 0 means all cores. Results do not depend on it.
        progress: Whether to show progress on standard error (by default on a terminal), or a callback with
            ``(stage, done, total, unit)``. An exception of the callback ends the audit, as Ctrl-C does.

    Returns:
        The verdicts with their proofs. Other threads of Python run meanwhile.

    Raises:
        ValueError: A shape that does not fit, a number that is not finite (the message names row and column), an unknown domain.
        TypeError: Numbers of another type.

    >>> audit = unargmax.audit(W, domain="range:0:inf", vocab=["a", "b", "c", "d", "e"])
    >>> audit.counts
    {'argmaxable': 2, 'tied': 0, 'unargmaxable': 3, 'undecided': 0}
    >>> audit.witness("d").shape
    (2,)
    """
    rows = _arrays.rows(W, copy=copy)
    bias = None if b is None else _arrays.vector(b, "the bias")
    layer = _unargmax.Layer.of_array(rows, bias, None if vocab is None else list(vocab))
    measures = (efforts, margins, max_probability, ranks)
    return run(layer, domain, tokens, (gain, shift), measures, (bias_needed, move_needed), threads, progress)


def open(
    path: str | os.PathLike[str],
    *,
    weight: str | None = None,
    bias: str | None = None,
    transpose: bool = False,
    vocab: str | os.PathLike[str] | None = None,
    padding_ok: bool = False,
) -> OutputLayer:
    """Open a checkpoint and find its output layer.

    ``path`` is a file (safetensors, GGUF, ONNX, PyTorch, NumPy, CTranslate2), a folder of Hugging Face, or the name of a model in
    its cache. Nothing is downloaded, and no code in a pickle is run. The options are those of the command: ``weight`` and ``bias``
    name tensors (``bias="none"`` takes none), ``transpose`` is for a weight stored ``d x V``, ``vocab`` is a file of token names
    or ``"none"``, ``padding_ok`` believes a vocabulary that leaves more than a tenth of the rows without a token.

    Raises ``ValueError`` where the layer is not certain (the message lists the candidates), ``OSError`` where a file cannot be read.
    """
    return OutputLayer(_unargmax.Layer.open(path, weight, bias, transpose, vocab, padding_ok))
