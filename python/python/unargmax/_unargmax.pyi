"""The binary part of the package; private."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

__version__: str

_Progress = Callable[[str, int, int, str], object]

def command(arguments: Sequence[str]) -> int: ...
def audit(
    layer: Layer,
    domain: str,
    norm: tuple[Sequence[float], Sequence[float]] | None,
    tokens: Sequence[int] | None,
    measures: Sequence[str | Sequence[int] | None],
    bias_needed: bool,
    threads: int,
    progress: _Progress | None,
) -> Audit: ...
def read_table(folder: str | PathLike[str]) -> tuple[Table, str]: ...

class Table:
    def __len__(self) -> int: ...
    @property
    def columns(self) -> list[str]: ...
    def texts(self, name: str) -> list[str]: ...
    def numbers(self, name: str) -> NDArray[np.float64]: ...

class Layer:
    @staticmethod
    def of_array(
        rows: NDArray[np.float32] | NDArray[np.float64],
        bias: NDArray[np.float64] | None,
        vocab: Sequence[str] | None,
    ) -> Layer: ...
    @staticmethod
    def open(
        path: str | PathLike[str],
        weight: str | None,
        bias: str | None,
        transpose: bool,
        vocab: str | PathLike[str] | None,
        padding_ok: bool,
    ) -> Layer: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def sha256(self) -> str: ...
    @property
    def found(self) -> tuple[str, str, str, str]: ...
    def token(self, id: int) -> str: ...
    def ids(self, text: str) -> list[int]: ...

class Audit:
    @property
    def layer(self) -> Layer: ...
    @property
    def domain(self) -> tuple[str, str]: ...
    @property
    def ids(self) -> NDArray[np.uint32]: ...
    @property
    def codes(self) -> NDArray[np.uint8]: ...
    @property
    def seconds(self) -> dict[str, float]: ...
    def blockers(self, token: int) -> list[tuple[int | str, float]] | None: ...
    def witnesses(self, tokens: Sequence[int]) -> list[NDArray[np.float64] | None]: ...
    def table(self) -> Table: ...
    def summary(self) -> str: ...
    def save(
        self,
        folder: str | PathLike[str],
        force: bool,
        page: bool,
        pictures: bool,
        progress: _Progress | None,
    ) -> None: ...
    def verify(
        self, tokens: Sequence[int] | None, progress: _Progress | None
    ) -> tuple[bool, str]: ...
