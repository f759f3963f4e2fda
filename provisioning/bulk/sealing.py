"""Files wait in the database for their worker, encrypted with the installation's key: they may hold passwords."""

import base64
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from provisioning.bulk.documents import BadDocument


def sealed(content: bytes) -> bytes:
    """What is kept of a file."""
    return _key().encrypt(content)


def opened(token: bytes) -> bytes:
    """The file again; raises BadDocument where the key of the installation is another one now."""
    try:
        return _key().decrypt(bytes(token))
    except InvalidToken:
        raise BadDocument("The file cannot be read any more: the key of the installation has changed.") from None


def _key() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(sha256(b"imports\0" + settings.SECRET_KEY.encode()).digest()))
