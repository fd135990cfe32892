"""Runs of real models that leave a spool, for the tests of what is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.options import EngineOptions
from cloudchamber.sessions.spool_reader import Spool, spools
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import F4, LayerActivation, Sampling
from tests.inference.listening import Listener

PROMPT = "Tell me about a lamp by the sea, and about the boy who keeps it alight."


@dataclass(slots=True)
class Spooled:
    """One run, its spool, and what the engine that made it said of it."""

    folder: Path
    run_id: str
    model: Path
    probabilities: list[F4] = field(default_factory=list)
    rows: dict[tuple[int, int], tuple[F4, F4]] = field(default_factory=dict)
    """By layer and head: weights [P, P] and sink [P], as a live run computes them."""
    norms: list[LayerActivation] = field(default_factory=list)
    """By position."""
    heard: Listener = field(default_factory=Listener)

    def open(self) -> Spool:
        return Spool(self.folder)


def run_and_spool(
    model: Path, folder: Path, *, tokens: int, attention: bool = True, ask: bool = True
) -> Spooled:
    """Generate with a spool; with `ask` keep what the engine answers about the run."""
    heard = Listener()
    options = EngineOptions(n_ctx=512, spool=str(folder), spool_attention=attention)
    with Engine.load(model, options, heard) as engine:
        command = Generate(prompt=PROMPT, max_tokens=tokens, sampling=Sampling(seed=11, temperature=1.2))
        engine.generate(command)
        path = next(spools(folder))
        run = Spooled(path, path.name, model, heard=heard)
        if ask:
            run.probabilities = [engine.distribution(step) for step in range(len(heard.tokens()))]
            for position in range(engine._bench.state.positions):
                event = engine._capture.layer_activation(path.name, position)
                assert event is not None
                run.norms.append(event)
            for layer, window in enumerate(engine.info.windows):
                for head in range(engine.info.n_head if window >= 0 else 0):
                    weights, sink, _, _ = engine._capture.attention_block(
                        layer, head, "head", 0, 0, 0, 0, 4096
                    )
                    run.rows[layer, head] = (weights, sink)
    return run
