#!/usr/bin/env python3
"""Writes small ONNX models that differ in what they do with the result of their output layer, and what ONNX Runtime computes.

    python3 -m venv /tmp/onnx && /tmp/onnx/bin/pip install onnx onnxruntime numpy safetensors
    /tmp/onnx/bin/python analyses/onnx_heads.py

makes in `tests/data/onnx/heads/` a model `NAME.onnx` a case, and

    cases.json          for each case the input's shape and either `head` (weight, V, d, whether outputs are the logits
                        themselves and not an increasing function of them) or `refused` (what the error must name)
    cases.safetensors   for each case that has a head, hidden states `NAME.h` (n x d) and outputs `NAME.y` (n x V)
"""

import json
import pathlib

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).parent.parent / "tests" / "data" / "onnx" / "heads"
V, D, N = 9, 4, 16
random = np.random.default_rng(11)
W = random.standard_normal((V, D)).astype(np.float32)
b, prior, b2 = (random.standard_normal(V).astype(np.float32) for _ in range(3))
# Sums of these three are exact in float64: their numbers are whole multiples of one power of two.
b, prior, b2 = (np.round(x * 1024) / 1024 for x in (b, prior, b2))
CASES, ARRAYS = {}, {}


def node(op, inputs, output, **attributes):
    outputs = output if isinstance(output, list) else [output]
    name = attributes.pop("name", f"node_{outputs[0]}")
    return helper.make_node(op, inputs, outputs, name=name, **attributes)


def case(name, nodes, constants=None, *, weight="W", head=True, exact=True, refused=None, shape=(N, D), outputs=("y",),
         take=None, domains=(), tokens=V, ranks=True):
    constants = {"W": W, "b": b, **(constants or {})}
    used = {i for n in nodes for i in n.input}
    for n in nodes:
        for attribute in n.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                used |= {i for inner in attribute.g.node for i in inner.input}
    initialisers = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items() if k in used]
    declared = list(shape) if ranks else None
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("h", TensorProto.FLOAT, declared)],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs], initialisers,
    )
    opsets = [helper.make_opsetid("", 17)] + [helper.make_opsetid(d, 1) for d in domains]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    path = OUT / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    finish(name, path, weight, head, exact, refused, shape, outputs, take, tokens)


def finish(name, path, weight, head, exact, refused, shape, outputs, take, tokens):
    if refused is not None:
        CASES[name] = {"refused": refused}
        return
    h = random.standard_normal(shape).astype(np.float32)
    y = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run([outputs[0]], {"h": h})[0]
    states, y = take(h, y) if take else (h, y)
    # Rounding hidden states to eight bits moves logits.
    slack = 0.1 if name == "dynamic" else 1e-4
    CASES[name] = {"head": {"weight": weight, "tokens": tokens, "dim": D, "exact": exact, "slack": slack}}
    ARRAYS[f"{name}.h"] = np.ascontiguousarray(states.reshape(-1, D), np.float32)
    ARRAYS[f"{name}.y"] = np.ascontiguousarray(y.reshape(-1, tokens), np.float32)


def gemm(output="p", **attributes):
    return node("Gemm", ["h", "W", "b"], output, transB=1, **attributes)


def after(name, op, inputs=("p",), constants=None, refused=None, exact=False, **attributes):
    case(name, [gemm(), node(op, list(inputs), "y", **attributes)], constants, exact=exact, refused=refused)


# Constants and factors.
case("gemm", [gemm("y")])
case("gemm-alpha", [gemm("y", alpha=0.3)])
case("gemm-alpha-beta", [gemm("y", alpha=0.3, beta=0.5)])
case("gemm-transposed", [node("Gemm", ["h", "Wt", "b"], "y", transA=1)], {"Wt": W.T.copy()}, weight="Wt", shape=(D, N),
     take=lambda h, y: (h.T, y))
case("gemm-negative-alpha", [gemm("y", alpha=-1.0)], refused=["`Gemm`", "node_y"])
after("add-twice", "Add", ["p", "prior"], {"prior": prior}, exact=True)
after("subtract", "Sub", ["p", "prior"], {"prior": prior}, exact=True)
after("reversed", "Sub", ["prior", "p"], {"prior": prior}, refused=["`Sub`", "node_y"])
after("negated", "Neg", refused=["`Neg`", "node_y"])
case("add-three", [node("MatMul", ["h", "Wt"], "m"), node("Add", ["b", "m"], "p"), node("Add", ["p", "prior"], "q"),
                   node("Add", ["q", "b2"], "y")], {"Wt": W.T.copy(), "prior": prior, "b2": b2}, weight="Wt")
case("scale-then-add", [gemm(), node("Mul", ["p", "half"], "q"), node("Add", ["q", "prior"], "y")],
     {"prior": prior, "half": np.float32(0.25)})
case("scale-then-add-inexact", [gemm(), node("Div", ["p", "three"], "q"), node("Add", ["q", "prior"], "y")],
     {"prior": prior, "three": np.float32(3)}, refused=["`Add`", "node_y"])
after("temperature", "Div", ["p", "t"], {"t": np.float32(0.7)})
after("level", "Add", ["p", "c"], {"c": np.array([1.5], np.float32)})
after("scale-a-token", "Mul", ["p", "prior"], {"prior": prior}, refused=["`Mul`", "node_y"])
after("scale-negative", "Mul", ["p", "c"], {"c": np.float32(-2)}, refused=["`Mul`", "node_y"])
case("mask-of-tokens", [gemm(), node("Where", ["m", "p", "low"], "y")],
     {"m": np.arange(V) % 2 == 0, "low": np.float32(-1e9)}, refused=["`Where`", "node_y"])

# Functions of one number, and of all.
for op in ("Sigmoid", "Tanh", "Exp", "Softplus"):
    after(op.lower(), op)
for op in ("Relu", "HardSigmoid", "Floor", "Abs"):
    after(op.lower(), op, refused=[f"`{op}`", "node_y"])
case("clip", [gemm(), node("Clip", ["p", "lo", "hi"], "y")], {"lo": np.float32(-1), "hi": np.float32(1)},
     refused=["`Clip`", "node_y"])
after("softmax", "Softmax", axis=-1)
after("log-softmax", "LogSoftmax", axis=1)
after("softmax-over-places", "Softmax", axis=0, refused=["`Softmax`", "node_y"])
case("softcap", [gemm(), node("Div", ["p", "c"], "q"), node("Tanh", ["q"], "t"), node("Mul", ["t", "c"], "y")],
     {"c": np.float32(30)}, exact=False)
case("softcap-then-add", [gemm(), node("Tanh", ["p"], "t"), node("Add", ["t", "prior"], "y")], {"prior": prior},
     refused=["`Add`", "node_y"])
case("softmax-written-out", [gemm(), node("ReduceMax", ["p"], "m", axes=[-1]), node("Sub", ["p", "m"], "s"),
                             node("Exp", ["s"], "e"), node("ReduceSum", ["e", "last"], "z"), node("Div", ["e", "z"], "y")],
     {"last": np.array([-1], np.int64)}, exact=False)
case("log-softmax-written-out", [gemm(), node("ReduceLogSumExp", ["p"], "z", axes=[1]), node("Sub", ["p", "z"], "y")],
     exact=False)
case("swish", [gemm(), node("Sigmoid", ["p"], "s"), node("Mul", ["p", "s"], "y")], refused=["`Mul`", "node_y"])

# Shapes.
matmul = node("MatMul", ["h", "Wt"], "m")
turned = {"Wt": W.T.copy()}
case("places", [matmul, node("Add", ["m", "b"], "y")], turned, weight="Wt", shape=(2, 5, D))
case("tokens-first", [matmul, node("Add", ["m", "b"], "p"), node("Transpose", ["p"], "y", perm=[2, 0, 1])], turned,
     weight="Wt", shape=(2, 5, D), take=lambda h, y: (h, np.moveaxis(y, 0, -1)))
case("softmax-after-transpose", [matmul, node("Transpose", ["m"], "t", perm=[0, 2, 1]), node("Softmax", ["t"], "y", axis=1)],
     turned, weight="Wt", shape=(2, 5, D), take=lambda h, y: (h, np.moveaxis(y, 1, -1)), exact=False)
case("softmax-of-the-wrong-axis", [matmul, node("Transpose", ["m"], "t", perm=[0, 2, 1]),
                                   node("Softmax", ["t"], "y", axis=-1)], turned, shape=(2, 5, D),
     refused=["`Softmax`", "node_y"])
case("last-place", [matmul, node("Gather", ["m", "at"], "y", axis=1)], {**turned, "at": np.int64(-1)}, weight="Wt",
     shape=(2, 5, D), take=lambda h, y: (h[:, -1], y))
case("axis-of-unknown-rank", [matmul, node("Gather", ["m", "at"], "y", axis=1)], {**turned, "at": np.int64(-1)},
     shape=(2, 5, D), ranks=False, refused=["`Gather`", "node_y"])
case("some-places", [matmul, node("Slice", ["m", "from", "to", "axes"], "y")],
     {**turned, "from": np.array([0], np.int64), "to": np.array([2], np.int64), "axes": np.array([-2], np.int64)},
     weight="Wt", shape=(2, 5, D), take=lambda h, y: (h[:, :2], y))
case("some-tokens", [matmul, node("Slice", ["m", "from", "to", "axes"], "y")],
     {**turned, "from": np.array([0], np.int64), "to": np.array([5], np.int64), "axes": np.array([-1], np.int64)},
     shape=(2, 5, D), refused=["`Slice`", "node_y"])
case("permuted-tokens", [matmul, node("Gather", ["m", "order"], "y", axis=-1)],
     {**turned, "order": np.arange(V)[::-1].astype(np.int64)}, shape=(2, 5, D), refused=["`Gather`", "node_y"])
case("more-tokens", [gemm(), node("Concat", ["p", "extra"], "y", axis=-1)], {"extra": np.zeros((N, 1), np.float32)},
     refused=["`Concat`", "node_y"])
case("padded", [gemm(), node("Pad", ["p", "pads", "low"], "y")],
     {"pads": np.array([0, 0, 0, 2], np.int64), "low": np.float32(-9)}, refused=["`Pad`", "node_y"])
case("reshaped", [matmul, node("Reshape", ["m", "s"], "y")], {**turned, "s": np.array([-1, V], np.int64)}, weight="Wt",
     shape=(2, 5, D))
case("reshaped-across-tokens", [matmul, node("Reshape", ["m", "s"], "y")], {**turned, "s": np.array([2, -1], np.int64)},
     shape=(2, 5, D), refused=["`Reshape`", "node_y"])
case("squeezed", [matmul, node("Squeeze", ["m", "at"], "y")], {**turned, "at": np.array([1], np.int64)}, weight="Wt",
     shape=(5, 1, D))
case("squeezed-from-the-end", [matmul, node("Squeeze", ["m", "at"], "y")], {**turned, "at": np.array([-2], np.int64)},
     weight="Wt", shape=(5, 1, D))
case("weight-first", [node("MatMul", ["W", "h"], "p"), node("Transpose", ["p"], "y", perm=[1, 0])], shape=(D, N),
     take=lambda h, y: (h.T, y))
case("mean-of-places", [matmul, node("ReduceMean", ["m"], "y", axes=[-2], keepdims=0)], turned, weight="Wt", shape=(3, 5, D),
     take=lambda h, y: (h.mean(axis=1), y))
case("largest-of-places", [matmul, node("ReduceMax", ["m"], "y", axes=[-2], keepdims=0)], turned, shape=(3, 5, D),
     refused=["`ReduceMax`", "node_y"])

# Weights.
case("convolution-1", [node("Conv", ["h", "W3", "b"], "p", kernel_shape=[1]), node("Transpose", ["p"], "y", perm=[0, 2, 1])],
     {"W3": W[:, :, None].copy()}, weight="W3", shape=(2, D, 5), take=lambda h, y: (np.moveaxis(h, 1, -1), y))
case("convolution-2", [node("Conv", ["h", "W4", "b"], "p"), node("GlobalAveragePool", ["p"], "g"),
                       node("Flatten", ["g"], "y")], {"W4": W[:, :, None, None].copy()}, weight="W4", shape=(3, D, 2, 2),
     take=lambda h, y: (h.mean(axis=(2, 3)), y))
case("convolution-wide", [node("Conv", ["h", "W3", "b"], "y", kernel_shape=[3])],
     {"W3": random.standard_normal((V, D, 3)).astype(np.float32)}, shape=(2, D, 5), refused=["`Conv`", "node_y"])
case("convolution-in-groups", [node("Conv", ["h", "W3", "b2"], "y", group=2)],
     {"W3": random.standard_normal((8, 2, 1)).astype(np.float32), "b2": np.zeros(8, np.float32)}, shape=(2, D, 5),
     refused=["`Conv`", "node_y"])
case("normalised-rows", [node("ReduceL2", ["W"], "n", axes=[1]), node("Div", ["W", "n"], "u"), node("Transpose", ["u"], "ut"),
                         node("MatMul", ["h", "ut"], "y")], refused=["`MatMul`", "node_y"])
case("normalised-states", [node("LpNormalization", ["h"], "u", axis=-1), node("Gemm", ["u", "W", "b"], "y", transB=1)],
     take=lambda h, y: (h / np.linalg.norm(h, axis=-1, keepdims=True), y))
case("weight-cast-to-half", [node("Cast", ["W"], "w16", to=TensorProto.FLOAT16), node("Cast", ["w16"], "w", to=TensorProto.FLOAT),
                             node("Gemm", ["h", "w", "b"], "y", transB=1)], refused=["`Gemm`", "node_y"])
case("einsum", [node("Einsum", ["h", "W"], "y", equation="nd,vd->nv")], refused=["`Einsum`", "node_y"])
case("two-heads", [gemm("one"), node("MatMul", ["h", "Wt"], "two"), node("Concat", ["one", "two"], "y", axis=1)], turned,
     refused=["2 linear layers", "`W`", "`Wt`"])
branch = helper.make_graph([node("Gemm", ["h", "W", "b"], "t", transB=1)], "then", [],
                           [helper.make_tensor_value_info("t", TensorProto.FLOAT, None)])
other = helper.make_graph([node("Gemm", ["h", "W", "b"], "e", transB=1, alpha=2.0)], "else", [],
                          [helper.make_tensor_value_info("e", TensorProto.FLOAT, None)])
case("branches", [node("If", ["c"], "y", then_branch=branch, else_branch=other)], {"c": np.array(True)},
     refused=["`If`", "node_y"])
case("two-outputs", [gemm("z"), node("Softmax", ["z"], "y", axis=-1), node("MatMul", ["h", "Wt2"], "value")],
     {"Wt2": random.standard_normal((D, 2)).astype(np.float32)}, outputs=("y", "value"), exact=False)

# Quantised weights.
case("blocks-of-4-bits", [helper.make_node("MatMulNBits", ["h", "q", "s", "z"], ["y"], name="node_y", domain="com.microsoft", K=D,
                                           N=V, bits=4, block_size=16)],
     {"q": random.integers(0, 256, (V, 1, 8)).astype(np.uint8), "s": random.uniform(0.1, 1, V).astype(np.float32),
      "z": random.integers(0, 16, V).astype(np.uint8)}, weight="q (dequantised)", domains=("com.microsoft",), exact=False)
case("fused-product", [helper.make_node("FusedMatMul", ["h", "W"], ["m"], name="node_m", domain="com.microsoft", transB=1, alpha=0.3),
                       node("Add", ["m", "b"], "y")], domains=("com.microsoft",))
float_path = OUT / "dynamic.onnx"
case("dynamic", [matmul, node("Add", ["m", "b"], "y")], turned, weight="Wt")
quantize_dynamic(float_path, float_path, weight_type=QuantType.QInt8)
CASES.pop("dynamic")
finish("dynamic", float_path, "Wt", True, False, None, (N, D), ("y",), None, V)

(OUT / "cases.json").write_text(json.dumps(CASES, indent=1) + "\n")
save_file(ARRAYS, OUT / "cases.safetensors")
print(f"{len(CASES)} cases, {sum('refused' in c for c in CASES.values())} of them refused")
