"""Compare a repaired ONNX model with the original: exactly one stored tensor may differ, and the model must still run.

    python3 analyses/repaired_onnx.py ORIGINAL.onnx REPAIRED.onnx

A stored tensor is an initialiser or the value of a `Constant` node. Prints the one that differs and how far, and loads the repaired model in onnxruntime, runs both on the same random input where
all inputs are images or vectors of floats, and prints how many argmaxes differ. Exits with 1 if anything else than one stored tensor
differs. Needs the Python packages onnx, onnxruntime and numpy.
"""

import argparse

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper


def outputs(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, images)


def sample(path):
    """A random input for each input of the model; free dimensions of an image are batch 1, height 48, width 320."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(1)
    images = {}
    for given in session.get_inputs():
        sizes = [1, 3, 48, 320] if len(given.shape) == 4 else [1] * len(given.shape)
        shape = [n if isinstance(n, int) and n > 0 else size for n, size in zip(given.shape, sizes)]
        images[given.name] = generator.uniform(-1, 1, shape).astype(np.float32)
    return images


def stored_tensors(model):
    """The tensors that a model stores, by name: initialisers, and values of Constant nodes by their outputs."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            tensors.update({node.output[0]: a.t for a in node.attribute if a.name == "value"})
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("original")
    parser.add_argument("repaired")
    arguments = parser.parse_args()
    original, repaired = onnx.load(arguments.original), onnx.load(arguments.repaired)
    stored, rewritten = stored_tensors(original), stored_tensors(repaired)
    changed = []
    for name, tensor in rewritten.items():
        before = stored[name]
        if tensor.SerializeToString() != before.SerializeToString():
            old, new = numpy_helper.to_array(before), numpy_helper.to_array(tensor)
            largest = np.abs(new.astype(np.float64) - old).max()
            changed.append(name)
            print(f"{name} {list(new.shape)}: {int((new != old).sum())} numbers differ, by at most {largest:.6g}")
            tensor.CopyFrom(before)
    # With the old numbers in their place the models must be the same.
    same = original.SerializeToString() == repaired.SerializeToString()
    print(f"{len(changed)} of {len(stored)} stored tensors differ; everything else is {'the same' if same else 'NOT the same'}")
    if len(changed) != 1 or not same:
        raise SystemExit(1)
    images = sample(arguments.original)
    before, after = outputs(arguments.original, images), outputs(arguments.repaired, images)
    differ = sum(int((a.argmax(-1) != b.argmax(-1)).sum()) for a, b in zip(before, after))
    positions = sum(a[..., 0].size for a in before)
    print(f"onnxruntime runs both: {differ} of {positions} argmaxes differ on one random input")


if __name__ == "__main__":
    main()
