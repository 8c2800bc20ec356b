"""Progress of work that takes longer than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO, TypeAlias

#: Called about ten times a second with the stage, how much of it is done, its total (0 where that is not known) and its unit.
Callback: TypeAlias = Callable[[str, int, int, str], object]


class _Line:
    """One line on standard error, written over and over; it appears after a second."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.since = time.monotonic()
        self.told = self.since
        self.width = 0

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        now = time.monotonic()
        if now - self.told < 1.0:
            return
        self.told = now
        share = f", {100 * done // total} % ({done} of {total} {unit})" if total else ""
        self.write(f"unargmax: after {now - self.since:.0f} s: {stage}{share}")

    def write(self, text: str) -> None:
        self.out.write("\r" + text.ljust(self.width))
        self.out.flush()
        self.width = len(text)

    def end(self) -> None:
        """Remove the line."""
        if self.width:
            self.write("")
            self.out.write("\r")
            self.out.flush()


class Shown:
    """Shows progress while it is entered; ``progress`` is a callback, whether to show a line, or ``None`` for "on a terminal"."""

    def __init__(self, progress: bool | Callback | None) -> None:
        self.line: _Line | None = None
        self.callback: Callback | None = None
        if callable(progress):
            self.callback = progress
        elif progress or (progress is None and sys.stderr is not None and sys.stderr.isatty()):
            self.callback = self.line = _Line(sys.stderr)

    def __enter__(self) -> Callback | None:
        return self.callback

    def __exit__(self, *_: object) -> None:
        if self.line is not None:
            self.line.end()
