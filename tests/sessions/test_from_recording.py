"""A recording as a session: the same run, in parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import Attention, Frames, Manifest, Timeline, Tokens
from cloudchamber.sessions.from_recording import MemoryArchive, from_recording
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.recording import Recording, RecordingError, read_recording

FIXTURE = Path(__file__).parents[2] / "playwright/fixtures/smollm2.chamber"


@pytest.fixture(scope="module")
def recording() -> Recording:
    return read_recording(FIXTURE)


@pytest.fixture(scope="module")
def session(recording: Recording) -> MemoryArchive:
    return from_recording(recording)


def part[T](session: MemoryArchive, cls: type[T], name: str) -> T:
    value = archive.read(session, cls, name)
    assert value is not None
    return value


def test_the_manifest_tells_of_the_run_and_names_what_is_there(session: MemoryArchive) -> None:
    manifest = part(session, Manifest, "manifest")
    assert manifest.title.startswith("Tell me a story")
    assert manifest.steps == 72
    assert manifest.positions == ["pca", "umap"]
    assert manifest.finished is not None
    assert manifest.finished.phase == "finished"
    assert [phase for _, phase in manifest.phases] == ["prefill", "running", "finished"]
    assert manifest.phases[-1].time <= manifest.seconds
    assert set(archive.parts_of(manifest)) <= set(session.names())
    assert all(archive.is_part_name(name) for name in session.names())


def test_every_token_of_the_recording_is_there_in_order(recording: Recording, session: MemoryArchive) -> None:
    recorded = [
        event["token_id"]
        for _, data in recording.frames
        for event in codec.decode(data)["events"]
        if event["kind"] == "token"
    ]
    timeline = part(session, Timeline, "timeline")
    assert timeline.token.tolist() == recorded
    assert [token.token_id for token in part(session, Tokens, "tokens/0").tokens] == recorded
    assert np.all(np.diff(timeline.time) >= 0)


def test_frame_chunks_follow_one_another_and_begin_with_all_state(session: MemoryArchive) -> None:
    manifest = part(session, Manifest, "manifest")
    seen: set[str] = set()
    frames = steps = 0
    for number, chunk in enumerate(manifest.frame_chunks):
        held = list(part(session, Frames, f"frames/{number}"))
        assert (chunk.first_frame, chunk.frames) == (frames, len(held))
        assert (chunk.start, chunk.stop) == (held[0].time, held[-1].time)
        assert chunk.first_step == steps
        decoded = [codec.decode(frame.data) for frame in held]
        assert seen <= {event["kind"] for event in decoded[0]["state"]}
        kinds = [event["kind"] for frame in decoded for event in frame["state"]]
        assert "attention" not in kinds
        seen |= set(kinds)
        frames += len(held)
        steps += sum(event["kind"] == "token" for frame in decoded for event in frame["events"])
    assert (frames, steps) == (manifest.frames, manifest.steps)


def test_attention_is_within_the_error_it_states(recording: Recording, session: MemoryArchive) -> None:
    manifest = part(session, Manifest, "manifest")
    assert manifest.attention_layers == [23]
    parts = [part(session, Attention, f"attention/23/{chunk}") for chunk in range(2)]
    compared = 0
    for _, data in recording.frames:
        for event in codec.decode(data)["state"]:
            if event["kind"] != "attention":
                continue
            for row, weights in enumerate(event["weights"].astype(np.float32)):
                query = event["query_start"] + row
                of = parts[query // 64]
                r = query - of.query_start
                if not 0 <= r < of.rows:
                    continue
                kept = of.weights[r, event["head"]].astype(np.float32) * of.scale[r, event["head"]]
                assert (
                    np.abs(kept[: query + 1] - weights[: query + 1]).max() <= manifest.attention_error * 1.001
                )
                assert not kept[query + 1 :].any()
                compared += 1
    assert compared >= 900


def test_a_recording_without_a_run_is_refused(recording: Recording) -> None:
    with pytest.raises(RecordingError, match="no run"):
        from_recording(Recording(frames=recording.frames[:2]))
