"""`python -m soak.stage [RATE]`: the real server, showing a recorded run over and over.

With a RATE (frames a second) it is a steady load; without, the run goes at its own pace. Nothing
is computed beside it, so that what is measured is the server and its viewers.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from cloudchamber.server import run
from cloudchamber.server.replay import ReplaySession
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.recording import Recording, read_recording

RECORDING = Path(__file__).resolve().parent.parent / "playwright/fixtures/smollm2.chamber"
ONCE = ("model_loaded", "positions_ready")
"""Events that are shown the first time only: the model stays the same."""


class EndlessSession(ReplaySession):
    """A recording that begins anew when it has ended, for as long as the server runs."""

    def __init__(self, recording: Recording, rate: float | None) -> None:
        super().__init__(recording)
        self._rate = rate

    async def _play(self) -> None:
        await self._begin.wait()
        again = [(time, without_model(data)) for time, data in self._recording.frames]
        if self._rate:
            again = [
                (i / self._rate, data) for i, (_, data) in enumerate(f for f in again if has_token(f[1]))
            ]
        length = again[-1][0] + (1 / self._rate if self._rate else 0.5)
        loop = asyncio.get_running_loop()
        for _, data in self._recording.frames[: len(self._recording.frames) if not self._rate else 4]:
            self._show(data)
        start = loop.time()
        while True:
            for time, data in again:
                await asyncio.sleep(max(0.0, start + time - loop.time()))
                self._show(data)
            start += length


def without_model(data: bytes) -> bytes:
    """An encoded frame without what is shown once."""
    frame = codec.decode(data)
    frame["events"] = [event for event in frame["events"] if event["kind"] not in ONCE]
    return codec.encode(frame)


def has_token(data: bytes) -> bool:
    """A frame of a run under way."""
    events: list[dict[str, Any]] = codec.decode(data)["events"]
    return any(event["kind"] == "token" for event in events)


def main() -> None:
    rate = float(sys.argv[1]) if len(sys.argv) > 1 else None
    session = EndlessSession(read_recording(RECORDING), rate)
    with tempfile.TemporaryDirectory(prefix="cloudchamber-") as data:
        opening = run.Opening(port=0, data=Path(data))
        run.run(session, opening, browser=False, say=lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
