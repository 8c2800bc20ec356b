#!/usr/bin/env python3
"""Writes the golden files of the reader of pickles with torch and numpy themselves.

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch numpy safetensors
    /tmp/torch/bin/python analyses/pickle_golden.py

makes in `tests/data/pickles/`

    zip.pt, legacy.pt         one object, as `torch.save` writes it now and as it wrote it before 1.6: tensors of every
                              float type, views of every kind, shared storages, parameters, state dictionaries in
                              dictionaries and lists, tensors of types that are refused
    torch.safetensors         the values of the tensors in it, by their dotted names
    numpy-2.pkl ... -5.pkl    one dictionary of arrays, by every protocol from 2 to 5
    numpy.safetensors         the values of the arrays in it

torch 2.15.0 and numpy 2.4.6 made those that are committed.
"""

import collections
import io
import pathlib
import pickle

import numpy as np
import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent.parent / "tests" / "data" / "pickles"
REFUSED = (torch.int64, torch.uint16, torch.float8_e4m3fn, torch.complex64, torch.bool)


def of_torch():
    random = torch.Generator().manual_seed(7)

    def draw(*shape, dtype=torch.float32):
        return torch.randn(shape, generator=random).to(dtype)

    base = draw(4, 6)
    rows = draw(3, 5)
    state = collections.OrderedDict(
        weight=draw(3, 4), half=draw(2, 3, dtype=torch.float16), brain=draw(2, 3, dtype=torch.bfloat16),
        double=draw(2, 3, dtype=torch.float64), scalar=draw(), empty=draw(0, 5), parameter=torch.nn.Parameter(draw(2, 2)),
    )
    state._metadata = {"": {"version": 1}}
    views = {
        "turned": base.t(), "column": base[:, 2], "columns": base[:, 1:6:2], "tail": base[2:], "one": base[3, 5],
        "whole": base, "permuted": draw(2, 3, 4).permute(2, 0, 1), "repeated": draw(1, 3).expand(4, 3),
        "diagonal": base.diagonal(),
    }
    return {
        "state_dict": state, "model": {"encoder": {"rows": rows}, "decoder.rows": rows}, "views": views,
        "list": [draw(2), (draw(3), {"deep": draw(1, 2)})], 3: draw(2), "epoch": 7, "name": "golden", "rate": 0.5,
        "nothing": None, "truths": [True, False], "large": 1 << 70, "negative": -5, "set": {1}, "bytes": b"\x00\xff",
        "refused": {str(dtype).removeprefix("torch."): torch.zeros(2, 2).to(dtype) for dtype in REFUSED},
        "size": torch.Size([2, 3]), "type": torch.float16, "device": torch.device("cpu"),
    }


def of_numpy():
    random = np.random.default_rng(7)
    base = random.standard_normal((4, 6)).astype("<f4")
    return {
        "single": base, "double": base.astype("<f8"), "half": base.astype("<f2"), "big": base.astype(">f4"),
        "fortran": np.asfortranarray(base), "turned": base.T, "column": base[:, 2], "empty": base[:0],
        "scalar": np.array(2.5), "number": np.float32(1.5), "again": base, "nested": [base[1], {"deep": base[2]}],
        "whole": np.arange(3), "text": np.array(["a"]), "objects": np.array([None, {}], dtype=object),
        "records": np.zeros(2, dtype=[("a", "<f4"), ("b", "<i2")]),
    }


def flat(value, name=""):
    """The tensors of a nest of dictionaries and lists by their dotted names."""
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        children = enumerate(value)
    elif isinstance(value, torch.Tensor):
        return {name: value.detach()} if value.dtype not in REFUSED else {}
    elif isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f":
        native = value.astype(value.dtype.newbyteorder("="))
        return {name: torch.from_numpy(np.array(native, order="C"))}
    else:
        children = []
    found = {}
    for key, child in children:
        found.update(flat(child, f"{name}.{key}" if name else str(key)))
    return found


def save_values(value, file):
    save_file({name: tensor.contiguous().clone() for name, tensor in flat(value).items()}, OUT / file)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    value = of_torch()
    torch.save(value, OUT / "zip.pt")
    # The old writer keeps types without a storage class of their own out of its files.
    legacy = dict(value, refused={name: t for name, t in value["refused"].items() if name not in ("uint16", "float8_e4m3fn")})
    torch.save(legacy, OUT / "legacy.pt", _use_new_zipfile_serialization=False)
    save_values(value, "torch.safetensors")
    arrays = of_numpy()
    for protocol in range(2, 6):
        stream = io.BytesIO()
        pickle.dump(arrays, stream, protocol=protocol)
        (OUT / f"numpy-{protocol}.pkl").write_bytes(stream.getvalue())
    save_values(arrays, "numpy.safetensors")


main()
