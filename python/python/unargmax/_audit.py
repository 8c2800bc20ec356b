"""Output layers and their audits: which tokens can win, and the proofs. Each leads to the other, so both are here."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _unargmax
from ._arrays import ArrayLike
from ._progress import Callback, Shown
from ._table import Verdicts
from ._tokens import Measure, ids_of, measured, token_ids
from ._verification import Verification

if TYPE_CHECKING:
    import pandas
    import pyarrow

#: The verdicts, in the order of their numbers.
VERDICTS = ("argmaxable", "tied", "unargmaxable", "undecided")


class OutputLayer:
    """The output layer of a checkpoint: ``V`` rows of ``d`` numbers, the names of its tokens, and the domain of its hidden states."""

    def __init__(self, layer: _unargmax.Layer) -> None:
        self._layer = layer

    @property
    def shape(self) -> tuple[int, int]:
        """The number of tokens ``V`` and of dimensions ``d``."""
        return self._layer.shape

    @property
    def sha256(self) -> str:
        """The hash of rows and bias, by which certificates name a head."""
        return self._layer.sha256

    @property
    def weight(self) -> str:
        """The name of the tensor that holds the rows."""
        return self._layer.found[0]

    @property
    def domain(self) -> str:
        """The domain that follows from what stands before the layer (a final norm, an activation), else ``free``."""
        return self._layer.found[2]

    @property
    def reason(self) -> str:
        """Why the domain is that one."""
        return self._layer.found[3]

    def token(self, id: int) -> str:
        """The readable text of a token, or its id where it has no name."""
        return self._layer.token(id)

    def audit(
        self,
        domain: str = "auto",
        tokens: Sequence[int | str] | str | None = None,
        *,
        gain: ArrayLike | None = None,
        shift: ArrayLike | None = None,
        efforts: Measure = None,
        margins: Measure = None,
        max_probability: Measure = None,
        ranks: Measure = None,
        bias_needed: bool = False,
        move_needed: bool = False,
        threads: int = 0,
        progress: bool | Callback | None = None,
    ) -> Audit:
        """Decide for each token whether it can ever win; see :func:`unargmax.audit`.

        ``domain`` is ``auto`` by default: what the checkpoint says of the states before its output layer.
        """
        return run(
            self._layer,
            domain,
            tokens,
            (gain, shift),
            (efforts, margins, max_probability, ranks),
            (bias_needed, move_needed),
            threads,
            progress,
        )

    def __repr__(self) -> str:
        tokens, dim = self.shape
        return f"<OutputLayer {self.weight}: {tokens} tokens x {dim} dimensions, domain {self.domain}>"


def run(
    layer: _unargmax.Layer,
    domain: str,
    tokens: Sequence[int | str] | str | None,
    norm: tuple[ArrayLike | None, ArrayLike | None],
    measures: tuple[Measure, ...],
    needed: tuple[bool, bool],
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
    ids = None if tokens is None else token_ids(layer, tokens)
    asked = [measured(layer, measure) for measure in measures]
    with Shown(progress) as callback:
        found = _unargmax.audit(layer, domain, numbers, ids, asked, needed, threads, callback)
    return Audit(found)


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
    def move_needed(self) -> NDArray[np.float64]:
        """Proved bounds of the least change of the own row that a token needs, ``n x 2``; NaN where it was not measured."""
        return self._interval("move_needed")

    def moved_row(self, token: int | str) -> NDArray[np.float64] | None:
        """A row (``d``) with which the token is proved to win, whose distance from its own is the upper bound of ``move_needed``."""
        return self._audit.moved_row(self._one(token))

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
        ids = ids_of(self._audit.layer, token)
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
        ids = None if tokens is None else token_ids(self._audit.layer, tokens)
        with Shown(progress) as callback:
            accepted, outcome = self._audit.verify(ids, callback)
        return Verification(accepted, json.loads(outcome))

    def __len__(self) -> int:
        return len(self._audit.ids)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        return f"<Audit of {len(self)} tokens, domain {self.domain}: {counts}>"
