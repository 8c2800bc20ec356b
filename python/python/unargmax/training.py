"""Audits during training: a plain function for any loop, and a callback for the Trainer of transformers.

The callback needs transformers, the function only arrays.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _functions
from ._arrays import ArrayLike

if TYPE_CHECKING:
    Callback = object
else:
    try:
        from transformers import TrainerCallback as Callback
    except ImportError:  # The function below needs no transformers.
        Callback = object

logger = logging.getLogger("unargmax")

#: The shares at which quantiles of the effort are logged.
QUANTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True)
class Snapshot:
    """What an audit found at one step of a training."""

    step: int
    #: The number of tokens with each verdict.
    counts: dict[str, int]
    #: The ids of tokens that can never win, rising.
    lost: list[int]
    #: Those of them that could win, or were not audited, at the snapshot before.
    newly_lost: list[int]
    #: The ids that could not win at the snapshot before and can now.
    freed: list[int]
    #: Upper bounds of the effort at :data:`QUANTILES`, where it was measured.
    effort: dict[float, float] = field(default_factory=dict)

    def as_log(self) -> dict[str, float]:
        """The numbers as a flat dictionary, for any logger."""
        log: dict[str, float] = {f"unargmax/{name}": count for name, count in self.counts.items()}
        log["unargmax/newly_lost"] = len(self.newly_lost)
        log["unargmax/freed"] = len(self.freed)
        log.update({f"unargmax/effort_{share:g}": x for share, x in self.effort.items()})
        return log


def snapshot(
    W: ArrayLike,  # noqa: N803 (the name in the formula)
    b: ArrayLike | None = None,
    *,
    step: int = 0,
    before: Snapshot | None = None,
    domain: str = "free",
    gain: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    efforts: bool = False,
    threads: int = 0,
) -> Snapshot:
    """Audit the output embeddings of a step, and compare them with the snapshot before.

    ``W`` is ``V x d``, ``b`` is ``V`` or ``None``; ``domain``, ``gain`` and ``shift`` are those of :func:`unargmax.audit`. The
    numbers are copied, so training may go on. ``efforts`` measures how far out tokens begin to win (behind a norm or in a ball).

    >>> first = snapshot(W, step=0)
    >>> first.lost
    [4]
    >>> moved = W.copy()
    >>> moved[4] = [3, 3]
    >>> second = snapshot(moved, step=10, before=first)
    >>> second.freed, second.newly_lost
    ([4], [])
    """
    measured = "all" if efforts else None
    audit = _functions.audit(
        W, b, domain, gain=gain, shift=shift, efforts=measured, threads=threads, copy=True, progress=False
    )
    lost = [int(id) for id in audit.ids[audit.verdict == "unargmaxable"]]
    then = set(before.lost) if before is not None else set(lost)
    effort = {}
    if efforts:
        high: NDArray[np.float64] = audit.effort[:, 1]
        high = np.sort(high[~np.isnan(high)])
        if len(high):
            # An entry, not a mean of two: some are infinite.
            effort = {share: float(high[int(share * (len(high) - 1))]) for share in QUANTILES}
    return Snapshot(
        step=step,
        counts=audit.counts,
        lost=lost,
        newly_lost=[id for id in lost if id not in then],
        freed=sorted(then - set(lost)),
        effort=effort,
    )


def watched_tokens(tokenizer: Any) -> list[int]:
    """The ids that a fine-tune cares for: special tokens, added tokens, and the tokens that a chat template writes."""
    ids = set(getattr(tokenizer, "all_special_ids", []))
    ids.update(getattr(tokenizer, "added_tokens_decoder", {}))
    ids.update(dict(getattr(tokenizer, "get_added_vocab", dict)()).values())
    if getattr(tokenizer, "chat_template", None):
        messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        try:
            ids.update(tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False))
        except Exception as error:  # A template may refuse any message; it is code of the checkpoint.
            logger.warning("the chat template was not rendered, so its tokens are not watched: %s", error)
    return sorted(int(id) for id in ids)


class UnargmaxCallback(Callback):
    """Audits the output embeddings of a model that the Trainer of transformers trains.

    Before the first step it warns of watched tokens that can never win; with a frozen head no training will change that. At each
    save, and every ``every`` steps, it audits all tokens, logs what it finds, and may stop the run.

    Args:
        tokenizer: Its special, added and template tokens are watched; or give ids by ``tokens``.
        tokens: The ids of watched tokens.
        every: Also audit every so many steps.
        domain: Where hidden states lie, as for :func:`unargmax.audit`.
        norm: The final norm by its place in the model, such as ``"model.norm"`` or ``"transformer.ln_f"``: hidden states are those
            that it leaves, and efforts are measured.
        stop_on_new_loss: Stop the training once a watched token becomes lost.
    """

    def __init__(
        self,
        tokenizer: Any = None,
        *,
        tokens: Sequence[int] | None = None,
        every: int | None = None,
        domain: str = "free",
        norm: str | None = None,
        stop_on_new_loss: bool = False,
    ) -> None:
        self.watched = list(tokens) if tokens is not None else watched_tokens(tokenizer)
        self.tokenizer = tokenizer
        self.every = every
        self.domain = domain
        self.norm = norm
        self.stop_on_new_loss = stop_on_new_loss
        #: The audits so far.
        self.history: list[Snapshot] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Audit before the first step, and warn of watched tokens that can never win."""
        head = _head(model)
        found = self._snapshot(model, state.global_step)
        lost = sorted(set(self.watched) & set(found.lost))
        if not lost:
            return
        frozen = not head.weight.requires_grad
        outlook = (
            "The head is frozen, so training will not change that: train it, or move these rows first."
            if frozen
            else "The head is trained, which may free them; the next audits will tell."
        )
        names = ", ".join(self._name(id) for id in lost)
        warnings.warn(f"{len(lost)} tokens can never be generated: {names}. {outlook}", stacklevel=2)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Audit every so many steps."""
        if self.every and state.global_step % self.every == 0:
            self._audit(state, control, model)

    def on_save(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Audit what is saved."""
        self._audit(state, control, model)

    def _audit(self, state: Any, control: Any, model: Any) -> None:
        if self.history and self.history[-1].step == state.global_step:
            return
        found = self._snapshot(model, state.global_step)
        newly = sorted(set(self.watched) & set(found.newly_lost))
        if newly:
            names = ", ".join(self._name(id) for id in newly)
            logger.warning("step %d: watched tokens can no longer win: %s", found.step, names)
            if self.stop_on_new_loss:
                control.should_training_stop = True

    def _snapshot(self, model: Any, step: int) -> Snapshot:
        head = _head(model)
        domain, gain, shift = self._domain(model)
        found = snapshot(
            _numbers(head.weight),
            None if getattr(head, "bias", None) is None else _numbers(head.bias),
            step=step,
            before=self.history[-1] if self.history else None,
            domain=domain,
            gain=gain,
            shift=shift,
            efforts=self.norm is not None,
        )
        self.history.append(found)
        watched = len(set(self.watched) & set(found.lost))
        logger.info("step %d: %s; %d watched tokens can never win", step, found.as_log(), watched)
        return found

    def _domain(self, model: Any) -> tuple[str, ArrayLike | None, ArrayLike | None]:
        if self.norm is None:
            return self.domain, None, None
        norm = model.get_submodule(self.norm)
        shift = getattr(norm, "bias", None)
        kind = "rmsnorm" if shift is None else "layernorm"
        return kind, _numbers(norm.weight), None if shift is None else _numbers(shift)

    def _name(self, id: int) -> str:
        if self.tokenizer is None:
            return f"#{id}"
        return f"{self.tokenizer.convert_ids_to_tokens(id)!r} ({id})"


def _head(model: Any) -> Any:
    """The module of the output embeddings."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if head is None:
        raise ValueError(f"{type(model).__name__} has no output embeddings (get_output_embeddings() is None)")
    return head


def _numbers(tensor: Any) -> NDArray[np.float32]:
    """The numbers of a tensor of torch, in float32."""
    numbers: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return numbers
