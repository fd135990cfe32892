"""The certificate for https: given, mkcert's, or made here and signed by itself."""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID: Final = datetime.timedelta(days=397)
RENEW_BEFORE: Final = datetime.timedelta(days=14)
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
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror if not isinstance(error, ssl.SSLError) else error.reason
        raise TlsError(f"The certificate {cert} can't be used with {key}: {reason or error}.") from error
    return Certificate(cert, key)


def by_mkcert(folder: Path, hosts: list[str]) -> Certificate | None:
    """A certificate that browsers here trust already; None where mkcert isn't set up."""
    program = shutil.which("mkcert")
    if program is None:
        return None
    try:
        said = _mkcert(program, "-CAROOT")
        if not (Path(said.strip()) / "rootCA-key.pem").is_file():
            return None
        cert, key = _files(folder, "mkcert")
        if not _covers(cert, hosts):
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
    try:
        cert, key = _files(folder, "self-signed")
        if not (_covers(cert, hosts) and key.is_file()):
            _make(cert, key, hosts)
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


def fingerprint_of(cert: Path) -> str:
    """SHA-256 of a certificate file, as browsers show it."""
    digest = x509.load_pem_x509_certificate(cert.read_bytes()).fingerprint(hashes.SHA256())
    return digest.hex(":").upper()


def _files(folder: Path, stem: str) -> tuple[Path, Path]:
    place = folder / "tls"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place / f"{stem}.pem", place / f"{stem}.key"


def _covers(cert: Path, hosts: Iterable[str]) -> bool:
    """Whether a kept certificate is still good for every host."""
    try:
        kept = x509.load_pem_x509_certificate(cert.read_bytes())
        names = kept.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    if kept.not_valid_after_utc - RENEW_BEFORE < datetime.datetime.now(datetime.UTC):
        return False
    covered = {str(value) for value in names.get_values_for_type(x509.IPAddress)}
    covered.update(names.get_values_for_type(x509.DNSName))
    return covered.issuperset(hosts)


def _make(cert: Path, key: Path, hosts: Iterable[str]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Cloud Chamber on this machine")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName([_general(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key.unlink(missing_ok=True)
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
