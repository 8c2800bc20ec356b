#!/usr/bin/env python3
"""Writes the golden files of the reader of CTranslate2's `model.bin` with the package `ctranslate2` itself.

    python3 -m venv /tmp/ct2 && /tmp/ct2/bin/pip install ctranslate2==4.8.5 numpy torch
    /tmp/ct2/bin/python analyses/ctranslate2_golden.py

makes in `tests/data/ctranslate2/` one small specification, written with each quantisation of its weights:

    int8.bin, int16.bin, float16.bin, bfloat16.bin, float32.bin
    weights.bin    the f32 numbers before: `weight` [5, 4], then `bias` [5]
"""

import pathlib

import numpy as np
from ctranslate2.specs import common_spec, model_spec

OUT = pathlib.Path(__file__).parent.parent / "tests" / "data" / "ctranslate2"


class GoldenSpec(model_spec.LanguageModelSpec):
    """A head tied to an embedding."""

    def __init__(self):
        super().__init__()
        self.embeddings = common_spec.EmbeddingsSpec()
        self.projection = common_spec.LinearSpec()
        self.activation = np.dtype("int8").type(2)

    @property
    def name(self):
        return "GoldenSpec"


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    weight = random.standard_normal((5, 4)).astype(np.float32)
    weight[3] = 0.0
    bias = random.standard_normal(5).astype(np.float32)
    (OUT / "weights.bin").write_bytes(weight.tobytes() + bias.tobytes())
    for quantization in ("int8", "int16", "float16", "bfloat16", "float32"):
        spec = GoldenSpec()
        spec.embeddings.weight = weight.copy()
        spec.projection.weight = weight.copy()
        spec.projection.bias = bias.copy()
        model_spec.LayerSpec.validate(spec)
        spec.optimize(quantization=quantization)
        spec._serialize(str(OUT / f"{quantization}.bin"))


main()
