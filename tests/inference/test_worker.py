"""What a worker passes up at once, and what waits until the next decode has ended."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.wire import Channel
from cloudchamber.inference.worker import AT_ONCE, Worker
from cloudchamber.telemetry.commands import Generate, GetAttention
from cloudchamber.telemetry.events import Event, LayerActivation, Progress, RunState, TokenGenerated
from cloudchamber.telemetry.messages import AttentionReply
from tests.inference.listening import Listener


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


class Answers:
    """A channel that keeps the answers it is given."""

    def __init__(self, awaited: int) -> None:
        self.held: list[AttentionReply] = []
        self.all_there = threading.Event()
        self._awaited = awaited

    def flush(self) -> None:
        pass

    def send(self, answer: AttentionReply) -> None:
        self.held.append(answer)
        if len(self.held) == self._awaited:
            self.all_there.set()


def test_what_is_asked_together_is_answered_between_the_same_two_decodes(
    tiny_model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(AT_ONCE)
    worker = Worker(cast(Channel, cast(Any, answers)), -1)
    heard = Listener()
    with Engine.load(tiny_model("llama"), EngineOptions(n_ctx=256, threads=1), heard) as engine:
        worker._engine = engine
        visit = engine.between_decodes
        visits = itertools.count()
        monkeypatch.setattr(engine, "between_decodes", lambda: visit() if next(visits) >= 0 else None)
        threading.Thread(target=worker._answer, daemon=True).start()

        def ask(event: Event) -> None:
            if isinstance(event, TokenGenerated) and event.step == 5:
                with visit():
                    for request in range(AT_ONCE):
                        worker._obey(GetAttention(request=request, layer=0, head=request % 2))

        heard.reactions.append(ask)
        engine.generate(Generate(prompt="the cat sat on a mat", raw=True, max_tokens=200))
        assert answers.all_there.wait(20)
    assert [answer.request for answer in answers.held] == list(range(AT_ONCE))
    assert len({answer.query_stop for answer in answers.held}) == 1
    assert next(visits) == 1
