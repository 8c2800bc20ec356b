"""Audits: which tokens can win, and the proofs."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _unargmax
from ._arrays import ArrayLike
from ._layer import OutputLayer
from ._progress import Callback, Shown
from ._table import Verdicts

if TYPE_CHECKING:
    import pandas
    import pyarrow

#: The verdicts, in the order of their numbers.
VERDICTS = ("argmaxable", "tied", "unargmaxable", "undecided")

#: The tokens to measure: ``"all"``, the size of a sample (drawn by a fixed seed), or ids and names.
Measure: TypeAlias = "str | int | Sequence[int | str] | None"


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
    return run(layer, domain, tokens, (gain, shift), measures, bias_needed, threads, progress)


def run(
    layer: _unargmax.Layer,
    domain: str,
    tokens: Sequence[int | str] | str | None,
    norm: tuple[ArrayLike | None, ArrayLike | None],
    measures: tuple[Measure, ...],
    bias_needed: bool,
    threads: int,
    progress: bool | Callback | None,
) -> Audit:
    """Audit a layer."""
    gain, shift = norm
    if gain is None and shift is not None:
        raise ValueError("a shift without a gain: give both, or ones as the gain")
    numbers = None
    if gain is not None:
        if "norm" not in domain:
            raise ValueError(f'a gain is for domain="layernorm" or "rmsnorm", not {domain!r}')
        scale = _arrays.vector(gain, "the gain")
        moved = np.zeros_like(scale) if shift is None else _arrays.vector(shift, "the shift")
        numbers = (scale.tolist(), moved.tolist())
    if threads < 0:
        raise ValueError(f"{threads} threads: give 0 for all cores, or a number above 0")
    ids = None if tokens is None else _ids(layer, tokens)
    asked = [_measure(layer, measure) for measure in measures]
    with Shown(progress) as callback:
        found = layer.audit(domain, numbers, ids, asked, bias_needed, threads, callback)
    return Audit(found)


def _measure(layer: _unargmax.Layer, measure: Measure) -> str | list[int] | None:
    if measure is None or measure == "all":
        return measure
    if isinstance(measure, bool):
        raise TypeError('what to measure is "all", a number of tokens, or a list of tokens')
    return str(measure) if isinstance(measure, int) else _ids(layer, measure)


def _ids(layer: _unargmax.Layer, tokens: Sequence[int | str] | str) -> list[int]:
    """The ids of tokens."""
    listed = [tokens] if isinstance(tokens, str) else list(tokens)
    if not listed:
        raise ValueError("the list of tokens is empty")
    return [id for token in listed for id in _id(layer, token)]


def _id(layer: _unargmax.Layer, token: int | str) -> list[int]:
    """The ids of a token or, for a string of that form, of a range of tokens."""
    if isinstance(token, str):
        return layer.ids(token)
    id, count = int(token), layer.shape[0]
    if not 0 <= id < count:
        raise ValueError(f"there is no token {id}: the head has {count} tokens, from 0")
    return [id]


class Verification:
    """The outcome of :meth:`Audit.verify`; true if every verdict was accepted."""

    def __init__(self, accepted: bool, outcome: dict[str, Any]) -> None:
        self.accepted = accepted
        #: What ``unargmax verify --json`` prints: the refusals, and how many verdicts of each kind were accepted.
        self.outcome = outcome

    def __bool__(self) -> bool:
        return self.accepted

    def __repr__(self) -> str:
        return f"<Verification: {'accepted' if self.accepted else 'REFUSED'}>"


class Audit:
    """The verdicts of one output layer over one domain, for ``n`` audited tokens.

    Arrays have an entry for each audited token, by rising id. They are made when they are first asked for.
    """

    def __init__(self, audit: _unargmax.Audit) -> None:
        self._audit = audit
        self._verdict: NDArray[np.str_] | None = None
        #: The columns of ``verdicts.csv``.
        self.table = Verdicts(audit.table, audit.summary)

    @property
    def layer(self) -> OutputLayer:
        """The audited output layer."""
        return OutputLayer(self._audit.layer)

    @property
    def domain(self) -> str:
        """The domain of hidden states."""
        return self._audit.domain[0]

    @property
    def ids(self) -> NDArray[np.uint32]:
        """The ids of the audited tokens, ``n``, rising."""
        return self._audit.ids

    @property
    def verdict(self) -> NDArray[np.str_]:
        """The verdicts, ``n`` strings: ``argmaxable``, ``tied``, ``unargmaxable`` or ``undecided``."""
        if self._verdict is None:
            self._verdict = np.array(VERDICTS)[self._audit.codes]
            self._verdict.flags.writeable = False
        return self._verdict

    @property
    def counts(self) -> dict[str, int]:
        """The number of audited tokens with each verdict, padding included."""
        counts = np.bincount(self._audit.codes, minlength=len(VERDICTS))
        return {name: int(count) for name, count in zip(VERDICTS, counts, strict=True)}

    @property
    def row_norm(self) -> NDArray[np.float64]:
        """The Euclidean lengths of the rows, ``n``."""
        return self.table["row_norm"]

    @property
    def margin(self) -> NDArray[np.float64]:
        """The proved lead at the witness in logits, ``n``; NaN for tokens that cannot win."""
        return self.table["margin"]

    @property
    def witness_norm(self) -> NDArray[np.float64]:
        """The lengths of the witnesses, ``n``; NaN for tokens that cannot win."""
        return self.table["witness_norm"]

    @property
    def max_probability(self) -> NDArray[np.float64]:
        """Proved upper bounds of the probability under a softmax, ``n``: of lost and tied tokens, and of measured ones; else NaN."""
        return self.table["max_probability"]

    @property
    def effort(self) -> NDArray[np.float64]:
        """Proved bounds of the effort as a share of the ball's radius, ``n x 2`` (low, high); NaN where it was not measured."""
        return self._interval("effort")

    @property
    def best_margin(self) -> NDArray[np.float64]:
        """Proved bounds of the best margin in logits, ``n x 2``; NaN where it was not measured."""
        return self._interval("margin")

    @property
    def bias_needed(self) -> NDArray[np.float64]:
        """Proved bounds of the raise of the own bias that a token needs, in logits, ``n x 2``; NaN where it was not measured."""
        return self._interval("bias_needed")

    @property
    def best_rank(self) -> NDArray[np.float64]:
        """Proved bounds of the best rank, ``n x 2``; NaN where it was not measured."""
        return self._interval("best_rank")

    def _interval(self, name: str) -> NDArray[np.float64]:
        return np.column_stack([self.table[f"{name}_low"], self.table[f"{name}_high"]])

    @property
    def seconds(self) -> dict[str, float]:
        """The wall time of each stage, in seconds."""
        return self._audit.seconds

    @property
    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` says."""
        return self.table.summary

    def token(self, id: int) -> str:
        """The readable text of a token, or its id where it has no name."""
        return self._audit.layer.token(id)

    def witness(self, token: int | str) -> NDArray[np.float64] | None:
        """A hidden state (``d``) at which a token wins; ``None`` for a token that cannot win or is undecided."""
        return self._audit.witnesses([self._one(token)])[0]

    def witnesses(self, tokens: Sequence[int | str]) -> list[NDArray[np.float64] | None]:
        """Hidden states (``d`` each) at which tokens win; faster than one after the other."""
        return self._audit.witnesses([self._one(token) for token in tokens])

    def blockers(self, token: int | str) -> list[tuple[int | str, float]] | None:
        """What blocks a token that can never win: rivals with weights that sum to one, and ends of the domain.

        A rival is the id of a token; ``lo[3]`` and ``hi[3]`` are the ends of the range of coordinate 3. ``None`` for other tokens.
        """
        return self._audit.blockers(self._one(token))

    def _one(self, token: int | str) -> int:
        ids = _id(self._audit.layer, token)
        if len(ids) != 1:
            raise ValueError(f"{token!r} names {len(ids)} tokens, not one")
        return ids[0]

    def to_pandas(self) -> pandas.DataFrame:
        """Return a DataFrame with the columns of ``verdicts.csv``, by id."""
        return self.table.to_pandas()

    def to_arrow(self) -> pyarrow.Table:
        """Return a table of Arrow with the columns of ``verdicts.csv``."""
        return self.table.to_arrow()

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        report: bool = True,
        svg: bool = False,
        force: bool = False,
        progress: bool | Callback | None = False,
    ) -> None:
        """Write the files of ``unargmax audit --out``: table, certificate, summary and report, all or none.

        ``svg`` also writes each picture of the report, ``report=False`` writes none. Results of an earlier audit in the folder are
        replaced; other files of these names only with ``force``.
        """
        with Shown(progress) as callback:
            self._audit.save(folder, force, report, svg, callback)

    def verify(
        self,
        tokens: Sequence[int | str] | str | None = None,
        *,
        progress: bool | Callback | None = None,
    ) -> Verification:
        """Prove the verdicts (of these tokens) again, with code that took no part in the audit."""
        ids = None if tokens is None else _ids(self._audit.layer, tokens)
        with Shown(progress) as callback:
            accepted, outcome = self._audit.verify(ids, callback)
        return Verification(accepted, json.loads(outcome))

    def __len__(self) -> int:
        return len(self._audit.ids)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        return f"<Audit of {len(self)} tokens, domain {self.domain}: {counts}>"
