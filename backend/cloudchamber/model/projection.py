"""The process that lays out a vocabulary: `python -m cloudchamber.model.projection FILE METHOD…`

It is a process of its own because it works for a minute on every core and must yield to the
model it belongs to, because a hostile file may crash it, and because it can be cancelled by
killing it. It writes messages to standard output, each a u32 length and a codec message:

    {kind: "progress", fraction, message}
    {kind: "positions", method, body}     body is what is served
    {kind: "failed", message}

It ends when its standard input does, so it can't outlive its parent.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from cloudchamber.model.embedding import open_embedding
from cloudchamber.model.header import GgufError
from cloudchamber.model.positions import arrange
from cloudchamber.model.reduction import reduce_embedding
from cloudchamber.telemetry import codec

_PCA_SHARE: Final = 0.05
_PROGRESS_INTERVAL: Final = 0.1


class Reporter:
    """Writes messages to the parent; progress at most ten times a second."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._last_progress = 0.0

    def send(self, kind: str, **fields: Any) -> None:
        message = codec.encode({"kind": kind, **fields})
        self._out.write(struct.pack("<I", len(message)) + message)
        self._out.flush()

    def progress(self, fraction: float, message: str) -> None:
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_INTERVAL:
            self._last_progress = now
            self.send("progress", fraction=fraction, message=message)


def project(path: Path, methods: Sequence[str], report: Reporter) -> None:
    """Compute the positions asked for and report them, PCA first. Raises `GgufError`."""
    embedding = open_embedding(path)
    if embedding is None:
        raise GgufError(f"{path.name} has no token embedding that can be read")
    reading = "Reading the vocabulary's embedding"
    reduced = reduce_embedding(embedding, lambda done: report.progress(_PCA_SHARE * done, reading))
    if "pca" in methods:
        report.send("positions", method="pca", body=arrange("pca", reduced.pca).encode())
    if "umap" not in methods:
        return
    yield_to_others()
    # Imported here, because it takes seconds and the PCA must not wait for it.
    from cloudchamber.model.layout import MIN_TOKENS, umap_layout

    if len(reduced.rows) < MIN_TOKENS:
        return
    points = umap_layout(
        reduced, lambda done, message: report.progress(_PCA_SHARE + (1 - _PCA_SHARE) * done, message)
    )
    report.send("positions", method="umap", body=arrange("umap", points).encode())


def yield_to_others() -> None:
    """Give every thread of this process the least claim on the processor.

    Threads of the linear algebra library exist already and would keep their priority if only
    the process were asked, as Linux means the calling thread by that.
    """
    with contextlib.suppress(OSError):
        os.nice(19)
    tasks = Path("/proc/self/task")
    for task in tasks.iterdir() if tasks.is_dir() else ():
        with contextlib.suppress(OSError, ValueError):
            os.setpriority(os.PRIO_PROCESS, int(task.name), 19)
            os.sched_setscheduler(int(task.name), os.SCHED_BATCH, os.sched_param(0))


def _end_with_parent() -> None:
    """End at once when the parent closes our standard input, be it by dying."""
    while os.read(0, 4_096):
        pass
    os._exit(0)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Needed last for the PCA, and slow to import: meanwhile the embedding is read.
    threading.Thread(target=importlib.import_module, args=("scipy.spatial",), daemon=True).start()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the messages
    report = Reporter(out)
    path, *methods = sys.argv[1:]
    try:
        project(Path(path), methods, report)
    except (GgufError, MemoryError) as error:
        report.send("failed", message=str(error) or "there is not enough memory for it")
    except Exception as error:
        report.send("failed", message=f"{type(error).__name__}: {error}")
        raise


if __name__ == "__main__":
    main()
