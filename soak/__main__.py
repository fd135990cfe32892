"""`python -m soak [--only PART …] [--minutes N]`: measure, print a table, write soak.json."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench.figures import Figure, show, write
from soak import decode, hostile_bytes, hostile_file, hostile_models, viewers, wide_vocabulary

PARTS: dict[str, tuple[Callable[[float], list[Figure]], float]] = {
    "fan-out": (viewers.fan_out, 0),
    "decode": (decode.measure, 0),
    "cuts": (viewers.cuts, 0),
    "models": (hostile_models.measure, 0),
    "file": (hostile_file.measure, 0),
    "fuzz": (hostile_bytes.measure, 0),
    "vocabulary": (wide_vocabulary.measure, 0),
    "stalled": (viewers.stalled, 5),
    "visitors": (viewers.visitors, 30),
}
"""Each rig, and the minutes it takes unless told otherwise; 0 where it takes what it takes."""
OUTPUT = Path(__file__).resolve().parent.parent / "soak.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--minutes", type=float, help="of the rigs that take time; by default 5 and 30")
    options = parser.parse_args()
    figures: list[Figure] = []
    for name in options.only:
        rig, minutes = PARTS[name]
        print(f"measuring {name} …", flush=True)
        figures += rig(options.minutes or minutes)
        write(figures, OUTPUT)  # what is known so far, should a later one fail
    show(figures, title="make soak")
    print(f"written to {OUTPUT.name}")


if __name__ == "__main__":
    main()
