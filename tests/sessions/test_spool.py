"""The spool: what is cut off is not believed, and a disk without room ends it and not the run."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.logits_log import open_spool, softmax
from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.past import RequestError
from cloudchamber.sessions import spool as spool_module
from cloudchamber.sessions.spool_reader import Spool, SpoolError, delete, spools
from cloudchamber.sessions.store_folder import end_spool
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import Event, Problem, TokenGenerated
from tests.inference.listening import Listener
from tests.sessions.spooled import run_and_spool

TinyModel = Callable[[str], Path]


def test_a_record_that_was_cut_off_is_not_there(tiny_model: TinyModel, tmp_path: Path) -> None:
    run = run_and_spool(tiny_model("llama"), tmp_path, tokens=6, ask=False)
    with run.open() as spool:
        positions, steps = spool.positions, spool.steps
        row, step = spool.head.row_bytes, spool.head.step_bytes
    assert steps == 6
    for name, size in (("rows", row), ("steps", step)):
        path = run.folder / name
        os.truncate(path, path.stat().st_size - size // 2)
    with run.open() as spool:
        assert (spool.positions, spool.steps) == (positions - 1, steps - 1)
        there, _, _ = spool.step_records(0, steps)
        assert there.tolist() == [True] * (steps - 1) + [False]


def test_a_hole_is_no_step(tiny_model: TinyModel, tmp_path: Path) -> None:
    run = run_and_spool(tiny_model("llama"), tmp_path, tokens=6, ask=False)
    with run.open() as spool:
        size = spool.head.step_bytes
    for step in (0, 3):
        with (run.folder / "steps").open("r+b") as file:
            file.seek(step * size)
            file.write(bytes(size))
    with run.open() as spool:
        assert spool.step_records(0, 6)[0].tolist() == [False, True, True, False, True, True]


def test_each_run_has_a_folder_of_its_own(tiny_model: TinyModel, tmp_path: Path) -> None:
    heard = Listener()
    with Engine.load(tiny_model("llama"), EngineOptions(n_ctx=256, spool=str(tmp_path)), heard) as engine:
        for _ in range(2):
            engine.generate(Generate(prompt="the cat", raw=True, max_tokens=3))
    found = list(spools(tmp_path))
    assert len(found) == 2
    delete(found[0])
    assert list(spools(tmp_path)) == found[1:]
    with Spool(found[1]) as spool:
        assert spool.head.run_id == found[1].name


def test_logits_are_written_once(tiny_model: TinyModel, tmp_path: Path) -> None:
    """What the engine answers comes from the spool, also when the spool is gone, and is what was said."""
    heard = Listener()
    log = open_spool()
    options = EngineOptions(n_ctx=256, spool=str(tmp_path))
    with Engine.load(tiny_model("llama"), options, heard, logits_fd=log) as engine:
        engine.generate(Generate(prompt="the cat sat", raw=True, max_tokens=12))
        (folder,) = spools(tmp_path)
        with Spool(folder) as spool:
            _, _, logits = spool.step_records(0, spool.steps)
        written = os.pread(log, os.fstat(log).st_size, 0)
        delete(folder)
        for step, token in enumerate(heard.all(TokenGenerated)):
            p = engine.distribution(step)
            np.testing.assert_allclose(p[token.top_ids], token.top_p, rtol=1e-6)
            np.testing.assert_array_equal(p, softmax(logits[step]))
            assert token.token_id in engine.survivors(step).ids
    assert len(heard.tokens()) > 5
    assert not any(row.tobytes() in written for row in logits)


def kept_steps(engine: Engine, heard: Listener) -> list[int]:
    """Steps of whose distribution the engine can answer what it said."""
    kept = []
    for step, token in enumerate(heard.all(TokenGenerated)):
        with suppress(RequestError):
            np.testing.assert_allclose(engine.distribution(step)[token.top_ids], token.top_p, rtol=1e-6)
            kept.append(step)
    return kept


def limited(limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def test_a_full_disk_ends_the_recording_and_not_the_run(tiny_model: TinyModel, tmp_path: Path) -> None:
    import signal

    heard = Listener()
    old, handler = resource.getrlimit(resource.RLIMIT_FSIZE)[0], signal.getsignal(signal.SIGXFSZ)
    options = EngineOptions(n_ctx=256, spool=str(tmp_path), logits_bytes=4096)
    with Engine.load(tiny_model("llama"), options, heard) as engine:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limited(16 << 10)
        try:
            engine.generate(Generate(prompt="the cat sat", raw=True, max_tokens=30))
            kept = kept_steps(engine, heard)
        finally:
            limited(old)
            signal.signal(signal.SIGXFSZ, handler)
    stopped = [p for p in heard.all(Problem) if p.code == "recording-stopped"]
    assert len(stopped) == 1
    assert "no longer recorded" in stopped[0].message
    assert len(heard.tokens()) == 30 or heard.ending().phase == "finished"
    tokens = len(heard.tokens())
    assert kept == [tokens - 1], "the log has room for one, and holds it itself once the spool has ended"
    with Spool(next(spools(tmp_path))) as spool:
        assert 0 < spool.steps < len(heard.tokens())
        there, _, logits = spool.step_records(0, spool.steps)
        assert there.all()
        assert np.isfinite(logits).all()


def test_some_of_the_disk_is_left_to_others(
    tiny_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "KEPT_FREE", 1 << 60)
    heard = run_and_spool(tiny_model("llama"), tmp_path, tokens=5, ask=False).heard
    (stopped,) = heard.all(Problem)
    assert stopped.code == "recording-stopped"
    assert "almost full" in stopped.message


def test_nothing_more_is_written_once_a_spool_was_ended(
    tiny_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is said: whoever ended it has. What is there stays, and the run goes on to its end."""
    monkeypatch.setattr(spool_module, "_LOOK_EVERY", 4)
    heard = Listener()

    class Ending:
        def on_telemetry(self, event: Event) -> None:
            heard.on_telemetry(event)
            if isinstance(event, TokenGenerated) and event.step == 9:
                end_spool(tmp_path / event.run_id)

    with Engine.load(tiny_model("llama"), EngineOptions(n_ctx=256, spool=str(tmp_path)), Ending()) as engine:
        engine.generate(Generate(prompt="the cat sat", raw=True, max_tokens=30))
        exact = [engine.distribution(step) for step in range(30)]
    assert len(heard.tokens()) == 30
    assert heard.all(Problem) == []
    (folder,) = spools(tmp_path)
    with Spool(folder) as spool:
        assert spool.hold()
        assert 10 <= spool.steps <= 14
        there, _, logits = spool.step_records(0, spool.steps)
    assert there.all()
    for row, probabilities in zip(logits, exact[: len(logits)], strict=True):
        np.testing.assert_array_equal(softmax(row), probabilities)


def test_a_long_prompt_is_looked_at_too(
    tiny_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its positions come by the hundred at once."""
    looked: list[int] = []
    look = os.fstatvfs

    def count(file: int) -> os.statvfs_result:
        looked.append(file)
        return look(file)

    monkeypatch.setattr(os, "fstatvfs", count)
    options = EngineOptions(n_ctx=1024, n_ubatch=64, spool=str(tmp_path))
    with Engine.load(tiny_model("llama"), options, Listener()) as engine:
        engine.generate(Generate(prompt="the cat sat on a mat " * 60, raw=True, max_tokens=2))
    assert len(looked) >= 5


def test_a_folder_that_can_t_be_written_ends_the_recording(tiny_model: TinyModel, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    heard = Listener()
    options = EngineOptions(n_ctx=256, spool=str(blocked / "spool"))
    with Engine.load(tiny_model("llama"), options, heard) as engine:
        engine.generate(Generate(prompt="the cat", raw=True, max_tokens=3))
    assert [p.code for p in heard.all(Problem)] == ["recording-stopped"]
    assert len(heard.tokens()) == 3


def test_what_is_no_spool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="no head"):
        Spool(tmp_path)
    (tmp_path / "head").write_bytes(b"\x93\x01")
    with pytest.raises(SpoolError, match="damaged"):
        Spool(tmp_path)


PROGRAM = """
import sys
from cloudchamber.inference.engine import Engine
from cloudchamber.inference.logits_log import open_spool, softmax
from cloudchamber.inference.options import EngineOptions
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import TokenGenerated

class Hook:
    def on_telemetry(self, event):
        if isinstance(event, TokenGenerated):
            print(event.step, event.position, flush=True)

with Engine.load(sys.argv[1], EngineOptions(n_ctx=1024, spool=sys.argv[2]), Hook()) as engine:
    while True:
        engine.generate(Generate(prompt="the cat sat on a mat", raw=True, max_tokens=900))
"""


@pytest.mark.parametrize("seed", range(3))
def test_what_was_told_survives_a_kill(tiny_model: TinyModel, tmp_path: Path, seed: int) -> None:
    """Not a quarter of a second's tokens, but none of those that anyone heard of are lost."""
    words = [sys.executable, "-c", PROGRAM, str(tiny_model("llama")), str(tmp_path)]
    told = random.Random(seed).randrange(5, 800)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(told)]
        process.kill()
        lines += [line for line in process.stdout if line.endswith("\n")]
    step, position = map(int, lines[-1].split())
    # More than one run if the first came to its end.
    with Spool(list(spools(tmp_path))[-1]) as spool:
        assert spool.hold()
        assert spool.steps >= step + 1
        assert spool.positions >= position
        there, _, logits = spool.step_records(0, step + 1)
        assert there.all()
        assert np.isfinite(logits).all()
        assert (spool.layer_records(0, position)[0] >= 0).all()
