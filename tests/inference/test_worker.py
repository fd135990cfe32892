"""What a worker passes up at once, and what waits until the next decode has ended."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from cloudchamber.inference.wire import Channel
from cloudchamber.inference.worker import Worker
from cloudchamber.telemetry.events import Event, LayerActivation, Progress, RunState, TokenGenerated


class Notes:
    """A channel that writes down what it is told to do."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    def hold(self, event: Event) -> None:
        self.done.append(("hold", event.kind))

    def send(self, event: Event) -> None:
        self.done.append(("send", event.kind))


def token(seconds: float) -> TokenGenerated:
    none = np.zeros(0, np.float32)
    return TokenGenerated(
        run_id="r", step=0, position=1, token_id=0, token_text="", token_bytes=b"", probability=1.0,
        rank=1, entropy=0.0, sampled_probability=1.0, sampled_entropy=0.0, sampled_count=1,
        top_ids=none.astype(np.uint32), top_p=none, decode_seconds=seconds, tokens_per_sec=0.0, eog=False,
    )  # fmt: skip


def layers() -> LayerActivation:
    none = np.zeros(0, np.float32)
    return LayerActivation(
        run_id="r", position=0, layer=none.astype(np.uint16), attention_norm=none, mlp_norm=none,
        output_norm=none, residual_change=none,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "way"),
    [
        (token(0.012), "hold"),
        (token(0.2), "send"),  # its frame would be late
        (layers(), "hold"),  # the token that follows takes it along
        (RunState(run_id="r", phase="paused", reason="", message=""), "send"),
        (Progress(task="prefill", fraction=0.5, message="", done=False), "send"),
    ],
)
def test_only_what_the_next_decode_soon_ends_waits(event: Event, way: str) -> None:
    notes = Notes()
    Worker(cast(Channel, cast(Any, notes)), -1).on_telemetry(event)
    assert notes.done == [(way, event.kind)]
