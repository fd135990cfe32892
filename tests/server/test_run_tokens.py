"""The server's store of a run's tokens: all of them, however many."""

from __future__ import annotations

import os

import numpy as np
import pytest

from cloudchamber.server.run_tokens import RunTokens
from cloudchamber.telemetry.commands import MAX_TOKENS
from tests.telemetry import samples


def test_tokens_come_back_whole_from_however_long_ago() -> None:
    kept = RunTokens()
    kept.take(samples.run_started("a"))
    for step in range(3 * MAX_TOKENS):
        kept.take(samples.token(step, "a"))
    assert len(kept) == 3 * MAX_TOKENS
    assert [token.step for token in kept.range(5, 9)] == [5, 6, 7, 8]
    first, wanted = kept[0], samples.token(0, "a")
    assert (first.token_bytes, first.position, first.eog) == (wanted.token_bytes, 3, False)
    np.testing.assert_array_equal(first.top_p, wanted.top_p)
    assert len(kept.range(0, 0)) == MAX_TOKENS
    assert [token.step for token in kept.range(3 * MAX_TOKENS - 2, 0)] == [1534, 1535]
    assert kept.range(3 * MAX_TOKENS, 0) == kept.range(9, 4) == []
    with pytest.raises(IndexError):
        kept[3 * MAX_TOKENS]
    kept.close()


def test_a_new_run_begins_anew_and_others_tokens_are_not_taken() -> None:
    kept = RunTokens()
    kept.take(samples.run_started("a"))
    kept.take(samples.token(0, "a"))
    kept.take(samples.run_started("b"))
    assert len(kept) == 0
    kept.take(samples.token(0, "a"))
    kept.take(samples.token(1, "b"))  # one before it was lost
    assert len(kept) == 0
    kept.take(samples.token(0, "b"))
    assert kept[0].run_id == "b"
    kept.take(samples.model_loaded())
    assert (len(kept), kept.run_id) == (0, "")
    kept.close()


def test_a_full_disk_costs_the_tokens_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = RunTokens()
    kept.take(samples.run_started("a"))
    kept.take(samples.token(0, "a"))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    kept.take(samples.token(1, "a"))
    monkeypatch.undo()
    kept.take(samples.token(2, "a"))
    assert [token.step for token in kept.range(0, 0)] == [0]
    kept.close()
