"""sipsak: From, To and Contact without angle brackets, rport and alias in Via, removal with the star."""

import subprocess

import pytest

from tests.phone import PASSWORD
from tests.programs import needs_program
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

LOCAL = f"""
domains: ["127.0.0.1"]
users: [{{uri: "xten3@127.0.0.1", password: {PASSWORD}}}]
"""


def test_a_binding_is_made_and_removed() -> None:
    """R-REG-01, R-REG-06, R-SEC-02."""
    program = needs_program("sipsak")
    with deployed() as deployment:
        deployment.apply(LOCAL)  # sipsak looks the domain up, so it has to be an address
        deployment.start_edge()

        def sipsak(*words: str) -> str:
            done = subprocess.run(
                [program, "-U", "-vv", "-s", f"sip:xten3@127.0.0.1:{deployment.proxy}",
                 "-u", "xten3", "-a", PASSWORD, "-H", "127.0.0.1", *words],
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            return done.stdout + done.stderr

        said = sipsak("-C", "sip:xten3@127.0.0.1:35060", "-x", "600")
        assert "completed successful" in said, said
        assert bindings(deployment) == ["sip:xten3@127.0.0.1:35060"]
        said = sipsak("-C", "*", "-x", "0")
        assert "completed successful" in said, said
        assert bindings(deployment) == []


def bindings(deployment: Deployment) -> list[str]:
    """The contacts of xten3, as the registrar lists them."""
    with deployment.phone("xten3@127.0.0.1") as phone:
        answer = phone.register(expires=None, Contact=None)
        return [value.partition(">")[0].lstrip("<") for value in answer.get_all("Contact")]
