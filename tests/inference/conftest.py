"""An engine for the tests of inference; the real model is loaded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.options import EngineOptions
from tests.inference.listening import Listener


@pytest.fixture(scope="session")
def shared_engine(smollm2: Path) -> Iterator[tuple[Engine, Listener]]:
    listener = Listener()
    with Engine.load(smollm2, EngineOptions(n_ctx=1024), listener, model_id="real") as engine:
        yield engine, listener


@pytest.fixture
def engine(shared_engine: tuple[Engine, Listener]) -> Engine:
    """SmolLM2 with nothing wanted yet."""
    engine, listener = shared_engine
    engine.want([])
    listener.clear()
    return engine


@pytest.fixture
def heard(shared_engine: tuple[Engine, Listener], engine: Engine) -> Listener:
    """What the engine says."""
    return shared_engine[1]
