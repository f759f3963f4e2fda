"""Is a delivery to a webhook genuine, and fresh?"""

import hmac
import time


def is_genuine(secret: str, header: str, body: bytes) -> bool:
    """`header`: the value of X-Presence-Signature; `body`: the octets as they came."""
    moment, signature = (part.partition("=")[2] for part in header.split(","))
    wanted = hmac.new(secret.encode(), f"{moment}.".encode() + body, "sha256").hexdigest()
    return hmac.compare_digest(wanted, signature) and abs(time.time() - int(moment)) < 300
