"""The table of an audit: a row for each token, with the columns of ``verdicts.csv``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _unargmax

if TYPE_CHECKING:
    import pandas
    import pyarrow

#: Columns of whole numbers that no token lacks.
_IDS = ("id",)
#: Columns of whole numbers that tokens may lack.
_RANKS = ("best_rank_low", "best_rank_high", "cluster", "frequency")
#: Columns of texts; all others are numbers.
_TEXTS = (
    "token",
    "piece",
    "kind",
    "verdict",
    "ties_with",
    "blockers",
    "proof",
    "free_verdict",
    "survives",
    "cause",
)


class Verdicts(Mapping[str, "NDArray[Any]"]):
    """The table of an audit by column: ``table["verdict"]`` is an array of ``n`` entries, one for each audited token.

    Columns are those of ``verdicts.csv`` (``docs/results.md`` describes them). Texts are strings, never missing values: a token
    may be called ``NA``. Numbers are float64 and NaN where a token has none; ``id`` is an int64.

    >>> table = unargmax.audit(W).table
    >>> len(table["id"]), table["verdict"][4]
    (5, 'unargmaxable')
    """

    def __init__(self, table: Callable[[], _unargmax.Table], summary: Callable[[], str]) -> None:
        self._make = table
        self._summary_text = summary
        self._made: _unargmax.Table | None = None
        self._columns: dict[str, NDArray[Any]] = {}

    @property
    def _table(self) -> _unargmax.Table:
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` says: counts, domain, head, times."""
        summary: dict[str, Any] = json.loads(self._summary_text())
        return summary

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._columns:
            if name in _TEXTS:
                column: NDArray[Any] = np.array(self._table.texts(name), dtype=object)
            elif name in _IDS:
                column = self._table.numbers(name).astype(np.int64)
            else:
                column = self._table.numbers(name)
            column.flags.writeable = False
            self._columns[name] = column
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.columns)

    def __len__(self) -> int:
        return len(self._table.columns)

    def __repr__(self) -> str:
        return f"<Verdicts of {len(self._table)} tokens: {', '.join(self)}>"

    def to_pandas(self) -> pandas.DataFrame:
        """Return a DataFrame with the columns of ``verdicts.csv``, by id: texts are strings, ranks are nullable integers.

        >>> frame = unargmax.audit(W).table.to_pandas()
        >>> frame.loc[4, "verdict"]
        'unargmaxable'
        """
        import pandas as pd

        def series(name: str) -> Any:
            if name in _TEXTS:
                return pd.array(self._table.texts(name), dtype="string")
            if name in _RANKS:
                return pd.array(self[name], dtype="Int64")
            return np.array(self[name])

        frame = pd.DataFrame({name: series(name) for name in self if name != "id"})
        frame.index = pd.Index(np.array(self["id"]), name="id")
        return frame

    def to_arrow(self) -> pyarrow.Table:
        """Return a table of Arrow with the columns of ``verdicts.csv``; numbers that a token lacks are null."""
        import pyarrow as pa

        def array(name: str) -> Any:
            if name in _TEXTS:
                return pa.array(self._table.texts(name), type=pa.string())
            kind = pa.int64() if name in _IDS or name in _RANKS else pa.float64()
            return pa.array(self[name], type=pa.float64(), from_pandas=True).cast(kind)

        return pa.table({name: array(name) for name in self})


def read_verdicts(folder: str | os.PathLike[str]) -> Verdicts:
    """Read the table of a folder that ``unargmax audit --out`` or :meth:`Audit.save` wrote.

    Unlike ``pandas.read_csv`` it keeps tokens that are called ``NA``, ``null`` or nothing at all. The folder is refused if its
    table and its summary do not belong together. Nothing is proved again: that is ``unargmax verify``.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     unargmax.audit(W, vocab=["NA", "null", "nan", "", "e"]).save(folder, report=False)
    ...     unargmax.read_verdicts(folder).to_pandas()["piece"].tolist()
    ['NA', 'null', 'nan', '', 'e']
    """
    table, summary = _unargmax.read_table(folder)
    return Verdicts(lambda: table, lambda: summary)
