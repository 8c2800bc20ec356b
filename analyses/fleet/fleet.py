"""The checkpoints of a fleet: finds and names them, and estimates the memory that an audit of each takes."""

from __future__ import annotations

import ast
import glob
import json
import math
import os
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: An audit takes at most so many bytes for each byte of its output layer in float32, and so many megabytes besides. Measured
#: for layers from 100 MB on: up to 5.1 behind a final norm, else up to 3.8 (reports/speed/table.md, column `peak MB`).
FACTOR = 5.5
BESIDES_MB = 250
#: In few dimensions many tokens may lose, and the proofs take memory: at most so many bytes for each token.
FEW = 32
PROOFS = 4000
#: An entry of the list that names the checkpoint: `q4=models/model.Q4.gguf`. A path is no name.
NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)")
#: A model in the cache, as Hugging Face names it.
MODEL = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


class Problem(Exception):
    """The list of checkpoints says something that cannot be done."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint to audit."""

    #: What `unargmax audit` is given.
    given: str
    #: The file or folder on disk.
    path: Path


def find(entries: list[str], cache: bool = False) -> dict[str, Checkpoint]:
    """The checkpoints of a list, by name; with `cache`, also all models in the Hugging Face cache.

    An entry is a file, a folder, a pattern (`runs/**/checkpoint-*`), the name of a model in the cache, or one of these after
    `NAME=`. Names are the shortest ends of the paths that distinguish all of them.
    """
    named: dict[str, Checkpoint] = {}
    others: dict[str, Checkpoint] = {}
    for entry in entries:
        match = NAMED.fullmatch(entry)
        if match and not os.path.exists(entry):
            name, entry = match.groups()
            found = _matching(entry)
            if len(found) != 1:
                raise Problem(f"{name}={entry} names {len(found)} checkpoints, not one")
            if name in named:
                raise Problem(f"two checkpoints are called {name}")
            named[name] = found[0]
            continue
        found = _matching(entry)
        if not found:
            raise Problem(f"{entry}: there is no such file or folder, and no such model in {hub()}")
        others.update((checkpoint.given, checkpoint) for checkpoint in found)
    if cache:
        others.update((checkpoint.given, checkpoint) for checkpoint in cached())
    for given, name in names(list(others)).items():
        if name in named:
            raise Problem(f"two checkpoints are called {name}: give {given} another name, as NAME={given}")
        named[name] = others[given]
    if not named:
        raise Problem("there is no checkpoint to audit: name some under `checkpoints` in the configuration")
    return dict(sorted(named.items()))


def _matching(entry: str) -> list[Checkpoint]:
    if glob.has_magic(entry) and not os.path.exists(entry):
        return [Checkpoint(path, Path(path)) for path in sorted(glob.glob(entry, recursive=True))]
    if os.path.exists(entry):
        return [Checkpoint(entry, Path(entry))]
    return [checkpoint for checkpoint in cached() if checkpoint.given == entry] if MODEL.fullmatch(entry) else []


def names(paths: list[str]) -> dict[str, str]:
    """The name of each path: its shortest end that distinguishes it, of letters that may stand in a file name."""
    parts = {path: [re.sub(r"[^A-Za-z0-9._=+-]+", "-", part) for part in Path(path).parts if part != "/"] for path in paths}
    for length in range(1, max((len(part) for part in parts.values()), default=0) + 1):
        found = {path: "-".join(part[-length:]).lstrip(".-") or "checkpoint" for path, part in parts.items()}
        if len({name.lower() for name in found.values()}) == len(found):
            return found
    if paths:
        raise Problem("these paths cannot be distinguished by name, give names as NAME=PATH: " + ", ".join(paths))
    return {}


def hub() -> Path:
    """The Hugging Face cache, where its own library looks for it."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(variable):
            return Path(os.environ[variable])
    home = os.environ.get("HF_HOME")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(home) if home else caches / "huggingface") / "hub"


def cached() -> list[Checkpoint]:
    """The models in the cache, by their names. One without a revision `main` is left out: the command would not find it."""
    found = []
    for folder in sorted(hub().glob("models--*")):
        reference = folder / "refs" / "main"
        if reference.is_file():
            snapshot = folder / "snapshots" / reference.read_text().strip()
            if snapshot.is_dir():
                found.append(Checkpoint(folder.name.removeprefix("models--").replace("--", "/"), snapshot))
    return found


def join(names: Iterable[str], files: Iterable[str], out: str) -> None:
    """Write one file for MultiQC with the rows of several, each under its name."""
    joined: dict[str, Any] = {}
    for name, file in zip(names, files, strict=True):
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        (row,) = content["data"].values()
        joined = joined or content | {"data": {}}
        joined["data"][name] = row
    Path(out).write_text(json.dumps(joined, indent=2) + "\n", encoding="utf-8")


def memory_mb(path: Path, attempt: int = 1) -> int:
    """The memory in MB that an audit may take; twice as much at each further attempt."""
    shape = head_shape(path)
    if shape is None:
        # Stored numbers of 16 bits become 32. A quantised layer grows more, but is not the whole file.
        files = [path] if path.is_file() else [file for file in path.iterdir() if file.is_file()]
        least = BESIDES_MB + FACTOR * 2 * max((file.stat().st_size for file in files), default=0) / 1e6
    else:
        least = of_shape_mb(*shape)
    return math.ceil(least * 2 ** (attempt - 1))


def of_shape_mb(tokens: int, dim: int) -> float:
    """The memory in MB for an output layer of so many tokens and dimensions."""
    return BESIDES_MB + (FACTOR * 4 * tokens * dim + (PROOFS * tokens if dim <= FEW else 0)) / 1e6


def head_shape(path: Path) -> tuple[int, int] | None:
    """Tokens and dimensions of the output layer, or of the greatest matrix in the file; `None` where neither is known."""
    if path.is_dir():
        config = path / "config.json"
        if config.is_file() and (shape := _of_config(json.loads(config.read_text()))):
            return shape
        shapes = [head_shape(file) for file in path.glob("*.safetensors")]
    elif path.suffix == ".safetensors":
        shapes = [_greatest(path)]
    elif path.suffix == ".npy":
        shapes = [_of_npy(path)]
    else:
        return None
    return max((shape for shape in shapes if shape), key=math.prod, default=None)


def _of_config(config: dict[str, Any]) -> tuple[int, int] | None:
    """By the keys of most families; those of a language model within another count."""
    for part in (config.get("text_config"), config):
        if isinstance(part, dict):
            width = next((part[key] for key in ("hidden_size", "d_model", "n_embd") if isinstance(part.get(key), int)), None)
            if width and isinstance(part.get("vocab_size"), int):
                return part["vocab_size"], width
    return None


def _greatest(path: Path) -> tuple[int, int] | None:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(min(length, 100_000_000)))
    shapes = [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
    # Some store d x V.
    matrices = [(max(shape), min(shape)) for shape in shapes if len(shape) == 2]
    return max(matrices, key=math.prod, default=None)


def _of_npy(path: Path) -> tuple[int, int] | None:
    """From the header, a literal of Python after ten or, since version 2, twelve bytes."""
    with path.open("rb") as file:
        start = file.read(8)
        size = file.read(2 if start[6] == 1 else 4)
        shape = ast.literal_eval(file.read(int.from_bytes(size, "little")).decode())["shape"]
    return (shape[0], shape[1]) if len(shape) == 2 else None
