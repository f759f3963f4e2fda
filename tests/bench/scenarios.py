"""What is measured: each scenario prepares its subjects at a fresh server, then keeps a window of operations busy."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tests.bench.hostile import attacked
from tests.bench.load import Load, Pressure, Result, nothing
from tests.bench.messages import DOMAIN, document, list_of, user
from tests.bench.servers import Server
from tests.bench.subjects import Publisher, Registrant, Sender, Subject, Watcher
from tests.bench.usage import Usage

LISTED = 20
"Members of a list: what fits into the datagrams of one notification."

HONEST_RATE = 200.0
"Operations a second of those who are disturbed, where no rate is asked for: far below what saturates the server."

MEMORY_OBJECTS = 10_000
"Subscriptions, or publications, of a memory scenario."


@dataclass(frozen=True, slots=True)
class Options:
    """How hard and how long."""

    pressure: Pressure
    users: int = 1000
    begins: Callable[[], None] = nothing
    "Called when counting begins."
    settle: float = 40.0
    "Seconds that the memory scenario waits before it looks: longer than transactions are remembered (Timer J, 32 s)."


@dataclass(slots=True)
class Measured:
    """The outcome of one scenario at one server."""

    result: Result
    usage: Usage | None = None
    "CPU seconds used while the operations were counted."
    memory: int | None = None
    "Bytes that the server grew by for 10,000 subscriptions or publications."
    payload: int = 0
    "Bytes of each of them that came from outside: the document of a publication."
    quiet: Result | None = None
    "The same load in the same run without what disturbs it."


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the table."""

    name: str
    title: str
    run: Callable[[Load, Server, Options], Measured]
    provisioning: Callable[[int], str] | None = None
    "A provisioning file for this number of users, for what only our server is asked."


class Preparation(Exception):
    """The server did not do what the scenario needs before it can begin."""


def _prepare(load: Load, subjects: Sequence[Subject], options: Options) -> None:
    result = load.once(subjects, options.pressure.window)
    if result.failures:
        raise Preparation(f"{len(subjects)} x {subjects[0].method} to begin with: {dict(result.failures)}")


def _measure(
    load: Load, server: Server, subjects: Iterable[Subject], options: Options, *, again: bool = True
) -> Measured:
    readings: list[Usage] = []

    def read() -> None:
        readings.append(server.usage())

    def begin() -> None:
        options.begins()
        read()

    result = load.timed(subjects, options.pressure, again=again, begins=begin, ends=read)
    return Measured(result, readings[1] - readings[0])


def _publishers(load: Load, options: Options) -> list[Publisher]:
    publishers = [Publisher(number, load.via(number)) for number in range(options.users)]
    _prepare(load, publishers, options)
    return publishers


def _watchers(load: Load, options: Options, count: int) -> Iterator[Watcher]:
    """Watchers of every user, `count` of each, in rounds; they are other users of the domain."""
    for round_number in range(count):
        for number in range(options.users):
            yield load.new_watcher(user((number + round_number + 1) % options.users), user(number))


def _publish(watchers: int) -> Callable[[Load, Server, Options], Measured]:
    def run(load: Load, server: Server, options: Options) -> Measured:
        publishers = _publishers(load, options)
        if watchers:
            subscribed = list(_watchers(load, options, watchers))
            _prepare(load, subscribed, options)
            for number, watcher in enumerate(subscribed):
                publishers[number % options.users].watchers.append(watcher)
        return _measure(load, server, publishers, options)

    return run


def _subscribe(load: Load, server: Server, options: Options) -> Measured:
    _publishers(load, options)
    rounds = (_watchers(load, options, 1) for _ in itertools.count())
    return _measure(load, server, itertools.chain.from_iterable(rounds), options, again=False)


def _refresh(load: Load, server: Server, options: Options) -> Measured:
    _publishers(load, options)
    watchers = list(_watchers(load, options, 1))
    _prepare(load, watchers, options)
    return _measure(load, server, watchers, options)


def _access_lists(users: int) -> str:
    """An access list for every user, of 20 addresses that are not the watcher's, and a filter that does not apply."""
    entries = ", ".join(f'{{uri: "stranger{number}@{DOMAIN}", effect: block}}' for number in range(20))
    lines = ["uri_acls:"]
    lines += [f'  - {{presentity: "user{n}@{DOMAIN}", default: allow, entries: [{entries}]}}' for n in range(users)]
    return "\n".join([*lines, "filters: [{kind: phone_only, client_type: MeetingPlace}]", ""])


def _lists(users: int) -> str:
    """A list for every user, of the twenty users that follow."""
    lines = ["lists:"]
    for number in range(users):
        members = ", ".join(f'"user{(number + step) % users}@{DOMAIN}"' for step in range(LISTED))
        lines.append(f'  - {{uri: "list{number}@{DOMAIN}", members: [{members}]}}')
    return "\n".join([*lines, ""])


def _list_watchers(load: Load, options: Options) -> Iterator[Watcher]:
    for number in range(options.users):
        yield load.new_watcher(user(number), list_of(number), listed=True)


def _subscribe_lists(load: Load, server: Server, options: Options) -> Measured:
    _publishers(load, options)
    rounds = (_list_watchers(load, options) for _ in itertools.count())
    return _measure(load, server, itertools.chain.from_iterable(rounds), options, again=False)


def _publish_to_lists(load: Load, server: Server, options: Options) -> Measured:
    """What is published reaches twenty list watchers each, gathered for the list interval; nobody waits for it."""
    publishers = _publishers(load, options)
    _prepare(load, list(_list_watchers(load, options)), options)
    return _measure(load, server, publishers, options)


def _register(load: Load, server: Server, options: Options) -> Measured:
    registrants = [Registrant(number, load.via(number)) for number in range(options.users)]
    _prepare(load, registrants, options)
    return _measure(load, server, registrants, options)


def _message(load: Load, server: Server, options: Options) -> Measured:
    """Everybody is registered where the requests come from, and writes to the next user."""
    _prepare(load, [Registrant(number, load.via(number)) for number in range(options.users)], options)
    senders = [Sender(number, (number + 1) % options.users, load.via(number)) for number in range(options.users)]
    return _measure(load, server, senders, options)


def _nothing(users: int) -> str:
    """Nothing but users; a scenario that needs this is for our server only."""
    return ""


def _hostile(load: Load, server: Server, options: Options) -> Measured:
    """PUBLISH at a fixed rate, first in peace and then beside a stranger who means harm."""
    publishers = _publishers(load, options)
    pressure = replace(options.pressure, pace=options.pressure.pace or HONEST_RATE)
    quiet = load.timed(publishers, pressure, again=True)
    with attacked(server.address):
        measured = _measure(load, server, publishers, replace(options, pressure=pressure))
    measured.quiet = quiet
    return measured


def _memory(load: Load, server: Server, options: Options) -> Measured:
    _publishers(load, options)
    each = max(1, -(-2 * MEMORY_OBJECTS // options.users))
    return _grown(load, server, options, list(_watchers(load, options, each)))


def _more_users(users: int) -> str:
    """Users enough that nobody publishes twice."""
    pattern = (
        f'{{pattern: "user{{n}}", first: {users}, count: {2 * MEMORY_OBJECTS}, domain: {DOMAIN}, password: bench}}'
    )
    return f"users: [{pattern}]\n"


def _memory_publications(load: Load, server: Server, options: Options) -> Measured:
    """Each user has one publication, which nobody watches."""
    publishers = [Publisher(options.users + number, load.via(number)) for number in range(2 * MEMORY_OBJECTS)]
    measured = _grown(load, server, options, publishers)
    measured.payload = len(document(options.users, "open"))
    return measured


def _grown(load: Load, server: Server, options: Options, subjects: Sequence[Subject]) -> Measured:
    """What the second half of them adds. With the first one comes what does not grow with their number.

    That is what the allocator keeps of the transactions of one half, the trace of messages, and caches.
    """
    half = len(subjects) // 2
    _prepare(load, subjects[:half], options)
    time.sleep(options.settle)
    before = server.memory()
    result = load.once(subjects[half:], options.pressure.window)
    time.sleep(options.settle)
    grown = server.memory() - before
    return Measured(result, memory=round(grown * MEMORY_OBJECTS / max(1, result.operations)))


SCENARIOS = (
    Scenario("publish", "PUBLISH, no watcher", _publish(0)),
    Scenario("publish-1", "PUBLISH, 1 watcher each", _publish(1)),
    Scenario("publish-10", "PUBLISH, 10 watchers each", _publish(10)),
    Scenario("subscribe", "SUBSCRIBE with first NOTIFY", _subscribe),
    Scenario("refresh", "refresh SUBSCRIBE with NOTIFY", _refresh),
    Scenario("register", "REGISTER, known binding", _register),
    Scenario("message", "MESSAGE, relayed", _message),
    Scenario("subscribe-acl", "SUBSCRIBE, access list of 20", _subscribe, _access_lists),
    Scenario("subscribe-list", "SUBSCRIBE to a list of 20", _subscribe_lists, _lists),
    Scenario("publish-list", "PUBLISH, in 20 watched lists", _publish_to_lists, _lists),
    Scenario("hostile", "PUBLISH beside a hostile load", _hostile, _nothing),
    Scenario("memory", "memory of 10,000 subscriptions", _memory),
    Scenario("memory-publications", "memory of 10,000 publications", _memory_publications, _more_users),
)
"Every scenario, in the order of the table."
