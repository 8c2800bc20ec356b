"""Audits during training: the plain function, and the callback with the real Trainer where torch is installed."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unargmax.training import UnargmaxCallback, snapshot, watched_tokens


def test_a_snapshot_says_what_was_lost_and_freed_since_the_one_before(square: Any) -> None:
    first = snapshot(square, step=1)
    assert first.lost == [4] and first.newly_lost == [] and first.freed == []
    moved = square.copy()
    moved[4] = [9, 9]
    moved[0] = [1.2, 1.2]
    second = snapshot(moved, step=2, before=first)
    assert second.freed == [4] and 0 in second.newly_lost
    assert second.as_log()["unargmax/unargmaxable"] == len(second.lost)


def test_efforts_behind_a_norm_are_quantiles_that_rise(square: Any) -> None:
    found = snapshot(square, domain="rmsnorm", gain=np.ones(2), efforts=True)
    shares = list(found.effort.values())
    assert len(shares) == 3 and shares == sorted(shares)


class Tokenizer:
    """As much of a tokenizer as the callback asks for."""

    all_special_ids = [0]
    added_tokens_decoder = {60: "<|im_start|>", 61: "<|im_end|>"}
    chat_template = "any"

    def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> list[int]:
        return [5, 60, 61]

    def convert_ids_to_tokens(self, id: int) -> str:
        return self.added_tokens_decoder.get(id, f"t{id}")


def test_special_added_and_template_tokens_are_watched() -> None:
    assert watched_tokens(Tokenizer()) == [0, 5, 60, 61]


def model_with_new_tokens(torch: Any, frozen: bool) -> Any:
    """A tiny GPT-2 of 60 tokens that got four more by ``resize_token_embeddings``, whose rows are at the mean of the others."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=60, n_positions=16, n_embd=8, n_layer=1, n_head=2, tie_word_embeddings=False
    )
    model = GPT2LMHeadModel(config)
    model.resize_token_embeddings(64, mean_resizing=False)
    with torch.no_grad():
        rows = model.get_output_embeddings().weight
        rows[60:] = rows[:60].mean(dim=0) + 1e-5 * torch.randn(4, 8)
    model.get_output_embeddings().weight.requires_grad_(not frozen)
    return model


def train(torch: Any, model: Any, callback: UnargmaxCallback, folder: Path, steps: int = 40) -> Any:
    from transformers import Trainer, TrainingArguments

    class Texts(torch.utils.data.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 400

        def __getitem__(self, at: int) -> dict[str, Any]:
            generator = torch.Generator().manual_seed(at)
            ids = torch.randint(0, 64, (8,), generator=generator)
            # Every other token is a new one.
            ids[::2] = 60 + ids[::2] % 4
            return {"input_ids": ids, "labels": ids}

    arguments = TrainingArguments(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=8, learning_rate=0.05,
        report_to=[], save_steps=20, logging_steps=1000, use_cpu=True, disable_tqdm=True, seed=1,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=Texts(), callbacks=[callback])
    trainer.train()
    return trainer


def test_a_frozen_head_is_warned_of_before_the_first_step(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    model = model_with_new_tokens(torch, frozen=True)
    callback = UnargmaxCallback(Tokenizer(), every=10)
    with pytest.warns(UserWarning, match="can never be generated") as caught:
        train(torch, model, callback, tmp_path)
    told = str(next(w.message for w in caught if "can never be generated" in str(w.message)))
    assert "'<|im_start|>' (60)" in told and "The head is frozen" in told
    assert [found.step for found in callback.history] == [0, 10, 20, 30, 40]
    assert all({60, 61} <= set(found.lost) for found in callback.history)


def test_a_trained_head_frees_new_tokens_step_by_step(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    model = model_with_new_tokens(torch, frozen=False)
    callback = UnargmaxCallback(tokens=[60, 61, 62, 63], every=2, norm="transformer.ln_f")
    with warnings.catch_warnings(), caplog.at_level("INFO", logger="unargmax"):
        warnings.simplefilter("ignore")
        train(torch, model, callback, tmp_path)
    watched = [len(set(found.lost) & {60, 61, 62, 63}) for found in callback.history]
    assert watched[0] == 4 and watched[-1] == 0, watched
    assert len(set(watched)) > 1
    assert "unargmax/unargmaxable" in caplog.text and "unargmax/effort_0.5" in caplog.text


def test_a_watched_token_that_becomes_lost_stops_the_training_where_asked() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    from transformers import TrainerControl, TrainerState

    model = model_with_new_tokens(torch, frozen=False)
    callback = UnargmaxCallback(tokens=[3], every=1, stop_on_new_loss=True)
    state, control = TrainerState(), TrainerControl()
    callback.on_train_begin(None, state, control, model=model)
    assert 3 not in callback.history[-1].lost
    with torch.no_grad():
        rows = model.get_output_embeddings().weight
        rows[3] = rows[:60].mean(dim=0)
    state.global_step = 1
    callback.on_step_end(None, state, control, model=model)
    assert callback.history[-1].newly_lost == [3] and control.should_training_stop
