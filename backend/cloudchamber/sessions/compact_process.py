"""The process that completes a session: `python -m cloudchamber.sessions.compact_process FOLDER`.

It computes at the lowest priority, and keeps nothing: pieces go up through its standard output,
each behind its length, and what it is not to make again comes first through its standard input.
Whoever started it may end it at any time, and ends it by dying.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from cloudchamber.inference import wire
from cloudchamber.priority import be_modest
from cloudchamber.telemetry import codec

DONE: Final = 0
UNUSABLE: Final = 3
"""The spool can't be read and is of no use."""
HELD: Final = 4
"""The spool is still written, or read by another."""


def main(folder: Path) -> int:
    be_modest()
    from cloudchamber.sessions.compact import compact
    from cloudchamber.sessions.spool_reader import Spool, SpoolError

    order = codec.decode(sys.stdin.buffer.read())
    try:
        with Spool(folder) as spool:
            if not spool.hold():
                return HELD
            for piece in compact(spool, order):
                sys.stdout.buffer.write(wire.frame(piece))
                sys.stdout.buffer.flush()
    except (SpoolError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    except BrokenPipeError:
        os._exit(1)
    return DONE


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
