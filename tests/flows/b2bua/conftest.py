"""An edge with a hundred lines of SIP phones, and its switchboard."""

from collections.abc import Iterator

import pytest

from tests.deskset import Desk, Make
from tests.phone import DOMAIN
from tests.services import free_port
from tests.switchboard import Switchboard
from tests.system import Deployment, deployed


@pytest.fixture(scope="module")
def office() -> Iterator[Deployment]:
    with deployed() as deployment:
        deployment.environment["CUPS_TEST_LOOK"] = "0.5"
        yield deployment
        assert "Traceback" not in deployment.logs(), deployment.logs()[-4000:]


@pytest.fixture(scope="module")
def board(office: Deployment) -> Iterator[Switchboard]:
    rights = {190: "nobody", 191: "ours"}
    lines = (
        f'  - {{uri: "{number}", owner: "u{number}@{DOMAIN}", switch: sip, may_call: {rights.get(number, "anyone")}}}\n'
        for number in range(100, 200)
    )
    office.apply("lines:\n" + "".join(lines))
    made = Switchboard(office, free_port())
    yield made
    made.close()


@pytest.fixture
def desk(office: Deployment, board: Switchboard) -> Iterator[Make]:
    made: list[Desk] = []

    def make(user: str, transport: str = "TCP") -> Desk:
        made.append(Desk(user, ("127.0.0.1", office.proxy_ws if transport == "WS" else office.proxy), transport))
        return made[-1]

    yield make
    board.does("end")
    board.forget()
    for one in made:
        one.hang_up()
