#!/usr/bin/env python3
"""Writes the golden files of the GGUF reader with the reference package `gguf`.

    python3 -m venv /tmp/gguf && /tmp/gguf/bin/pip install gguf==0.19.0 numpy
    /tmp/gguf/bin/python analyses/gguf_golden.py

makes in `tests/data/blocks/`

    blocks.gguf          random blocks of every type that unargmax decodes, one tensor [2, n] each named by its type,
                         one of a type that it does not (IQ2_XXS), metadata of every value type, a small vocabulary
    blocks.safetensors   under the same names what `gguf.quants.dequantize` makes of them, f32

The bytes are random from a fixed seed; only the f16 scales are drawn finite, over all signs and exponents and with
subnormal ones, since nothing is to be learned from comparing NaN.
"""

import json
import pathlib
import struct

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, TokenType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

OUT = pathlib.Path(__file__).parent.parent / "tests" / "data" / "blocks"

# Where the f16 scales of a block begin, in bytes.
SCALES = {
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0],
    Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
    Type.IQ4_NL: [0], Type.IQ4_XS: [0], Type.MXFP4: [], Type.TQ1_0: [52], Type.TQ2_0: [64],
}


def finite_f16(rng, n):
    """n random f16 as bits, none infinite or NaN."""
    return (rng.integers(0, 2, n) << 15 | rng.integers(0, 31, n) << 10 | rng.integers(0, 1024, n)).astype("<u2")


def blocks(rng, kind):
    """Two rows of random blocks as [2, bytes]."""
    numbers, size = GGML_QUANT_SIZES[kind]
    count = 2 if numbers == 256 else 6
    data = rng.integers(0, 256, (count, size), dtype=np.uint8)
    if kind == Type.MXFP4:  # the exponent of the scale; larger ones overflow
        data[:, 0] = rng.integers(0, 250, count)
    for at in SCALES[kind]:
        data[:, at:at + 2] = finite_f16(rng, count).view(np.uint8).reshape(count, 2)
    return data.reshape(2, -1)


def plain(rng, kind):
    """Two rows of 8 finite numbers of an unquantised type, as they are stored."""
    if kind == Type.F16:
        return finite_f16(rng, 16).view(np.float16).reshape(2, 8)
    floats = np.ldexp(rng.standard_normal(16), rng.integers(-120, 120, 16)).astype(np.float32).reshape(2, 8)
    if kind == Type.BF16:
        return (floats.view(np.uint32) >> 16).astype("<u2").view(np.uint8).reshape(2, 16)
    return floats


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.astype("<f4").tobytes() for v in tensors.values()))


def main():
    rng = np.random.default_rng(20261122)
    OUT.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(OUT / "blocks.gguf", "test")
    writer.add_uint8("value.u8", 200)
    writer.add_int8("value.i8", -7)
    writer.add_uint16("value.u16", 60000)
    writer.add_int16("value.i16", -30000)
    writer.add_uint32("value.u32", 4000000000)
    writer.add_int32("value.i32", -2000000000)
    writer.add_uint64("value.u64", 2**64 - 1)
    writer.add_int64("value.i64", -(2**63))
    writer.add_float32("value.f32", 0.1)
    writer.add_float64("value.f64", 0.1)
    writer.add_bool("value.bool", True)
    writer.add_string("value.string", "grüß")
    writer.add_array("value.strings", ["a", "", "ß"])
    writer.add_array("value.integers", [1, -2, 3])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<|im_end|>", "Ġthe", "ä¸", "Ċ", "[PAD4]"])
    writer.add_token_types([TokenType.CONTROL, TokenType.NORMAL, TokenType.NORMAL, TokenType.NORMAL, TokenType.UNUSED])

    golden = {}
    for kind in [Type.F32, Type.F16, Type.BF16]:
        stored = plain(rng, kind)
        writer.add_tensor(kind.name, stored, raw_dtype=kind)
        golden[kind.name] = dequantize(stored.view(np.uint8), kind)
    for kind in SCALES:
        stored = blocks(rng, kind)
        writer.add_tensor(kind.name, stored, raw_dtype=kind)
        golden[kind.name] = dequantize(stored, kind)
    writer.add_tensor("IQ2_XXS", rng.integers(0, 256, (2, 66), dtype=np.uint8), raw_dtype=Type.IQ2_XXS)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert all(np.isfinite(values).all() for values in golden.values())
    write_safetensors(OUT / "blocks.safetensors", golden)


if __name__ == "__main__":
    main()
