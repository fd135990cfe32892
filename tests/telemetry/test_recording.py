"""Recordings: what is written is read, what is broken is told, what is cut off is used."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from cloudchamber.telemetry import codec
from cloudchamber.telemetry.recording import GRID, RecordingError, RecordingWriter, read_recording

POINTS = np.random.default_rng(1).normal(0, 3, (500, 3)).astype(np.float32)
RADIUS = np.abs(POINTS[:, 0]) / 100


def write(path: Path, frames: int = 5) -> None:
    with RecordingWriter(path) as writer:
        writer.header({"model": "Tiny"})
        writer.vocabulary(b"vocabulary")
        writer.positions(codec.encode({"method": "pca", "points": POINTS, "radius": RADIUS}))
        for number in range(frames):
            writer.frame(100 + number / 30, codec.encode({"number": number}))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "run")
    recording = read_recording(tmp_path / "run")
    assert recording.whole
    assert recording.header == {"model": "Tiny"}
    assert recording.vocabulary == b"vocabulary"
    assert [time for time, _ in recording.frames] == pytest.approx([number / 30 for number in range(5)])
    assert [codec.decode(data)["number"] for _, data in recording.frames] == list(range(5))


def test_positions_are_kept_to_a_grid(tmp_path: Path) -> None:
    write(tmp_path / "run")
    body = codec.decode(read_recording(tmp_path / "run").positions["pca"])
    assert np.abs(body["points"] - POINTS).max() <= GRID / 2
    assert np.all((body["radius"] >= RADIUS) & (body["radius"] < RADIUS + GRID))


def test_payloads_are_aligned(tmp_path: Path) -> None:
    write(tmp_path / "run")
    inside = gzip.decompress((tmp_path / "run").read_bytes())
    for number in range(5):
        assert inside.index(codec.encode({"number": number})) % 8 == 0


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_what_was_cut_off_is_good_up_to_there(tmp_path: Path, share: float) -> None:
    write(tmp_path / "run", frames=20_000)
    data = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(data[: int(len(data) * share)])
    recording = read_recording(tmp_path / "run")
    assert not recording.whole
    assert 0 < len(recording.frames) < 20_000


@pytest.mark.parametrize("content", [b"", b"hello", gzip.compress(b"hello"), gzip.compress(b"CLDCHMB1")])
def test_what_is_no_recording_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run").write_bytes(content)
    with pytest.raises(RecordingError):
        read_recording(tmp_path / "run")


def test_a_recording_that_lies_about_its_size_is_told(tmp_path: Path) -> None:
    lie = gzip.compress(b"CLDCHMB1" + b"\3\0\0\0" + b"\xff\xff\xff\xff" + bytes(8))
    (tmp_path / "run").write_bytes(lie)
    with pytest.raises(RecordingError, match="larger"):
        read_recording(tmp_path / "run")
