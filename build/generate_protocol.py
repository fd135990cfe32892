"""Write the TypeScript types of the stream and of kept sessions' parts from the Python schemas:
`protocol.gen.ts` and `archive.gen.ts` in `frontend/src/telemetry`.

Run as `python build/generate_protocol.py`; with `--check` it only says whether they are
stale (exit code 1).
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from cloudchamber.sessions import archive
from cloudchamber.telemetry import codec, commands, events, messages

FOLDER = Path(__file__).parent.parent / "frontend/src/telemetry"

TYPED_ARRAYS = {
    "u1": "Uint8Array", "i1": "Int8Array", "u2": "Uint16Array", "i2": "Int16Array",
    "f2": "Uint16Array", "u4": "Uint32Array", "i4": "Int32Array", "f4": "Float32Array",
    "u8": "BigUint64Array", "i8": "BigInt64Array", "f8": "Float64Array",
}  # fmt: skip

_STRUCTURES = (events.Sampling, events.Rotation, events.Rope, events.ModelInfo, events.DeviceMemory)
_PARTS = (
    archive.Manifest,
    archive.Timeline,
    archive.Tokens,
    archive.Frames,
    archive.Norms,
    archive.Attention,
    archive.ExactDistribution,
)
_LIMITS = ("MAX_SELECTIONS", "MAX_BLOCK", "MAX_TOKENS", "MAX_HISTORY")


def type_of(hint: Any) -> str:
    """A Python annotation as a TypeScript type."""
    origin = get_origin(hint)
    if isinstance(hint, typing.TypeAliasType):
        return type_of(hint.__value__)
    if origin is Annotated:
        array = next(a for a in get_args(hint)[1:] if isinstance(a, events.Array))
        return f"NdArray<{TYPED_ARRAYS[array.dtype]}>"
    if origin is Literal:
        return " | ".join(f'"{value}"' for value in get_args(hint))
    if origin is list:
        inner = type_of(get_args(hint)[0])
        return f"readonly ({inner})[]" if "|" in inner else f"readonly {inner}[]"
    if origin is tuple:
        return f"[{', '.join(type_of(a) for a in get_args(hint))}]"
    if origin is dict:
        return f"Readonly<Record<string, {type_of(get_args(hint)[1])}>>"
    if origin is types.UnionType:
        return " | ".join("null" if a is type(None) else type_of(a) for a in get_args(hint))
    scalars = {int: "number", float: "number", str: "string", bool: "boolean", bytes: "Uint8Array"}
    if hint in scalars:
        return scalars[hint]
    if hint is events.Event:
        return "TelemetryEvent"
    return typing.cast(str, hint.__name__)


def array_note(hint: Any) -> str:
    if get_origin(hint) is not Annotated:
        return ""
    array = get_args(hint)[1]
    half = "; half floats, see `halfToFloat`" if array.dtype == "f2" else ""
    return f" {array.dtype}[{array.shape}]{half}"


def field_docs(cls: type) -> dict[str, str]:
    """The string literal that follows each field in the source."""
    docs: dict[str, str] = {}
    lines = inspect.getsource(cls).splitlines()
    name, body = "", None
    for line in lines:
        text = line.strip()
        if body is not None:
            body += " " + text.removesuffix('"""')
        elif text.startswith('"""') and name:
            body = text.removeprefix('"""').removesuffix('"""')
            if not (text.endswith('"""') and len(text) > 3):
                continue
        elif line.startswith("    ") and not line.startswith("     ") and ":" in text:
            name = text.split(":")[0]
            continue
        else:
            name = name if not text else ""
            continue
        if text.endswith('"""'):
            docs[name] = body.strip()
            name, body = "", None
    return docs


def interface(cls: type, *, extends: str = "") -> str:
    hints = typing.get_type_hints(cls, include_extras=True)
    docs = field_docs(cls)
    summary = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
    out = [f"/** {summary} */"] if summary and not summary.startswith(cls.__name__ + "(") else []
    out.append(f"export interface {cls.__name__} {{")
    kind = cls.__dict__.get("kind")
    if isinstance(kind, str):
        out.append(f'  readonly kind: "{kind}";')
    for field in dataclasses.fields(cls):
        note = (array_note(hints[field.name]) + " " + docs.get(field.name, "")).strip()
        if note:
            out.append(f"  /** {note} */")
        out.append(f"  readonly {field.name}: {type_of(hints[field.name])};")
    out.append("}")
    return "\n".join(out)


def labelled_tuple(cls: type) -> str:
    """A NamedTuple: on the wire it is a list."""
    hints = typing.get_type_hints(cls)
    fields = ", ".join(f"{name}: {type_of(hint)}" for name, hint in hints.items())
    return f"/** {inspect.getdoc(cls)} */\nexport type {cls.__name__} = readonly [{fields}];"


def union(name: str, members: list[type]) -> str:
    lines = "".join(f"\n  | {m.__name__}" for m in members)
    return f"export type {name} ={lines};"


def generate_protocol() -> str:
    """All of `protocol.gen.ts`."""
    event_types = list(events.KINDS.values())
    command_types = list(commands.KINDS.values())
    message_types = list(messages.KINDS.values())
    parts = [
        "// Generated by build/generate_protocol.py from backend/cloudchamber/telemetry. Do not edit.",
        "/** An array as it came off the wire: a view of the message and its shape. */\n"
        "export interface NdArray<T> {\n  readonly data: T;\n  readonly shape: readonly number[];\n}",
        f"export const ARRAY_EXT = {codec.ARRAY_EXT};",
        "export const DTYPES = [" + ", ".join(f'"{d}"' for d in codec.DTYPES) + "] as const;",
        f"export const PROTOCOL = {messages.PROTOCOL};",
        f"export const MAX_PROMPT_BYTES = {commands.MAX_PROMPT_BYTES};",
        *(f"export const {name} = {getattr(commands, name)};" for name in _LIMITS),
        "export type Part = " + " | ".join(f'"{p}"' for p in events.PARTS) + ";",
        *(interface(c) for c in _STRUCTURES),
        *(interface(c) for c in event_types),
        union("TelemetryEvent", event_types),
        union("LosslessEvent", [c for c in event_types if c.lossless]),
        union("StateEvent", [c for c in event_types if not c.lossless]),
        *(interface(c) for c in command_types),
        union("Command", command_types),
        *(interface(c) for c in message_types),
        union("Message", message_types),
    ]
    return "\n\n".join(parts) + "\n"


def generate_archive() -> str:
    """All of `archive.gen.ts`."""
    shared = [events.ModelLoaded, events.PromptProcessed, events.RunStarted, events.RunState]
    names = ", ".join(["NdArray", *(c.__name__ for c in shared), "TokenGenerated"])
    parts = [
        "// Generated by build/generate_protocol.py from backend/cloudchamber/sessions. Do not edit.",
        f'import type {{ {names} }} from "./protocol.gen";',
        f"/** The one that this page reads. */\nexport const FORMAT = {archive.FORMAT};",
        f"/** Steps in a `tokens/N`. */\nexport const TOKENS_PER_PART = {archive.TOKENS_PER_PART};",
        labelled_tuple(archive.FrameChunk),
        labelled_tuple(archive.PhaseChange),
        *(interface(c) for c in _PARTS),
    ]
    return "\n\n".join(parts) + "\n"


FILES = {"protocol.gen.ts": generate_protocol, "archive.gen.ts": generate_archive}


def stale() -> list[str]:
    """Names of the files that are not what would be written."""
    return [
        name
        for name, generate in FILES.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text() != generate()
    ]


def main() -> int:
    if "--check" in sys.argv:
        for name in stale():
            print(f"{name} is stale: run `python build/generate_protocol.py`")
            return 1
        print(f"{' and '.join(FILES)} are up to date")
        return 0
    for name, generate in FILES.items():
        (FOLDER / name).write_text(generate())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
