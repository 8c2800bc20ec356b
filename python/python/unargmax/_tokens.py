"""The tokens that a call names: by id, by name, or as what to measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from . import _unargmax

#: The tokens to measure: ``"all"``, the size of a sample (drawn by a fixed seed), or ids and names.
Measure: TypeAlias = "str | int | Sequence[int | str] | None"


def measured(layer: _unargmax.Layer, measure: Measure) -> str | list[int] | None:
    """What to measure, as the binary part takes it: ids, or the words of the command."""
    if measure is None or measure == "all":
        return measure
    if isinstance(measure, bool):
        raise TypeError('what to measure is "all", a number of tokens, or a list of tokens')
    return str(measure) if isinstance(measure, int) else token_ids(layer, measure)


def token_ids(layer: _unargmax.Layer, tokens: Sequence[int | str] | str) -> list[int]:
    """The ids of tokens."""
    listed = [tokens] if isinstance(tokens, str) else list(tokens)
    if not listed:
        raise ValueError("the list of tokens is empty")
    return [id for token in listed for id in ids_of(layer, token)]


def ids_of(layer: _unargmax.Layer, token: int | str) -> list[int]:
    """The ids of a token or, for a string of that form, of a range of tokens."""
    if isinstance(token, str):
        return layer.ids(token)
    id, count = int(token), layer.shape[0]
    if not 0 <= id < count:
        raise ValueError(f"there is no token {id}: the head has {count} tokens, from 0")
    return [id]
