"""The spool: what is cut off is not believed, and a disk without room ends it and not the run."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.options import EngineOptions
from cloudchamber.sessions import spool as spool_module
from cloudchamber.sessions.spool import Spool, SpoolError, delete, spools
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import Problem
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
        finally:
            limited(old)
            signal.signal(signal.SIGXFSZ, handler)
    stopped = [p for p in heard.all(Problem) if p.code == "recording-stopped"]
    assert len(stopped) == 1
    assert "no longer recorded" in stopped[0].message
    assert len(heard.tokens()) == 30 or heard.ending().phase == "finished"
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
