"""The stream over a real socket: order, pace, slow viewers, refusals, endings."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from cloudchamber.server import closing, flow, stream
from cloudchamber.sessions.shares import Shares
from cloudchamber.telemetry import codec, event_log
from cloudchamber.telemetry.commands import Generate, GetAttention, GetDistribution
from cloudchamber.telemetry.messages import DistributionReply, Message
from tests.server.serving import Client, DrivenSession, serving, viewer
from tests.telemetry import samples

pytestmark = pytest.mark.anyio


@pytest.fixture
def session() -> DrivenSession:
    return DrivenSession()


@pytest.fixture
def address(session: DrivenSession, tmp_path: Path) -> Iterator[str]:
    with serving(session, tmp_path) as address:
        yield address


def tokens_of(frame: dict[str, Any]) -> list[int]:
    return [event["step"] for event in frame["events"] if event["kind"] == "token"]


async def ending(socket: ClientConnection) -> tuple[int, str, int]:
    """Read to the end: the close code, its reason, and the number of the last event."""
    last = 0
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionClosed):
            while True:
                message = codec.decode(cast(bytes, await socket.recv()))
                if message["kind"] == "frame":
                    last = max(last, message["first_seq"] + len(message["events"]) - 1)
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or "", last


async def close_code(address: str, *messages: bytes | str) -> tuple[int, str]:
    async with viewer(address) as socket:
        for message in messages:
            await socket.send(message)
        return (await ending(socket))[:2]


# --------------------------------------------------------------------------- handshake


async def test_the_hello_is_answered_by_a_welcome(address: str, session: DrivenSession) -> None:
    async with viewer(address) as socket:
        welcome = await Client(socket).hello()
    assert welcome["session"] == session.hub.session
    assert (welcome["protocol"], welcome["resumed"], welcome["control"]) == (1, False, True)


async def test_another_protocol_is_refused_with_its_code(address: str) -> None:
    hello = codec.encode({"kind": "hello", "protocol": 99})
    assert (await close_code(address, hello))[0] == closing.CLOSE_PROTOCOL


@pytest.mark.parametrize(
    "first", [b"\xc1\xc1", b"", "text", codec.encode({"kind": "ping"}), codec.encode([1])]
)
async def test_a_first_message_that_is_no_hello_ends_it(address: str, first: bytes | str) -> None:
    code, reason = await close_code(address, first)
    assert code == closing.CLOSE_NO_HELLO
    assert reason


async def test_a_message_that_is_too_big_ends_it(address: str) -> None:
    assert (await close_code(address, b"\x00" * ((1 << 16) + 1)))[0] == 1009


async def test_too_many_viewers_are_told_so(
    session: DrivenSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_VIEWERS", 1)
    shares = Shares(tmp_path / "shares.db")
    _, secret = shares.make(session="live", right="viewer", seconds=60)
    with serving(session, tmp_path, shares) as address:
        await one_too_many(address, secret)


async def one_too_many(address: str, secret: str) -> None:
    async with viewer(address) as socket:
        await Client(socket).hello()
        hello = codec.encode({"kind": "hello", "protocol": 1})
        by_link = f"{address}/s/{secret}"
        assert (await close_code(by_link, hello))[0] == closing.CLOSE_CROWDED
        async with viewer(address) as another:  # the owner is not kept out by those who watch
            await Client(another).hello()


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"\xc1", "not valid msgpack"),
        ("text", "not valid msgpack"),
        (codec.encode({"kind": "dance"}), "no command 'dance'"),
        (codec.encode({"kind": "generate", "prompt": "x", "raw": 3}), "true or false"),
        (codec.encode({"kind": "generate", "prompt": "refuse me"}), "Not now."),
        (codec.encode({"kind": "generate", "prompt": "break"}), "log says more"),
        (codec.encode({"kind": "hello", "protocol": 1}), "has been said"),
        (codec.encode({"kind": "get_distribution", "request": 5, "step": 1}), "nothing to ask"),
    ],
)
async def test_bad_messages_get_a_sentence_and_the_connection_lives(
    address: str, message: bytes | str, says: str
) -> None:
    async with viewer(address) as socket:
        client = Client(socket)
        await client.hello()
        await socket.send(message)
        rejected = await client.hear("rejected")
        assert says in rejected["message"]
        assert rejected["request"] == (5 if "ask" in says else 0)
        await client.say("ping", time=2.5)
        assert (await client.hear("pong"))["time"] == 2.5


async def test_commands_reach_the_session(address: str, session: DrivenSession) -> None:
    async with viewer(address) as socket:
        client = Client(socket)
        await client.hello()
        await client.say("generate", prompt="Once upon", max_tokens=3)
        await client.say("ping")
        await client.hear("pong")
    assert session.obeyed == [Generate(prompt="Once upon", max_tokens=3)]


async def test_a_flood_is_slowed_and_answered(address: str) -> None:
    async with viewer(address) as socket:
        client = Client(socket)
        await client.hello()
        count = int(stream.MESSAGES["owner"][1]) + 60
        began = time.monotonic()
        for number in range(count):
            await client.say("ping", time=number)
        answers = [(await client.hear("pong"))["time"] for _ in range(count)]
        assert answers == list(range(count))
        assert time.monotonic() - began > 0.2


# ----------------------------------------------------------------------- order and pace


async def test_events_arrive_once_and_in_order_across_reconnects(
    address: str, session: DrivenSession
) -> None:
    total = 3000
    done = asyncio.Event()

    async def produce() -> None:
        for step in range(total):
            session.publish(samples.token(step))
            if step % 10 == 0:
                await asyncio.sleep(0.005)
        done.set()

    producer = asyncio.create_task(produce())
    got: list[int] = []
    name, last, visits = "", 0, 0
    rng = np.random.default_rng(5)
    while len(got) < total:
        async with viewer(address) as socket:
            client = Client(socket)
            welcome = await client.hello(name, last)
            assert welcome["resumed"] == (visits > 0)
            name = welcome["session"]
            visits += 1
            for _ in range(int(rng.integers(1, 6))):
                frame = await client.hear("frame")
                if frame["events"]:
                    assert frame["first_seq"] == last + 1
                    last += len(frame["events"])
                got += tokens_of(frame)
                if len(got) == total:
                    break
            if rng.random() < 0.5:
                socket.transport.abort()
    await producer
    assert got == list(range(total))
    assert visits > 3


async def test_between_29_and_30_frames_in_any_second_while_tokens_flow(
    address: str, session: DrivenSession
) -> None:
    async def produce() -> None:
        for step in itertools.count():
            session.publish(samples.token(step), samples.layers(step))
            await asyncio.sleep(0.012)

    producer = asyncio.create_task(produce())
    async with viewer(address) as socket:
        client = Client(socket)
        await client.hello(parts=["layers"])
        for _ in range(5):
            times = await frame_times(client, 4.0)
            gaps = np.diff(times)
            assert 1 / float(gaps.mean()) <= 30.5
            if gaps.max() < 0.05:  # else the machine was late, and the pacer can't be judged
                whole = [start for start in times if start < times[-1] - 1]
                windows = [sum(start <= t < start + 1 for t in times) for start in whole]
                assert set(windows) <= {29, 30}
                break
    producer.cancel()


async def frame_times(client: Client, seconds: float) -> list[float]:
    times: list[float] = []
    while not times or times[-1] - times[0] < seconds:
        await client.hear("frame")
        times.append(time.monotonic())
    return times


async def test_quiet_is_quiet_but_for_a_heartbeat_and_the_first_event_goes_at_once(
    address: str, session: DrivenSession
) -> None:
    async with viewer(address) as socket:
        client = Client(socket)
        await client.hello()
        await client.hear("frame")
        began = time.monotonic()
        beats = [await client.hear("frame"), await client.hear("frame")]
        assert 3.5 < time.monotonic() - began < 5.5
        assert all(not beat["events"] and not beat["state"] for beat in beats)
        await asyncio.sleep(0.3)
        sent = time.monotonic()
        session.publish(samples.token(0))
        frame = await client.hear("frame")
        assert tokens_of(frame) == [0]
        assert time.monotonic() - sent < 0.1


# ------------------------------------------------------------------------- slow viewers


def big_layers(position: int) -> Any:
    """State of some 60 kB."""
    return samples.layers(position, n=3300)


async def test_a_slow_viewer_skips_state_keeps_events_and_costs_the_others_nothing(
    address: str, session: DrivenSession
) -> None:
    total, period = 400, 0.01
    async with viewer(address) as socket, viewer(address, max_queue=1) as slow_socket:
        client, slow = Client(socket), Client(slow_socket)
        await client.hello(parts=["layers"])
        await slow.hello(parts=["layers"])
        slow_socket.transport.pause_reading()

        async def produce() -> None:
            for step in range(total):
                session.publish(samples.token(step), big_layers(step))
                await asyncio.sleep(period)

        producer = asyncio.create_task(produce())
        got: list[int] = []
        times: list[float] = []
        while len(got) < total:
            frame = await client.hear("frame")
            got += tokens_of(frame)
            times.append(time.monotonic())
        await producer
        assert got == list(range(total))
        assert 1 / float(np.median(np.diff(times))) > 25
        slow_socket.transport.resume_reading()
        late: list[int] = []
        positions: list[float] = []
        while len(late) < total:
            frame = await slow.hear("frame")
            late += tokens_of(frame)
            positions += [state["position"] for state in frame["state"]]
        assert late == list(range(total))
        assert positions[-1] == total - 1
        assert len(positions) < len(times)
        delivery = await slow.hear("delivery")
        while delivery["skipped"] == 0:
            delivery = await slow.hear("delivery")
        assert delivery["viewers"] == 2


async def test_a_viewer_that_does_not_read_holds_little_and_is_let_go(
    address: str, session: DrivenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    flows: list[flow.Flow] = []
    original = flow.Flow.__init__

    def remember(self: flow.Flow, protocol: Any) -> None:
        original(self, protocol)
        flows.append(self)

    monkeypatch.setattr(flow.Flow, "__init__", remember)
    async with viewer(address, max_queue=1) as dead_socket:
        dead = Client(dead_socket)
        welcome = await dead.hello(parts=["layers"])
        dead_socket.transport.pause_reading()
        for step in range(400):  # until the kernel takes no more
            session.publish(big_layers(step))
            await asyncio.sleep(0.034)
            held.append(flows[0].buffered)
            if min(held[-4:]) > flow.HIGH_WATER and len(held) > 4:
                break
        for step in range(event_log.CAPACITY // 2 + 600):
            session.publish(samples.token(step))
            if step % 40 == 0:
                session.publish(big_layers(step))
                await asyncio.sleep(0.005)
                held.append(flows[0].buffered)
        assert max(held) < 256 << 10  # and at most 512 KiB in the kernel
        for _ in range(100):  # it is let go without being asked
            if session.hub.readers == 0:
                break
            await asyncio.sleep(0.05)
        assert session.hub.readers == 0
        dead_socket.transport.resume_reading()
        code, _, last = await ending(dead_socket)
        assert code == closing.CLOSE_BEHIND
    async with viewer(address) as socket:
        client = Client(socket)
        assert (await client.hello(welcome["session"], last))["resumed"]
        while last < session.hub.log.last_seq:
            frame = await client.hear("frame")
            assert frame["first_seq"] == last + 1
            last += len(frame["events"])


async def test_a_viewer_whose_frame_can_not_be_handed_over_ends_alone(
    address: str, session: DrivenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All get a frame in one pass: what fails for one must stop neither the pass nor the next frame."""
    sent: list[flow.StreamProtocol] = []
    original = flow.StreamProtocol.send_binary

    def send(self: flow.StreamProtocol, data: bytes) -> None:
        if self not in sent:
            sent.append(self)
        if self is sent[0] and b"layers" in data:
            raise OSError("This one fails.")
        original(self, data)

    monkeypatch.setattr(flow.StreamProtocol, "send_binary", send)
    async with viewer(address) as first_socket, viewer(address) as socket:
        first, client = Client(first_socket), Client(socket)
        await first.hello(parts=["layers"])
        await client.hello(parts=["layers"])
        for step in range(3):
            session.publish(samples.token(step), samples.layers(step))
            while not (await client.hear("frame"))["state"]:
                pass
        await ending(first_socket)
        assert session.hub.readers == 1


async def test_a_viewer_that_comes_back_far_behind_is_let_catch_up(
    address: str, session: DrivenSession
) -> None:
    async with viewer(address) as socket:
        welcome = await Client(socket).hello()
    count = event_log.CAPACITY - 1000
    session.publish(*(samples.token(step) for step in range(count)))
    async with viewer(address) as socket:
        client = Client(socket)
        for _ in range(400):
            if session.hub.log.last_seq == count:
                break
            await asyncio.sleep(0.05)
        assert (await client.hello(welcome["session"], 0))["resumed"]
        last = 0
        while last < count:
            last += len((await client.hear("frame"))["events"])
            session.publish(samples.layers(last))  # wakes the viewer, which must not end it


# ----------------------------------------------------------------------------- questions


async def test_questions_are_answered_one_by_one_with_their_own_number(
    address: str, session: DrivenSession
) -> None:
    active = 0

    async def answer(command: GetAttention | GetDistribution) -> Message:
        nonlocal active
        active += 1
        assert active == 1
        await asyncio.sleep(0.01)
        active -= 1
        assert isinstance(command, GetDistribution)
        p = np.full(65_536, command.step, np.float32)
        return DistributionReply(request=command.request, run_id="r", step=command.step, probabilities=p)

    session.answer = answer
    async with viewer(address) as socket:
        client = Client(socket)
        await client.hello()
        for request in range(1, 9):
            await client.say("get_distribution", request=request, step=10 * request)
        for request in range(1, 9):
            reply = await client.hear("distribution_reply")
            assert (reply["request"], reply["step"]) == (request, 10 * request)
            assert np.all(reply["probabilities"] == 10 * request)
        # More than can wait are refused, each by its number.
        for request in range(100, 140):
            await client.say("get_distribution", request=request, step=1)
        seen = {(await client.hear("distribution_reply", "rejected"))["request"] for _ in range(40)}
        assert seen == set(range(100, 140))


# -------------------------------------------------------------------------------- ending


async def test_viewers_are_told_when_the_server_ends(tmp_path: Path) -> None:
    session = DrivenSession()
    loop = asyncio.get_running_loop()
    context = serving(session, tmp_path)
    address = await asyncio.to_thread(context.__enter__)
    async with viewer(address) as socket:
        await Client(socket).hello()
        stopped = loop.run_in_executor(None, context.__exit__, None, None, None)
        assert (await ending(socket))[0] == 1012
        await stopped
