"""The WebSocket: one viewer's frames out, its commands in.

A viewer holds no queue of frames. Whenever its connection can take more it is given the
newest there is for it; see `Hub`. What it can make the server hold is bounded: one message
that waits for the socket, two answers being made, and a few short notices.

A frame goes to all viewers whose connections are free in one pass, from within the hub's making it,
and none has a task that is woken for it: on a machine whose every core decodes, what the server does
between two sends lets the viewers' processes go to sleep and be woken again for each, and that takes
more of the model's time than the sending.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import Any, Final, cast

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from cloudchamber import __version__
from cloudchamber.server.admissions import Admissions
from cloudchamber.server.closing import (
    CLOSE_BEHIND,
    CLOSE_CROWDED,
    CLOSE_NO_HELLO,
    CLOSE_PROTOCOL,
    ClosedError,
    until_first_ends,
)
from cloudchamber.server.flow import STATE_KEY, Flow
from cloudchamber.server.limits import Bucket
from cloudchamber.server.rights import Grant, Right, grant_of
from cloudchamber.server.session import RefusedError, Session
from cloudchamber.telemetry import codec, commands, event_log, messages
from cloudchamber.telemetry.command_parser import CommandError, parse
from cloudchamber.telemetry.commands import (
    QUESTIONS,
    Command,
    Generate,
    GetFlow,
    GetHeadHistory,
    Hello,
    Load,
    Ping,
    Question,
)
from cloudchamber.telemetry.hub import Reader
from cloudchamber.telemetry.state_store import Want

log = logging.getLogger("cloudchamber.stream")

HELLO_SECONDS: Final = 10.0
MAX_VIEWERS: Final = 256
MAX_QUESTIONS: Final = 16
"""Questions of one viewer that wait for their answer; more are refused."""
MAX_NOTICES: Final = 64
MESSAGES: Final[dict[Right, tuple[float, float]]] = {
    "owner": (200.0, 400.0),
    "controller": (100.0, 200.0),
    "viewer": (60.0, 120.0),
}
"""Inbound messages a second and at once, by right; beyond that they are read more slowly."""
DELIVERY_PERIOD: Final = 0.5


async def stream(websocket: WebSocket) -> None:
    """The endpoint of `/stream`."""
    await websocket.accept()
    state = websocket.app.state
    viewer = Viewer(websocket, state.session, grant_of(websocket.scope), state.admissions)
    try:
        await viewer.run()
    except (WebSocketDisconnect, ConnectionError):
        pass
    except ClosedError as closed:
        viewer.release_socket()
        with suppress(WebSocketDisconnect, ConnectionError, RuntimeError):
            await websocket.close(closed.code, str(closed))


class Viewer:
    """One connection."""

    def __init__(self, websocket: WebSocket, session: Session, grant: Grant, admissions: Admissions) -> None:
        self._socket = websocket
        self._session = session
        self._grant = grant
        self._admissions = admissions
        self._hub = session.hub
        self._flow: Flow = websocket.scope["state"][STATE_KEY]
        self._welcome = False
        """It has been welcomed and not been let go: frames may be sent to it."""
        self._over = asyncio.Event()
        self._failure: Exception | None = None
        self._reader = Reader(wake=self._wake)
        self._notices: deque[bytes] = deque()
        self._room = asyncio.Event()
        self._questions: asyncio.Queue[Question] = asyncio.Queue(MAX_QUESTIONS)
        self._long_questions: asyncio.Queue[Question] = asyncio.Queue(MAX_QUESTIONS)
        self._answer: bytes | None = None
        self._answered = asyncio.Event()
        self._answering = asyncio.Lock()
        self._delivered = (0, 0)
        self._delivery_time = 0.0
        self._patience = event_log.CAPACITY

    async def run(self) -> None:
        """From hello to the end. Raises `ClosedError` or `WebSocketDisconnect`."""
        await until_first_ends(self._attend(), self._dismissal())

    async def _attend(self) -> None:
        hello = await self._hello()
        if self._hub.readers >= MAX_VIEWERS and not self._grant.allows("owner"):
            raise ClosedError(CLOSE_CROWDED, f"There are {MAX_VIEWERS} viewers already.")
        self._reader.want = Want(frozenset(hello.parts))
        resumed = self._hub.join(self._reader, session=hello.session, seq=hello.seq)
        self._patience = self._hub.log.patience(self._reader.seq)
        try:
            await self._flow.writable()
            self._flow.send(
                codec.encode(
                    messages.Welcome(
                        protocol=messages.PROTOCOL,
                        session=self._hub.session,
                        version=__version__,
                        resumed=resumed,
                        control=self._session.control and self._grant.allows("controller"),
                        right=self._grant.right,
                    )
                )
            )
            self._welcome = True
            self._flow.on_free(self._write)
            self._session.greet()
            self._write()
            asking = (self._ask(self._questions), self._ask(self._long_questions))
            await until_first_ends(self._read(), *asking, self._end())
        finally:
            self._welcome = False
            self._hub.leave(self._reader)

    def release_socket(self) -> None:
        """Let a close frame out though the viewer may not be reading."""
        self._flow.open_gates()

    async def _hello(self) -> Hello:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                command = parse(codec.decode(await self._receive()))
        except TimeoutError:
            raise ClosedError(CLOSE_NO_HELLO, f"No hello came in {HELLO_SECONDS:.0f} seconds.") from None
        except (codec.CodecError, CommandError) as error:
            raise ClosedError(CLOSE_NO_HELLO, _short(f"The first message is no hello. {error}")) from error
        if not isinstance(command, Hello):
            raise ClosedError(CLOSE_NO_HELLO, "The first message must be a hello.")
        if command.protocol != messages.PROTOCOL:
            raise ClosedError(CLOSE_PROTOCOL, f"This server speaks protocol {messages.PROTOCOL}.")
        return command

    # ------------------------------------------------------------------------ out

    def _wake(self) -> None:
        self._write()
        if not self._flow.free() and self._hub.log.waiting(self._reader.seq) > self._patience:
            sentence = "Too many events were waiting; connect again to go on from the last one."
            self._fail(ClosedError(CLOSE_BEHIND, sentence))

    async def _dismissal(self) -> None:
        """Until the link the viewer came by has ended."""
        refusal = await self._admissions.over(self._grant)
        raise ClosedError(refusal.close, refusal.sentence)

    async def _end(self) -> None:
        """Until it can't go on: raises what could not be raised where it was found."""
        await self._over.wait()
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._over.set()

    def _write(self) -> None:
        """Hand over what there is, as far as the connection is free. Called from within the hub and the
        transport, which have nothing to do with this viewer's failing: never raises."""
        try:
            while self._welcome and self._flow.free() and (data := self._next()) is not None:
                self._flow.send(data)
        except Exception as error:
            self._fail(error)

    def _next(self) -> bytes | None:
        """What to send next: short notices, then answers, then frames."""
        if self._notices:
            self._room.set()
            return self._notices.popleft()
        if self._answer is not None:
            answer, self._answer = self._answer, None
            self._answered.set()
            return answer
        frame = self._hub.next_frame(self._reader)
        return frame if frame is not None else self._delivery()

    def _delivery(self) -> bytes | None:
        """How the viewer fares, if that has changed, now and then."""
        fares = (self._reader.skipped, self._hub.readers)
        if fares == self._delivered:
            return None
        now = self._hub.clock()
        if now < self._delivery_time + DELIVERY_PERIOD:
            return None
        self._delivered, self._delivery_time = fares, now
        return codec.encode(messages.Delivery(skipped=fares[0], viewers=fares[1]))

    async def _notify(self, message: messages.Message) -> None:
        """Queue a short message; waits, and with it the viewer's inbound messages, for room."""
        while len(self._notices) >= MAX_NOTICES:
            self._room.clear()
            await self._room.wait()
        self._notices.append(codec.encode(message))
        self._write()

    # ------------------------------------------------------------------------- in

    async def _read(self) -> None:
        bucket = Bucket(*MESSAGES[self._grant.right], now=self._hub.clock)
        while True:
            data = await self._receive()
            if wait := bucket.take():  # not reading is what slows a sender down
                await asyncio.sleep(wait)
            await self._obey(data)

    async def _receive(self) -> bytes:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            data = message.get("bytes")
            if data is not None:
                return bytes(data)
            if self._socket.client_state is not WebSocketState.CONNECTED:
                raise WebSocketDisconnect(1005)
            return b"\xc1"  # text is no message of this protocol, and neither is this

    async def _obey(self, data: bytes) -> None:
        request = 0
        try:
            mapping = codec.decode(data, max_bytes=commands.MAX_MESSAGE_BYTES)
            request = _request_of(mapping)
            await self._carry_out(parse(mapping))
        except (codec.CodecError, CommandError, RefusedError) as error:
            await self._notify(messages.Rejected(request=request, message=str(error)))
        except Exception:
            log.exception("A viewer's message could not be carried out.")
            text = "The server failed to carry that out; its log says more."
            await self._notify(messages.Rejected(request=request, message=text))

    async def _carry_out(self, command: Command) -> None:
        if isinstance(command, commands.Want):
            want = Want(frozenset(command.parts), tuple(command.attention))
            self._hub.set_want(self._reader, want)
        elif isinstance(command, Ping):
            await self._notify(messages.Pong(time=command.time, server_time=self._hub.clock()))
        elif isinstance(command, QUESTIONS):
            long = isinstance(command, (GetFlow, GetHeadHistory))
            try:
                (self._long_questions if long else self._questions).put_nowait(cast(Question, command))
            except asyncio.QueueFull:
                raise RefusedError(
                    f"{MAX_QUESTIONS} questions are waiting already; ask again later."
                ) from None
        elif isinstance(command, Hello):
            raise RefusedError("The hello has been said.")
        elif not self._session.control:
            raise RefusedError("This is a recording: it can be watched, not changed.")
        elif not self._grant.allows(needed := _right_to(command)):
            raise RefusedError(_NO_RIGHT[needed])
        elif isinstance(command, Generate) and not self._may_begin():
            raise RefusedError("Too many runs were begun in a short time; wait a moment.")
        else:
            self._session.obey(command)

    def _may_begin(self) -> bool:
        """Guests take the model away from each other, and from the owner, who is never kept waiting."""
        return self._grant.right == "owner" or self._admissions.runs.try_take()

    async def _ask(self, questions: asyncio.Queue[Question]) -> None:
        """Questions one by one: the next is not begun before the socket took the last answer.
        Those that may take seconds have a queue of their own, to be in nobody's way."""
        while True:
            answer = await self._answer_to(await questions.get())
            async with self._answering:
                self._answer = answer
                self._answered.clear()
                self._write()
                await self._answered.wait()
                await self._flow.writable()

    async def _answer_to(self, command: Question) -> bytes:
        try:
            return codec.encode(await self._session.ask(command))
        except RefusedError as error:
            text = str(error)
        except Exception:
            log.exception("A viewer's question could not be answered.")
            text = "The server failed to answer that; its log says more."
        return codec.encode(messages.Rejected(request=command.request, message=text))


def _right_to(command: Command) -> Right:
    """Who may give a command that changes the run."""
    return "owner" if isinstance(command, Load) else "controller"


_NO_RIGHT: Final[dict[Right, str]] = {
    "controller": "Your link is for watching; ask whoever shared it for one that controls.",
    "owner": "Only who runs the server can load another model.",
}


def _request_of(mapping: Any) -> int:
    """The request a message names, for the answer that it can't be obeyed; 0 if it names none."""
    request = mapping.get("request") if isinstance(mapping, dict) else None
    return request if type(request) is int and 0 <= request < 1 << 53 else 0


def _short(reason: str) -> str:
    """As much of a sentence as a close frame holds: 123 bytes."""
    return reason.encode()[:120].decode(errors="ignore")
