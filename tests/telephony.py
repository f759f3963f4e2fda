"""How tests set the CTI gateway up: its address, and a program that may control every line."""

from tests.phone import DOMAIN
from tests.system import Deployment

GATEWAY = f"sip:8000@{DOMAIN}"
"Where clients open their sessions."


def open_gateway(site: Deployment, session_timer: int = 1810) -> None:
    """Before the edge starts: sessions are opened at GATEWAY, and last so many seconds."""
    settings = f"CtiSettings(gateway_uri='{GATEWAY}', session_timer={session_timer})"
    site.manage("shell", "-v0", "-c", f"from cti.models import CtiSettings; {settings}.save()")


def add_desk(site: Deployment) -> None:
    """The application user `desk`, with the password `secret`."""
    site.manage(
        "shell", "-v0", "-c",
        "from cti.models import ApplicationUser; user = ApplicationUser(name='desk', controls_all=True);"
        "user.set_password('secret'); user.save()",
    )  # fmt: skip
