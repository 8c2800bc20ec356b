"""What the tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
#: The bundled head: 876 tokens x 32 dimensions, 229 of which cannot win behind a ReLU.
BUNDLED = ROOT / "assets" / "g2pm" / "head.safetensors"


@pytest.fixture
def square() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Five tokens in two dimensions; the last lies inside the square of the others."""
    return np.array([[1, 0], [0, 1], [2, 1], [1, 2], [1, 1]], dtype=np.float32)
