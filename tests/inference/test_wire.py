"""The worker's wire: what is held goes in front, in order, and is taken apart however it is cut."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudchamber.inference import wire
from cloudchamber.inference.wire import Channel, WireError
from cloudchamber.telemetry.codec import CodecError


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield Channel(theirs), ours
    ours.close()
    theirs.close()


def taken(pieces: Sequence[bytes]) -> list[dict[str, Any]]:
    """What a server takes of bytes that come in these pieces, and then no more."""

    async def take() -> list[dict[str, Any]]:
        reader = asyncio.StreamReader()

        async def feed() -> None:
            for piece in pieces:
                reader.feed_data(piece)
                await asyncio.sleep(0)
            reader.feed_eof()

        feeding = asyncio.create_task(feed())
        got = [message async for message in wire.read_messages(reader)]
        await feeding
        return got

    return asyncio.run(take())


def numbers(messages: Sequence[dict[str, Any]]) -> list[int]:
    return [message["number"] for message in messages]


def test_what_is_held_waits_and_then_goes_first(ends: tuple[Channel, socket.socket]) -> None:
    channel, server = ends
    channel.hold({"number": 1})
    channel.hold({"number": 2})
    with pytest.raises(BlockingIOError):
        server.recv(1)
    channel.send({"number": 3})
    assert numbers(taken([server.recv(1 << 16)])) == [1, 2, 3]
    channel.hold({"number": 4})
    channel.flush()
    assert numbers(taken([server.recv(1 << 16)])) == [4]
    channel.flush()
    with pytest.raises(BlockingIOError):
        server.recv(1)


@given(cuts=st.lists(st.integers(0, 400), max_size=8), missing=st.integers(0, 12))
def test_messages_are_whole_however_they_were_cut(cuts: list[int], missing: int) -> None:
    """And one that was cut off by the worker's death is none."""
    rows = np.arange(7, dtype=np.float32)
    data = b"".join(wire.frame({"number": number, "rows": rows}) for number in range(4))
    last = len(wire.frame({"number": 3, "rows": rows}))
    data = data[: len(data) - min(missing, last)]
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    got = taken([data[a:b] for a, b in itertools.pairwise(places) if b > a])
    assert numbers(got) == list(range(3 if missing else 4))
    assert all((message["rows"] == rows).all() for message in got)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (struct.pack("<I", wire.MAX_BYTES + 1), WireError),
        (wire.frame([1, 2]), WireError),
        (struct.pack("<I", 1) + b"\xc1", CodecError),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        taken([data])
