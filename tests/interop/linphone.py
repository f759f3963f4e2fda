"""liblinphone as a SIP user: the library of Linphone in a process of its own."""

import urllib.parse
from pathlib import Path

from tests.interop.child import Child
from tests.programs import needs_library
from tests.services import free_port
from tests.waiting import wait_until

CONFIGURATION = """\
[sip]
bind_address=127.0.0.1
use_ipv6=0
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
root_ca={authority}
verify_server_certs=1
verify_server_cn=1
default_proxy=0
auto_net_state_mon=0

[net]
mtu=1300
dns_srv_enabled=0

[sound]
playback_dev_id=
ringer_dev_id=
capture_dev_id=

[video]
enabled=0
capture=0
display=0

[lime]
enabled=0

[proxy_0]
reg_proxy=<sip:127.0.0.1:{proxy};transport={transport}>
reg_route=<sip:127.0.0.1:{proxy};transport={transport};lr>
reg_identity=sip:{account}
reg_expires=600
reg_sendregister=1
publish=1
publish_expires=600

[auth_info_0]
username={user}
passwd={password}
domain={domain}
"""


class Linphone(Child):
    """One running client."""

    script = "tests.interop.linphone_child"

    def __init__(
        self, folder: Path, account: str, password: str, proxy: int, transport: str, authority: Path | None = None
    ) -> None:
        """`authority`: the file of the certificate authority that it believes, for TLS."""
        library = needs_library("linphone")
        folder.mkdir()
        user, _, domain = account.partition("@")
        (folder / "linphonerc").write_text(
            CONFIGURATION.format(
                udp=free_port() if transport == "udp" else 0,
                tcp=free_port() if transport == "tcp" else 0,
                tls=free_port() if transport == "tls" else 0,
                authority=authority or "",
                account=account,
                user=user,
                domain=domain,
                password=password,
                proxy=proxy,
                transport=transport,
            )
        )
        super().__init__(folder, library)

    def watch(self, buddy: str) -> None:
        """Put somebody on the list of friends."""
        self.tell("friend", f"sip:{buddy}")

    def watch_list(self, server: str, *members: str) -> None:
        """Watch several as one list that a resource list server is asked for."""
        self.tell("list", server, *(f"sip:{member}" for member in members))

    def publish(self, presence: str) -> None:
        """Change the own state: online, busy, dnd, offline."""
        self.tell("presence", presence)

    def log_in(self) -> None:
        """Register and wait until liblinphone says so."""
        self.tell("login")
        self.is_now("account", "online")

    def log_out(self) -> None:
        """Stop and wait until liblinphone says so."""
        self.tell("logout")
        self.is_now("account", "offline")

    def sees(self, buddy: str, presence: str) -> None:
        """Wait until liblinphone itself says so of the friend."""
        self.is_now(f"sip:{buddy}", presence)

    def message(self, to: str, text: str) -> None:
        """Send a message."""
        self.tell("message", f"sip:{to}", urllib.parse.quote(text))

    def reads(self, sender: str, text: str) -> None:
        """Wait until liblinphone has reported this message from this sender."""
        line = f"message sip:{sender} {urllib.parse.quote(text)}"
        wait_until(lambda: line in self.said(), f"{text!r} in what liblinphone reports")
