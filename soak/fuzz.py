"""`python -m soak.fuzz TARGET INPUTS`: hostile bytes into what reads them; prints JSON.

Atheris steers by coverage; without it (`uv sync --group soak` brings it) the inputs are mutated
blindly. A crash is any exception but the one the reader states, a hang an input that takes
longer than `SLOW`.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

try:
    import atheris
except ImportError:
    atheris = None

SLOW = 0.1
"""Processor seconds for one input."""
KEPT = 5
"""Inputs of each kind of failure that are told."""

type Target = tuple[Callable[[bytes], None], Sequence[bytes], int]
"""What reads, inputs that are good, and the greatest length."""


def commands_target() -> Target:
    """What a viewer sends, up to the command it is."""
    from cloudchamber.telemetry import codec, command_parser, commands

    def read(data: bytes) -> None:
        with suppress(codec.CodecError, command_parser.CommandError):
            command_parser.parse(codec.decode(data, max_bytes=commands.MAX_MESSAGE_BYTES))

    good = [
        commands.Hello(protocol=1, session="a", seq=3, parts=["heads"]),
        commands.Want(parts=["layers", "attention"], attention=[(1, 2)]),
        commands.Generate(prompt="Tell me a story.", max_tokens=5),
        commands.Pause(),
        commands.Resume(),
        commands.Step(),
        commands.Stop(),
        commands.Load(model="x"),
        commands.GetAttention(request=1, layer=2, head=3),
        commands.GetDistribution(request=2, step=3),
        commands.GetMoment(request=3, step=4),
        commands.GetTokens(request=4, start=5, stop=6),
        commands.GetHeadHistory(request=5, layer=6, head=7),
        commands.GetFlow(request=6, layer=7, head=8),
        commands.Ping(time=1.5),
    ]
    assert {command.kind for command in good} == set(commands.KINDS), "one of each"
    return read, [codec.encode(command) for command in good], 4096


def session_target() -> Target:
    """An exported session: the file, its index and the parts in it.

    The first byte says where the rest stands, since nearly all else ends at a checksum: 0 it is
    the file, 1 the index of a file that is sealed rightly, 2 and 3 a part (as it is, as gzip) of
    such a file, after the length that the index gives it. From 4 on it is a part of a session that is
    whole otherwise, which is then used: the manifest, the timeline, …
    """
    from cloudchamber.sessions import container, container_format
    from cloudchamber.telemetry import codec
    from soak import hostile_session

    session = hostile_session.small_session()
    names = list(session)

    good = (
        Path(__file__).resolve().parent.parent / "frontend/test/fixtures/session.cloudchamber"
    ).read_bytes()
    length = int.from_bytes(good[-48:-40], "little")
    index = good[-48 - length : -48]
    header = good[:16]

    def sealed(body: bytes, index: bytes) -> bytes:
        size = len(index).to_bytes(8, "little")
        return (
            header
            + body
            + index
            + size
            + hashlib.sha256(header + index + size).digest()
            + container_format.END_MAGIC
        )

    def of_part(coding: int, raw: int, stored: bytes) -> bytes:
        columns = {
            "names": np.frombuffer(b"manifest", np.uint8),
            "coding": np.array([coding], np.uint8),
            "stored": np.array([len(stored)], np.uint32),
            "raw": np.array([raw], np.uint32),
            "sha256": np.frombuffer(hashlib.sha256(stored).digest(), np.uint8).reshape(1, 32),
        }
        return sealed(stored, codec.encode(columns))

    def file_of(data: bytes) -> bytes:
        form, rest = data[0], data[1:]
        if form == 0:
            return rest
        if form == 1:
            return sealed(good[16 : -48 - length], rest)
        raw = len(rest) - 4 if form == 2 else int.from_bytes(rest[:4], "little")
        return of_part(form - 2, max(raw, 0), rest[4:])

    def read(data: bytes) -> None:
        if not data:
            return
        if data[0] > 3:
            name = names[data[0] % len(names)]
            hostile_session.use(hostile_session.with_part(session, name, data[1:]))
            return
        try:
            with container.open_container(file_of(data)) as archive:
                for name in list(archive.names())[:64]:
                    part = archive.part(name)
                    if part is not None:
                        codec.decode(part)
        except (container_format.ContainerError, codec.CodecError):
            pass

    body = codec.encode(
        {"format": 1, "title": "a", "time": np.arange(4.0), "steps": [{"a": None, "b": True}]}
    )
    size = len(body).to_bytes(4, "little")
    packed = container_format.gzip_bytes(body)
    files = [b"\0" + good, b"\1" + index, b"\2" + size + body, b"\3" + size + packed]
    first = next(n for n in range(4, 256) if n % len(names) == 0)
    return read, files + [bytes([first + n]) + session[name] for n, name in enumerate(names)], 4096


def header_target() -> Target:
    """The header of a GGUF file, and the arrays in it."""
    from cloudchamber.model.gguf_reader import GgufError
    from cloudchamber.model.header import read_array, read_header

    path = Path(tempfile.mkdtemp(prefix="cloudchamber-", dir=memory_folder())) / "fuzzed.gguf"

    def read(data: bytes) -> None:
        path.write_bytes(data)
        try:
            header = read_header(path)
            for key in ("tokenizer.ggml.token_type", "tokenizer.ggml.scores"):
                read_array(header, key)
        except GgufError:
            pass

    return read, [small_gguf()], 4096


def memory_folder() -> str | None:
    """A folder that is no disk, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


def small_gguf() -> bytes:
    """A whole header of few bytes."""
    import gguf

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_block_count(1)
        writer.add_context_length(64)
        writer.add_embedding_length(32)
        writer.add_head_count(2)
        writer.add_token_list(["a", "b", "cd"])
        writer.add_token_types([1, 1, 3])
        writer.add_token_scores([0.0, 1.0, 2.0])
        writer.add_tensor("token_embd.weight", np.zeros((3, 32), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


TARGETS: dict[str, Callable[[], Target]] = {
    "commands": commands_target,
    "session": session_target,
    "header": header_target,
}


class Account:
    """Runs inputs and counts what goes wrong."""

    def __init__(self, read: Callable[[bytes], None]) -> None:
        self._read = read
        self.inputs = 0
        self.slowest = 0.0
        self.crashes: list[str] = []
        self.hangs: list[str] = []

    def take(self, data: bytes) -> None:
        begin = time.process_time()
        try:
            self._read(data)
        except Exception as error:
            if len(self.crashes) < KEPT:
                self.crashes.append(f"{type(error).__name__}: {error} for {data.hex()[:400]}")
        took = time.process_time() - begin
        self.slowest = max(self.slowest, took)
        if took > SLOW and len(self.hangs) < KEPT:
            self.hangs.append(f"{took:.2f} s for {data.hex()[:400]}")
        self.inputs += 1
        if self.inputs % 10_000 == 0:
            gc.collect()  # by hand, so that its time is not an input's

    def tell(self, guided: bool) -> None:
        print(
            json.dumps(
                {
                    "inputs": self.inputs,
                    "slowest": self.slowest,
                    "crashes": self.crashes,
                    "hangs": self.hangs,
                    "guided": guided,
                }
            ),
            flush=True,
        )


def mutated(chance: random.Random, seeds: Sequence[bytes], longest: int) -> bytes:
    """A seed with a few bytes changed, left out, doubled or put in."""
    data = bytearray(chance.choice(seeds)[:longest])
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(data):
                data[at] = chance.choice((0, 1, 127, 128, 255))
            case 2:
                del data[at : at + chance.choice((1, 2, 8, 64))]
            case 3:
                data[at:at] = chance.randbytes(chance.choice((1, 2, 4, 8)))
            case 4:
                data[at:at] = data[at : at + chance.choice((1, 8, 64))]
            case _:
                data[at : at + 8] = chance.choice((b"\xff" * 8, b"\x00" * 8, b"\xff\xff\xff\x7f\0\0\0\0"))
    return bytes(data[:longest])


def main() -> None:
    name, inputs = sys.argv[1], int(sys.argv[2])
    if atheris is None:
        read, seeds, longest = TARGETS[name]()
        account = Account(read)
        gc.disable()
        chance = random.Random(1)
        for _ in range(inputs):
            account.take(mutated(chance, seeds, longest))
        account.tell(guided=False)
        return
    with atheris.instrument_imports(include=["cloudchamber"]):
        read, seeds, longest = TARGETS[name]()
    account = Account(read)
    gc.disable()
    corpus = tempfile.mkdtemp(prefix="cloudchamber-", dir=memory_folder())
    for i, seed in enumerate(seeds):
        (Path(corpus) / f"seed-{i}").write_bytes(seed)

    def one(data: bytes) -> None:
        account.take(data)
        if account.inputs == inputs:
            account.tell(guided=True)
            os._exit(0)

    flags = [f"-runs={inputs * 2}", f"-max_len={longest}", "-verbosity=0", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], corpus, *flags], one, enable_python_coverage=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
