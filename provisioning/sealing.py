"""Secrets that have to be read again: kept encrypted, by a key that is not in the database.

The keys are derived from SECRET_KEY (HKDF with SHA-256, RFC 5869), one for each purpose, so whoever has the database
alone, or a backup of it, has no secret; whoever has both does. Beside SECRET_KEY there is nothing to keep.
"""

import base64
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class CannotOpen(Exception):
    """It was sealed with another SECRET_KEY."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What encrypts for one purpose."""

    purpose: bytes
    "Keys for other purposes differ."

    def close(self, secret: bytes) -> bytes:
        """Encrypted and authenticated."""
        return self._fernet().encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """What was sealed; raises CannotOpen."""
        try:
            return self._fernet().decrypt(bytes(sealed))
        except InvalidToken:
            raise CannotOpen("CUPS_SECRET_KEY is another one than when this was encrypted") from None

    def _fernet(self) -> Fernet:
        key = HKDF(SHA256(), 32, salt=None, info=self.purpose).derive(settings.SECRET_KEY.encode())
        return Fernet(base64.urlsafe_b64encode(key))
