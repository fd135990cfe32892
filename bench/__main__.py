"""`python -m bench [--only PART …] [--rounds N]`: measure, print a table, write bench.json."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench import decode, exact, instruments, page, positions, recording, seek
from bench.figures import Figure, show, write

PARTS: dict[str, Callable[[int], list[Figure]]] = {
    "decode": decode.measure,
    "recording": recording.measure,
    "kept": recording.measure_size,
    "exact": exact.measure,
    "size": page.measure_size,
    "start": page.measure_start,
    "latency": page.measure_latency,
    "quiet": page.measure_quiet,
    "wide": page.measure_wide,
    "instruments": instruments.measure_scripts,
    "open": instruments.measure_open,
    "choice": instruments.measure_choice,
    "memory": instruments.measure_memory,
    "seek": seek.measure_seek,
    "positions": positions.measure,
}
OUTPUT = Path(__file__).resolve().parent.parent / "bench.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--rounds", type=int, default=7, help="measurements each median is of")
    options = parser.parse_args()
    figures: list[Figure] = []
    for name in options.only:
        print(f"measuring {name} …", flush=True)
        figures += PARTS[name](options.rounds)
        write(figures, OUTPUT)  # what is known so far, should a later one fail
    show(figures)
    print(f"written to {OUTPUT.name}")


if __name__ == "__main__":
    main()
