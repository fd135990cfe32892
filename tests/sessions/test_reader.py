"""`cloudchamber.open` against the engine that made the run, from the store and from a file."""

from __future__ import annotations

import re
import shutil
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cloudchamber
from cloudchamber.sessions.compact_store import complete
from cloudchamber.sessions.container_writer import write_container
from cloudchamber.sessions.find import NotFoundError
from cloudchamber.sessions.reader import MissingError, Session
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_writing import Batch, Head
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import LayerActivation, RunStarted, TokenGenerated
from tests.sessions.runs import MODEL, batch
from tests.sessions.spooled import Spooled, run_and_spool

DOC = Path(__file__).parents[2] / "docs" / "notebook.md"


def keep(run: Spooled, store: Store) -> None:
    """Record a run as the recorder would, and complete it."""
    started, tokens = run.heard.all(RunStarted)[0], run.heard.all(TokenGenerated)
    store.begin(Head(run.run_id, 5.0, MODEL, started))
    made = Batch(frames=batch(0, 0, len(tokens)).frames)
    made.tokens = [(token.step, token.step / 30, codec.encode(token)) for token in tokens]
    store.append(run.run_id, made)
    store.finish(run.run_id).result()
    shutil.copytree(run.folder, store.spools / run.run_id)
    assert complete(store, run.run_id)


@pytest.fixture(scope="module")
def run(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Spooled:
    return run_and_spool(smollm2, tmp_path_factory.mktemp("run"), tokens=20)


@pytest.fixture(scope="module")
def data(run: Spooled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    store = Store(folder / "sessions.db")
    keep(run, store)
    kept = store.archive(run.run_id)
    assert kept is not None
    write_container(folder / "out.cloudchamber", kept)
    store.close()
    return folder


@pytest.fixture(params=["store", "file"])
def session(request: pytest.FixtureRequest, run: Spooled, data: Path) -> Iterator[Session]:
    if request.param == "store":
        opened = cloudchamber.open(run.run_id[:6], data=data)
    else:
        opened = cloudchamber.open(data / "out.cloudchamber")
    with opened:
        yield opened


def test_tokens_and_entropy(session: Session, run: Spooled) -> None:
    said = run.heard.all(TokenGenerated)
    assert session.steps == len(session.tokens) == len(said) == 20
    assert session.tokens.ids.tolist() == [token.token_id for token in said]
    assert session.tokens.text == [token.token_text for token in said]
    np.testing.assert_allclose(session.entropy, [token.entropy for token in said], rtol=1e-6)
    assert session.tokens.position.tolist() == [session.prompt_tokens + step for step in range(20)]
    assert session.title.startswith("Tell me about a lamp")


def test_distributions_are_exact(session: Session, run: Spooled) -> None:
    assert session.manifest.distribution_exact
    for step in (0, 7, 19, -1):
        np.testing.assert_array_equal(session.distribution(step), run.probabilities[step])
        p = session.distribution(step).astype(np.float64)
        entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
        assert entropy == pytest.approx(float(session.entropy[step]), abs=1e-4)


def test_attention_is_within_its_error(session: Session, run: Spooled) -> None:
    error = session.manifest.attention_error
    assert 0 < error < 0.002
    for layer, step in ((0, 0), (3, 7), (29, 19)):
        position = session.prompt_tokens + step - 1
        weights = session.attention(layer, step)
        assert weights.shape == (9, position + 1)
        assert session.sink(layer, step).tolist() == [0.0] * 9
        for head in range(9):
            live = run.rows[layer, head][0][position, : position + 1]
            assert np.abs(weights[head] - live).max() <= error * 1.001
    np.testing.assert_allclose(session.attention_at(5, 0), np.ones((9, 1)), atol=error)


def test_norms_of_every_position(session: Session, run: Spooled) -> None:
    norms = session.norms
    assert norms.output_norm.shape == (session.prompt_tokens + 19, 30)
    live: LayerActivation = run.norms[-1]
    np.testing.assert_array_equal(norms.attention_norm[-1], live.attention_norm)
    np.testing.assert_array_equal(norms.residual_change[-1], live.residual_change)


def test_what_is_not_there_says_so(session: Session) -> None:
    for step in (20, -21):
        with pytest.raises(IndexError, match="the session has 20"):
            session.distribution(step)
    with pytest.raises(MissingError, match=r"layer 30's attention .* it has layers 0, 1"):
        session.attention(30, 0)
    for position in (-1, session.norms.output_norm.shape[0]):
        with pytest.raises(IndexError, match="there is no position"):
            session.attention_at(0, position)


def test_no_such_session(data: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no session"):
        cloudchamber.open("nothing of the kind", data=data)
    with pytest.raises(NotFoundError, match=r"There is no file nowhere/run\.cloudchamber"):
        cloudchamber.open("nowhere/run.cloudchamber", data=data)


def test_a_session_without_the_large_parts(tiny_model: Callable[[str], Path], tmp_path: Path) -> None:
    run = run_and_spool(tiny_model("llama"), tmp_path / "elsewhere", tokens=3, ask=False)
    store = Store(tmp_path / "sessions.db")
    started = run.heard.all(RunStarted)[0]
    store.begin(Head(run.run_id, 5.0, MODEL, replace(started, prompt="Bare")))
    store.append(run.run_id, batch(0, 0, 3))
    store.finish(run.run_id).result()
    store.close()
    with cloudchamber.open("Bare", data=tmp_path) as session:
        assert len(session.entropy) == 3
        with pytest.raises(MissingError, match="distribution of step 1 is not in this session"):
            session.distribution(1)
        with pytest.raises(MissingError, match="it has none"):
            session.attention(0, 1)


def test_the_document_s_example_runs(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for matplotlib that keeps what it is asked to draw."""
    asked: list[tuple[str, tuple[Any, ...]]] = []

    class Recorder:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *values, **_: asked.append((name, values))

    pyplot = types.ModuleType("matplotlib.pyplot")
    pyplot.subplots = lambda **_: (Recorder(), Recorder())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "matplotlib", types.ModuleType("matplotlib"))
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", pyplot)
    monkeypatch.setenv("CLOUDCHAMBER_DATA", str(data))
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
    exec(compile(program, str(DOC), "exec"), {})
    names = [name for name, _ in asked]
    assert names == ["fill_between", *["annotate"] * 8, "set", "savefig"]
    assert len(asked[0][1][1]) == 20
