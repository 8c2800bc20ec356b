#!/usr/bin/env python3
"""Writes the golden files of the ONNX reader with the reference package `onnx`.

    python3 -m venv /tmp/onnx && /tmp/onnx/bin/pip install onnx==1.23.2 numpy safetensors
    /tmp/onnx/bin/python analyses/onnx_golden.py

makes in `tests/data/onnx/`

    tensors.onnx, tensors.data    initialisers as raw bytes, in the fields of their types, in a file beside it and as
                                  Constant nodes; weights of integers behind DequantizeLinear (one scale, one a row, a
                                  column or a block, 4 to 32 bits, with and without a zero point)
    tensors.safetensors           the same tensors by `onnx.numpy_helper`, and what `onnx.reference` makes of the weights
"""

import pathlib

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).parent.parent / "tests" / "data" / "onnx"
FLOATS = {"f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16, "f64": TensorProto.DOUBLE, "bf16": TensorProto.BFLOAT16}
INTEGERS = {
    "int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "int16": TensorProto.INT16, "uint16": TensorProto.UINT16,
    "int32": TensorProto.INT32, "int4": TensorProto.INT4, "uint4": TensorProto.UINT4,
}
LIMITS = {
    "int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535),
    "int32": (-(1 << 31), (1 << 31) - 1), "int4": (-8, 7), "uint4": (0, 15),
}


def main():
    random = np.random.default_rng(7)
    initialisers, nodes, expected = [], [], {}

    def weights():
        return random.standard_normal((3, 4)).astype(np.float32)

    for name, kind in FLOATS.items():
        for raw in (True, False):
            values = weights().astype(helper.tensor_dtype_to_np_dtype(kind))
            data = values.tobytes() if raw else values.flatten()
            tensor = helper.make_tensor(f"{name}.{'raw' if raw else 'field'}", kind, (3, 4), data, raw=raw)
            initialisers.append(tensor)
            expected[tensor.name] = numpy_helper.to_array(tensor)

    constant = numpy_helper.from_array(weights(), "ignored")
    nodes += [
        helper.make_node("Constant", [], ["constant"], value=constant),
        helper.make_node("Constant", [], ["number"], value_float=0.25),
        helper.make_node("Constant", [], ["numbers"], value_floats=[1.5, -2.0]),
    ]
    expected["constant"] = numpy_helper.to_array(constant)
    expected["number"] = np.float32(0.25).reshape(())
    expected["numbers"] = np.array([1.5, -2.0], np.float32)

    outside = weights()
    (OUT / "tensors.data").write_bytes(bytes(8) + outside.tobytes())
    tensor = TensorProto(name="outside", data_type=TensorProto.FLOAT, dims=outside.shape)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "tensors.data", "offset": "8", "length": str(outside.nbytes)}.items():
        tensor.external_data.add(key=key, value=value)
    initialisers.append(tensor)
    expected["outside"] = outside

    def quantised(name, kind, scale_shape, zero=True, raw=True, scale_kind=np.float32, **attributes):
        low, high = LIMITS[kind]
        integers = random.integers(low, high + 1, (6, 4))
        scale = random.uniform(0.001, 0.1, scale_shape).astype(scale_kind)
        parts = [(f"{name}.q", integers), (f"{name}.z", random.integers(low, high + 1, scale_shape) if zero else None)]
        for part, values in parts:
            if values is None:
                continue
            element = INTEGERS[kind]
            if raw and kind not in ("int4", "uint4"):
                data, is_raw = values.astype(helper.tensor_dtype_to_np_dtype(element)).tobytes(), True
            else:
                data, is_raw = values.flatten(), False
            initialisers.append(helper.make_tensor(part, element, values.shape, data, raw=is_raw))
        initialisers.append(numpy_helper.from_array(scale, f"{name}.s"))
        inputs = [f"{name}.q", f"{name}.s"] + ([f"{name}.z"] if zero else [])
        nodes.append(helper.make_node("DequantizeLinear", inputs, [name], **attributes))

    quantised("whole", "int8", ())
    quantised("rows", "uint8", (6,), axis=0)
    quantised("columns", "int8", (4,))
    quantised("last", "int16", (4,), axis=-1, raw=False)
    quantised("unsigned", "uint16", (6,), axis=0)
    quantised("bias", "int32", (), zero=False)
    quantised("blocks", "uint8", (3, 4), axis=0, block_size=2)
    quantised("across", "int8", (6, 2), axis=1, block_size=2, zero=False)
    quantised("small", "uint4", (6,), axis=0)
    quantised("signed", "int4", (4,), axis=1)
    quantised("halved", "int8", (4,), scale_kind=np.float16)
    quantised("field", "int8", (4,), raw=False)

    made = [node.output[0] for node in nodes if node.op_type == "DequantizeLinear"]
    graph = helper.make_graph(
        nodes, "golden", [], [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in made], initialisers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], producer_name="golden")
    model.metadata_props.add(key="character", value="a\nb")
    (OUT / "tensors.onnx").write_bytes(model.SerializeToString())

    # The evaluator wants all numbers at hand.
    inside = onnx.load(OUT / "tensors.onnx")
    results = ReferenceEvaluator(inside).run(None, {})
    expected.update((name, result.astype(np.float32)) for name, result in zip(made, results))
    expected = {name: np.array(value, order="C") for name, value in expected.items()}
    brain = {name: value for name, value in expected.items() if value.dtype == ml_dtypes.bfloat16}
    expected.update((name, value.astype(np.float32)) for name, value in brain.items())
    save_file(expected, OUT / "tensors.safetensors")


OUT.mkdir(parents=True, exist_ok=True)
main()
