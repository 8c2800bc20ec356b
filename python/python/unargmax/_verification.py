"""The outcome of a second proof."""

from __future__ import annotations

from typing import Any


class Verification:
    """The outcome of :meth:`Audit.verify`; true if every verdict was accepted."""

    def __init__(self, accepted: bool, outcome: dict[str, Any]) -> None:
        self.accepted = accepted
        #: What ``unargmax verify --json`` prints: the refusals, and how many verdicts of each kind were accepted.
        self.outcome = outcome

    def __bool__(self) -> bool:
        return self.accepted

    def __repr__(self) -> str:
        return f"<Verification: {'accepted' if self.accepted else 'REFUSED'}>"
