"""A model file from Hugging Face, kept in the cache that all programs share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cloudchamber.model.split_files import part_names

type OnBytes = Callable[[int, int], None]
"""Told how many bytes of a file have come, of how many."""

_MAX_PARTS: Final = 1_000
_HUB: Final = "https://huggingface.co"
_REACH_SECONDS: Final = 5.0


class DownloadError(Exception):
    """A file could not be fetched; the text says why."""


def download(
    repository: str, file: str, cache: Path | None, hub: str | None, on_bytes: OnBytes | None
) -> Path:
    """Fetch `file` of `org/repo`, with all parts if it is split; its first part's path.

    Raises `DownloadError`.
    """
    names = part_names(file)
    if not 0 < len(names) <= _MAX_PARTS:
        raise DownloadError(f"{file} claims to be one of {len(names):,} parts.")
    path = _fetch(repository, names[0], cache, hub, on_bytes)
    for other in names[1:]:
        _fetch(repository, other, cache, hub, on_bytes)
    return path


def _fetch(repository: str, file: str, cache: Path | None, hub: str | None, on_bytes: OnBytes | None) -> Path:
    import httpx
    from huggingface_hub import errors, hf_hub_download

    what = f"{repository}/{file}"
    _reach(what, hub)
    try:
        path = hf_hub_download(
            repository, file, cache_dir=cache, endpoint=hub, tqdm_class=_bar_telling(on_bytes)
        )
    except errors.GatedRepoError as error:
        raise DownloadError(
            f"{repository} asks for an agreement first: accept it on huggingface.co, then `hf auth login`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise DownloadError(f"Hugging Face has no public repository {repository}.") from error
    except errors.LocalEntryNotFoundError as error:
        raise DownloadError(
            f"{what} is not on this machine, and Hugging Face can't be reached to fetch it."
        ) from error
    except errors.EntryNotFoundError as error:
        raise DownloadError(f"{repository} has no file {file}.") from error
    except errors.HFValidationError as error:
        raise DownloadError(f"{what} is not a name Hugging Face could have: {error}") from error
    except (errors.HfHubHTTPError, httpx.HTTPError) as error:
        raise DownloadError(f"{what} could not be fetched: {error}") from error
    except OSError as error:
        raise DownloadError(f"{what} could not be stored: {error.strerror or error}") from error
    return Path(path)


def _reach(what: str, hub: str | None) -> None:
    """See in seconds whether the hub answers at all; huggingface-hub itself tries for 24."""
    import httpx

    address = hub or os.environ.get("HF_ENDPOINT") or _HUB
    try:
        if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
            raise DownloadError(f"{what} is not on this machine, and HF_HUB_OFFLINE forbids fetching it.")
        httpx.head(address, timeout=_REACH_SECONDS)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise DownloadError(
            f"{what} is not on this machine, and {address} can't be reached to fetch it: {error}."
        ) from error


def _bar_telling(on_bytes: OnBytes | None) -> Any:
    """A silent progress bar for huggingface-hub that tells `on_bytes` instead of drawing."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            options["disable"] = False
            options["file"] = _Nowhere()
            super().__init__(*args, **options)

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            if on_bytes is not None:
                on_bytes(int(self.n), int(self.total or 0))

    return Bar


class _Nowhere:
    """A file that forgets."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing is kept."""
