"""An edge with many subscriptions starts again: it serves while it tells them what they have missed."""

import time
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from tests import many
from tests.bench.load import Load
from tests.bench.messages import DOMAIN
from tests.bench.subjects import Publisher, Watcher
from tests.services import PostgreSQL
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

FEW = 5_000
"Subscriptions that every run of the tests sees."

MANY = 100_000

SAMPLE = 200
"Watchers that refresh within their dialogs afterwards, spread over all."

PATIENCE = 900.0
"Seconds until the last watcher has been told, on a machine that has much else to do."

EXEMPT = "from provisioning.models import LimitExemption as E; E.objects.create(network='127.0.0.0/8')"
"One generator speaks for all users."


@pytest.fixture
def deployment(postgresql_server: PostgreSQL) -> Iterator[Deployment]:
    """One that knows nobody yet."""
    provisioned = f"domains: [{DOMAIN}]\ntrusted_peers: [{{address: 127.0.0.1}}]\n"
    with deployed(server=postgresql_server.url, provisioned=provisioned) as found:
        yield found
        assert "Traceback" not in found.logs(), found.logs()


class Restarted:
    """A deployment whose edge was killed with so many subscriptions, none of which is known to be up to date."""

    def __init__(self, deployment: Deployment, count: int) -> None:
        self._deployment = deployment
        self.count = count
        self.engine = ("127.0.0.1", deployment.engine)
        self.load = Load(self.engine, lines=1)
        self._pump = [Publisher(count + 1 + number, self.load.via(0)) for number in range(20)]
        "Users whom nobody watches; while they publish the generator takes what the watchers are told."
        place = f"{self.engine!r}, {self.load.via(0)!r}, {self.load.contact(0)!r}"
        deployment.manage(
            "shell", "-v0", "-c",
            f"from tests import many; many.users(0, {count + 30}); many.publications(0, {count}); "
            f"many.subscriptions('edge-1', {place}, 0, {count}); {EXEMPT}",
        )  # fmt: skip
        self.watchers = many.watchers(self.load, 0, count)

    def start(self) -> None:
        """Start its successor; says how long that takes."""
        began = time.monotonic()
        self._edge = psutil.Process(self._deployment.start_edge().pid)
        print(f"{self.count} subscriptions: ready after {time.monotonic() - began:.1f} s, {self._memory()}")

    def told(self) -> list[Watcher]:
        """Those who have heard of the restart by now."""
        return [one for one in self.watchers if one.notified]

    def serves(self) -> None:
        """What is asked at once is answered: publications, and refreshes of watchers who would be told last."""
        for subjects in (self._pump, self.watchers[-20:]):
            result = self.load.once(subjects, window=2)
            assert not result.failures, result.failures
            p50, most = (1000 * (result.answer.quantile(share) or 0.0) for share in (0.5, 1.0))
            print(
                f"  {subjects[0].method}: answers after {p50:.0f} ms, {most:.0f} ms at most; "
                f"by then {len(self.told())} had been told"
            )

    def tells_all(self) -> None:
        """Wait until each has been told; what a busy edge refuses meanwhile is said, and no fault."""
        began = time.monotonic()
        refused: Counter[str] = Counter()
        while len(told := self.told()) < self.count:
            assert time.monotonic() < began + PATIENCE, f"{self.count - len(told)} have heard nothing"
            refused += self.load.once(self._pump, window=1, pace=40).failures
        print(f"  all told {time.monotonic() - began:.1f} s later, {self._memory()}; refused: {dict(refused)}")
        assert not set(refused) - {"503"}, refused

    def goes_on(self) -> None:
        """Dialogs are as they were, and everybody has one."""
        result = self.load.once(self.watchers[:: max(1, self.count // SAMPLE)], window=16)
        assert not result.failures, result.failures
        left = "from presence.models import Subscription as S; print(S.objects.exclude(state='terminated').count())"
        assert int(self._deployment.manage("shell", "-v0", "-c", left)) == self.count

    def _memory(self) -> str:
        return f"{self._edge.memory_info().rss / 1e6:.0f} MB"


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.nightly)])
def test_a_restart_with_many_subscriptions_is_told_while_others_are_served(deployment: Deployment, count: int) -> None:
    """After kill -9 every subscription goes on, each watcher is told, and nobody has to wait until all are."""
    restarted = Restarted(deployment, count)
    try:
        restarted.start()
        restarted.serves()
        restarted.tells_all()
        restarted.goes_on()
    finally:
        restarted.load.close()
