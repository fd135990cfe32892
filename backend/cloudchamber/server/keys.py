"""The owner's key: made at each start, or configured."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from typing import Final

SECRET_VARIABLE: Final = "CLOUDCHAMBER_SECRET"  # noqa: S105
SHORTEST_SECRET: Final = 16


class SecretError(ValueError):
    """A configured secret that is no good; the text is a sentence for a person."""


class OwnerKey:
    """A secret that whoever runs the server has, and the cookie it is turned into.

    The cookie's value is derived from the secret: what a browser keeps is not the secret.
    """

    def __init__(self, secret: str = "") -> None:
        self.configured = bool(secret)
        self.secret = secret or secrets.token_urlsafe(24)
        key = self.secret.encode()
        self._digest = hashlib.sha256(key).digest()
        self.cookie = hmac.new(key, b"cloudchamber cookie", hashlib.sha256).hexdigest()

    def fits(self, secret: str) -> bool:
        """Whether `secret` is the one, in a time that tells nothing of it."""
        return hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), self._digest)

    def fits_cookie(self, value: str) -> bool:
        return hmac.compare_digest(value.encode(), self.cookie.encode())


def owner_key() -> OwnerKey:
    """The key of this start. Raises `SecretError` if the configured secret is too short, or can't be sent."""
    secret = os.environ.get(SECRET_VARIABLE, "").strip()
    if not (secret.isascii() and secret.isprintable()):
        raise SecretError(
            f"{SECRET_VARIABLE} must be of ASCII letters, digits and signs: a header holds no other."
        )
    if secret and len(secret) < SHORTEST_SECRET:
        raise SecretError(
            f"{SECRET_VARIABLE} has {len(secret)} characters; it must have {SHORTEST_SECRET} at least. "
            'One is made by: python -c "import secrets; print(secrets.token_urlsafe(24))"'
        )
    return OwnerKey(secret)
