"""The documented client runs, and the documented numbers are those of the code."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import bundled
from cloudchamber.server import auth, closing, flow, patience, rights, session_watch, stream
from cloudchamber.server.live import LiveSession
from cloudchamber.sessions import archive, store_list
from cloudchamber.telemetry import commands, distribution, event_log, events, messages, pacer
from cloudchamber.telemetry.events import Distribution
from tests.server.serving import SECRET, serving

TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def test_the_documented_client_watches_a_real_run(tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(re.findall(r"```python\n(.*?)```", TEXT, re.S)[0])
    session = LiveSession(EngineOptions(n_ctx=256), model=bundled(), autostart=False)
    with serving(session, tmp_path) as address:
        session_is_ready(session)
        command = [sys.executable, str(script), f"http://{address}/?token={SECRET}", "Once", "4"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert len(re.findall(r"^ +\d+ .+ p=[01]\.\d{3}$", said, re.M)) == 4
    assert "of 49152 tokens have p > 1e-4" in said


def session_is_ready(session: LiveSession) -> None:
    import time

    until = time.monotonic() + 60
    while session.state != "ready" and time.monotonic() < until:
        time.sleep(0.05)
    assert session.state == "ready"


def test_the_worked_example_is_right() -> None:
    event = Distribution(
        run_id="",
        step=0,
        stage="model",
        n_vocab=5,
        codes=np.array([0x10, 0x02, 0x01], np.uint8),
        codebook=np.array([0.01, 0.002, 0.3, *[0] * 13], np.float32),
        block_counts=np.array([1], np.uint32),
        index_low=np.array([3], np.uint16),
        values=np.array([65535], np.uint16),
        low=-9.0,
        high=-1.204,
        top_ids=np.array([0, 2], np.uint32),
        top_p=np.array([0.386, 0.31], np.float32),
        total_variation=0.0,
    )
    np.testing.assert_allclose(distribution.decode(event), [0.386, 0.002, 0.31, 0.3, 0.002], rtol=1e-3)


@pytest.mark.parametrize("kind", [*events.KINDS, *messages.KINDS, *commands.KINDS])
def test_every_kind_is_told_of(kind: str) -> None:
    assert f"`{kind}`" in TEXT


def test_the_numbers_are_those_of_the_code() -> None:
    for number in (
        f"{pacer.FRAME_RATE:g} a second",
        f"the last {event_log.CAPACITY:,}",
        f"{event_log.CAPACITY // 2:,} behind",
        f"{commands.MAX_PROMPT_BYTES:,} bytes",
        f"inbound message | {commands.MAX_MESSAGE_BYTES >> 10} KiB",
        f"your message was larger than {commands.MAX_MESSAGE_BYTES >> 10} KiB",
        f"at most {commands.MAX_SELECTIONS} pairs",
        f"{stream.MAX_QUESTIONS} a viewer",
        f"{auth.SOCKETS} at once",
        f"{flow.ASIDE[0]:.0f} a second and bursts of {flow.ASIDE[1]:.0f}; beyond that 1008",
        f"{patience.CONNECTIONS:,} in all",
        f"{patience.REQUEST_SECONDS:.0f} seconds of its own",
        f"{patience.UNREAD_SECONDS} seconds without a byte taken",
        f"viewers | {stream.MAX_VIEWERS};",
        "; ".join(
            f"{rate:.0f} a second and bursts of {burst:.0f}" for rate, burst in stream.MESSAGES.values()
        ),
        f"number is {messages.PROTOCOL}",
        *(
            str(code)
            for module in (closing, rights, session_watch)
            for name, code in vars(module).items()
            if name.startswith("CLOSE_")
        ),
    ):
        assert number in TEXT


@pytest.mark.parametrize(
    "cls",
    [
        archive.Manifest,
        archive.Timeline,
        archive.Tokens,
        archive.Frames,
        archive.Norms,
        archive.Attention,
        archive.ExactDistribution,
        store_list.SessionInfo,
    ],
)
def test_every_field_of_a_sessions_parts_is_told_of(cls: type) -> None:
    told = TEXT[TEXT.index("## Sessions") : TEXT.index("## Recordings")]
    for field in dataclasses.fields(cls):
        assert re.search(rf"\b{field.name}\b", told), field.name


def test_the_sizes_of_a_sessions_parts_are_told() -> None:
    last = archive.TOKENS_PER_PART - 1
    assert f"steps {last + 1} N to {last + 1} N + {last}" in TEXT
    rows = archive.QUERIES_PER_PART
    assert f"positions {rows} N to {rows} N + {rows - 1}" in TEXT
