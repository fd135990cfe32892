"""Rigs of many viewers: those that read, those that don't, those that are cut, those that come and go."""

from __future__ import annotations

import statistics
import time

from bench.figures import Figure
from soak.crowd_process import crowd, kernel_buffers, result_of, stage, start_crowd

VIEWERS = 100
STALLED = 20
BESIDE = 10
"""Viewers that read, beside those that don't."""
CUTS = 1000


def fan_out(minutes: float) -> list[Figure]:
    """100 viewers of a steady load: how late a frame is from its making until it is read."""
    with stage() as server:
        seen = crowd("watch", server.page, VIEWERS, 20)
    note = (
        f"p50 {seen['p50']:.0f} ms, longest {seen['max']:.0f} ms; {seen['rate']:.1f} frames/s each; "
        f"{seen['bytes'] / 1e6:.0f} MB/s; the crowd takes {seen['processor']:.0%} of a core"
    )
    return [
        Figure(name=f"lag at {VIEWERS} viewers, p99", value=seen["p99"], unit="ms", reach=50, note=note),
        Figure(
            name=f"events lost at {VIEWERS} viewers",
            value=seen["lost"] + seen["duplicates"] + seen["closed"],
            unit="",
            reach=0,
        ),
    ]


def stalled(minutes: float) -> list[Figure]:
    """20 viewers that never read, beside 10 that do; and those alone, half as long before and after: a p99
    of two milliseconds is the machine's more than the server's, and drifts with it."""
    with stage() as server:
        crowd("watch", server.page, BESIDE, 5)  # caches are full after that
        alone = [crowd("watch", server.page, BESIDE, minutes * 30)]
        beside = start_crowd("watch", server.page, BESIDE, minutes * 60)
        time.sleep(10)
        before, kernel = server.resident(), kernel_buffers()
        silent = start_crowd("stall", server.page, STALLED, minutes * 60 - 15)
        held: list[float] = []
        while silent.poll() is None:
            time.sleep(1)
            held.append(server.resident() - before + kernel_buffers() - kernel)
        result_of(silent)
        seen = result_of(beside)
        alone.append(crowd("watch", server.page, BESIDE, minutes * 30))
    each = max(held) / STALLED
    first, last = (crowded["p99"] for crowded in alone)
    against = (first + last) / 2
    return [
        Figure(
            name=f"memory of a viewer that never reads, {minutes:g} min",
            value=each,
            unit="MiB",
            reach=2,
            note=f"greatest growth of the server and of the kernel's TCP buffers of both sides ÷ {STALLED}",
        ),
        Figure(
            name=f"lag of {BESIDE} others, p99, beside {STALLED} that never read",
            value=seen["p99"],
            unit="ms",
            against=against,
            ratio=seen["p99"] / against,
            reach=1.1,
            note=f"events lost {seen['lost']}; alone before {first:.2f}, after {last:.2f}",
        ),
    ]


def cuts(minutes: float) -> list[Figure]:
    """Connections cut at any byte and resumed with the number of the last event."""
    with stage() as server:
        seen = crowd("cut", server.page, CUTS)
    note = f"{seen['cuts']} cuts, {seen['events']} events across them, {seen['void']} begun anew"
    gaps = seen["gaps"] + seen["void"]
    if seen["events"] < CUTS:
        raise RuntimeError(f"only {seen['events']} events were resumed: nothing was tried")
    return [
        Figure(name=f"gaps after {CUTS} cuts", value=gaps, unit="", reach=0, note=note),
        Figure(name=f"duplicates after {CUTS} cuts", value=seen["duplicates"], unit="", reach=0),
    ]


def visitors(minutes: float) -> list[Figure]:
    """The server's memory while viewers come and go: the last tenth against that after six.

    Until then it warms up: the log of events fills, which holds 16,384 and then forgets the oldest.
    """
    tenth = minutes * 6
    with stage() as server:
        coming = start_crowd("visit", server.page, 30, minutes * 60)
        held: list[tuple[float, float]] = []
        begin = time.monotonic()
        while coming.poll() is None:
            time.sleep(min(5.0, tenth / 10))
            held.append((time.monotonic() - begin, server.resident()))
        seen = result_of(coming)
    warm = statistics.median(mib for at, mib in held if 6 * tenth <= at < 7 * tenth)
    late = statistics.median(mib for at, mib in held if at >= 9 * tenth)
    return [
        Figure(
            name=f"growth in {minutes:g} min of viewers coming and going",
            value=100 * (late - warm) / warm,
            unit="%",
            reach=1,
            note=f"{warm:.1f} MiB after six tenths, {late:.1f} MiB in the last; {seen['visits']} visits",
        )
    ]
