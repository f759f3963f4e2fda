"""Passwords that this server has to say to others: kept encrypted, by a key that is not in the database.

The key is derived from SECRET_KEY (HKDF with SHA-256, RFC 5869), so whoever has the database alone, or a backup of it,
has no password; whoever has both does. Beside it there is nothing else to keep, and no second place to set it in.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

PURPOSE = b"password of a directory"
"Keys for other purposes differ from this one."


class CannotOpen(Exception):
    """It was sealed with another SECRET_KEY."""


def seal(secret: str) -> str:
    """Encrypted and authenticated; empty stays empty."""
    return _fernet().encrypt(secret.encode()).decode() if secret else ""


def unseal(sealed: str) -> str:
    """What was sealed; raises CannotOpen."""
    if not sealed:
        return ""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise CannotOpen(
            "CUPS_SECRET_KEY is another one than when the password was set; set the password again"
        ) from None


def _fernet() -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))
