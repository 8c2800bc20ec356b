"""Arrays of other libraries as arrays of numpy, without a copy where type and layout allow."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray


class _HasArray(Protocol):
    def __array__(self) -> NDArray[Any]: ...


class _HasDLPack(Protocol):
    def __dlpack__(self) -> Any: ...


#: What is taken as a matrix or vector: arrays of numpy, tensors of torch (on any device) and JAX, and whatever has
#: ``__array__`` or ``__dlpack__``.
ArrayLike: TypeAlias = "_HasArray | _HasDLPack | list[Any] | tuple[Any, ...]"

Matrix: TypeAlias = "NDArray[np.float32] | NDArray[np.float64]"

#: The bits of a bfloat16 are the upper half of those of a float32.
_HALF = 16


def rows(weight: ArrayLike, *, copy: bool = False) -> Matrix:
    """Return ``weight`` (``V x d``) as a C-ordered matrix of float32 or float64 with the same numbers.

    Float32 and float64 in C order are not copied unless ``copy`` is true. Half precision is widened exactly, to float32.

    >>> rows(np.ones((2, 3), dtype="float16")).dtype
    dtype('float32')
    """
    array = _plain(weight, "the weight")
    if array.ndim != 2:
        raise ValueError(f"a weight is a matrix, V x d, not an array of shape {array.shape}")
    kind = np.float64 if array.dtype.itemsize == 8 else np.float32
    matrix = np.require(array, dtype=kind, requirements=["C", "A"])
    if copy and matrix is array:
        matrix = matrix.copy()
    return cast("Matrix", matrix)


def vector(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """Return ``values`` as a vector of float64 with the same numbers; ``what`` is named in errors."""
    array = _plain(values, what)
    if array.ndim != 1:
        raise ValueError(f"{what} is a vector, not an array of shape {array.shape}")
    return np.ascontiguousarray(array, dtype=np.float64)


def _plain(values: Any, what: str) -> NDArray[Any]:
    """The numbers as an array of numpy in float16, float32 or float64."""
    if _is_torch(values):
        values = values.detach()
        if values.device.type != "cpu":
            values = values.cpu()
        if str(values.dtype) == "torch.bfloat16":
            # numpy has no bfloat16; widening is exact.
            values = values.float()
        values = values.resolve_neg()
    if isinstance(values, np.ndarray):
        array = values
    elif hasattr(values, "__array__") or not hasattr(values, "__dlpack__"):
        array = np.asarray(values)
    else:
        array = np.from_dlpack(values)
    if array.dtype.name == "bfloat16":
        bits = array.view(np.uint16).astype(np.uint32) << _HALF
        return bits.view(np.float32)
    if array.dtype.kind in "iu" and not isinstance(values, np.ndarray) and isinstance(values, (list, tuple)):
        # A list of whole numbers, written by hand.
        array = array.astype(np.float64)
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise TypeError(
            f"{what} holds numbers of type {array.dtype}: give float16, bfloat16, float32 or float64"
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array


def _is_torch(values: Any) -> bool:
    """Whether this is a tensor of torch, which need not be installed."""
    return any(base.__module__.split(".")[0] == "torch" for base in type(values).__mro__)
