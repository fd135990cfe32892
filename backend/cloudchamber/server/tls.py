"""The certificate for https: given, mkcert's, or made here and signed by itself."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MKCERT_SECONDS: Final = 30


class TlsError(Exception):
    """No certificate to serve with; the text is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a certificate and its key, and what a person should know of it."""

    file: Path
    key: Path
    said: tuple[str, ...] = ()
    """Sentences: who signed it and what the browser will show."""


def certificate(
    cert: Path | None, key: Path | None, folder: Path, names: Iterable[str], addresses: Iterable[str]
) -> Certificate:
    """The given one, else one of mkcert's if that is set up, else a self-signed one.

    `folder` is where made ones are kept; `names` and `addresses` are what it must be valid for.
    Raises `TlsError`.
    """
    if cert or key:
        if not (cert and key):
            raise TlsError("--tls-cert and --tls-key belong together: give both.")
        return given(cert, key)
    hosts = list(dict.fromkeys([*names, *addresses]))
    return by_mkcert(folder, hosts) or self_signed(folder, hosts)


def given(cert: Path, key: Path) -> Certificate:
    """A certificate someone brought. Raises `TlsError`."""

    def locked() -> str:  # asked for else at the terminal, here and once more by the server
        raise TlsError(f"The key {key} is locked with a passphrase: give one that is not.")

    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, locked)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror if not isinstance(error, ssl.SSLError) else error.reason
        raise TlsError(f"The certificate {cert} can't be used with {key}: {reason or error}.") from error
    return Certificate(cert, key)


def _fits(cert: Path, key: Path) -> bool:
    """Whether a kept certificate still has its key: a start cut off while writing them left no pair."""
    try:
        given(cert, key)
    except TlsError:
        return False
    return True


def by_mkcert(folder: Path, hosts: list[str]) -> Certificate | None:
    """A certificate that browsers here trust already; None where mkcert isn't set up."""
    from cloudchamber.server.certificates import covers, is_issued_by

    program = shutil.which("mkcert")
    if program is None:
        return None
    try:
        authority = Path(_mkcert(program, "-CAROOT").strip())
        if not (authority / "rootCA-key.pem").is_file():
            return None
        cert, key = _files(folder, "mkcert")
        # Of an authority that was made anew nobody trusts what the old one signed.
        if not (covers(cert, hosts) and is_issued_by(cert, authority / "rootCA.pem") and _fits(cert, key)):
            _mkcert(program, "-cert-file", str(cert), "-key-file", str(key), *hosts)
            key.chmod(0o600)
    except (OSError, subprocess.SubprocessError):
        return None
    words = "The certificate is mkcert's: browsers that trust its authority open the page without a warning."
    return Certificate(cert, key, (words,))


def _mkcert(program: str, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603
        [program, *arguments], capture_output=True, text=True, check=True, timeout=MKCERT_SECONDS
    ).stdout


def self_signed(folder: Path, hosts: list[str]) -> Certificate:
    """A certificate made here, kept as long as it covers `hosts`. Raises `TlsError`."""
    from cloudchamber.server.certificates import covers, fingerprint_of, make

    try:
        cert, key = _files(folder, "self-signed")
        if not (covers(cert, hosts) and _fits(cert, key)):
            make(cert, key, hosts)
        fingerprint = fingerprint_of(cert)
    except OSError as error:
        raise TlsError(f"A certificate can't be kept in {folder}: {error.strerror}.") from error
    return Certificate(
        cert,
        key,
        (
            "The certificate is self-signed. Browsers will say that the connection is not private "
            "(in Chrome NET::ERR_CERT_AUTHORITY_INVALID): choose Advanced, then Proceed.",
            f"Before that, compare its SHA-256 fingerprint: {fingerprint}",
        ),
    )


def _files(folder: Path, stem: str) -> tuple[Path, Path]:
    place = folder / "tls"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place / f"{stem}.pem", place / f"{stem}.key"
