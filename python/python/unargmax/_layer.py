"""Output layers of checkpoints."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import _unargmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._arrays import ArrayLike
    from ._audit import Audit, Measure
    from ._progress import Callback


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
        threads: int = 0,
        progress: bool | Callback | None = None,
    ) -> Audit:
        """Decide for each token whether it can ever win; see :func:`unargmax.audit`.

        ``domain`` is ``auto`` by default: what the checkpoint says of the states before its output layer.
        """
        from ._audit import run

        return run(
            self._layer,
            domain,
            tokens,
            (gain, shift),
            (efforts, margins, max_probability, ranks),
            bias_needed,
            threads,
            progress,
        )

    def __repr__(self) -> str:
        tokens, dim = self.shape
        return f"<OutputLayer {self.weight}: {tokens} tokens x {dim} dimensions, domain {self.domain}>"


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
