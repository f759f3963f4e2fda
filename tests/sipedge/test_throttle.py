"""Wrong passwords are slowed down, for those who guess and not for their neighbours."""

from provisioning.policy import LimitFacts
from sipedge import throttle
from sipedge.throttle import Throttle

HOST = "192.0.2.1"
LIMITS = LimitFacts()


def guess(one: Throttle, times: int, user: str = "u1", now: float = 0.0) -> None:
    for _ in range(times):
        one.wrong(HOST, user, LIMITS, now)


def test_a_client_with_an_old_password_is_not_blocked_at_once() -> None:
    """R-SEC-02: sixteen attempts in a second are a client, not an attack."""
    one = Throttle()
    guess(one, LIMITS.wrong_of_user - 1)
    assert one.blocked(HOST, "u1", 0.0) == 0
    one.right(HOST, "u1")
    guess(one, LIMITS.wrong_of_user - 1)
    assert one.blocked(HOST, "u1", 0.0) == 0


def test_blocks_grow_up_to_a_limit_and_end() -> None:
    """R-SEC-02."""
    one = Throttle()
    now, seen = 0.0, []
    for _ in range(8):
        guess(one, LIMITS.wrong_of_user, now=now)
        left = one.blocked(HOST, "u1", now)
        seen.append(left)
        now += left
        assert one.blocked(HOST, "u1", now) == 0
    assert seen[:3] == [30, 60, 120] and seen[-1] == LIMITS.longest_block


def test_others_behind_the_same_address_log_in() -> None:
    """R-SEC-02: until the address as a whole is past its own limit; other addresses never suffer."""
    one = Throttle()
    guess(one, LIMITS.wrong_of_user)
    assert one.blocked(HOST, "u2", 0.0) == 0
    for number in range(LIMITS.wrong_of_address):
        one.wrong(HOST, f"name{number}", LIMITS, 0.0)
    assert one.blocked(HOST, "u2", 0.0) > 0
    assert one.blocked("192.0.2.2", "u1", 0.0) == 0


def test_limits_count_from_the_next_attempt_on() -> None:
    """R-SEC-02: as the policy has them at that moment."""
    one = Throttle()
    strict = LimitFacts(wrong_of_user=3, first_block=7, longest_block=10)
    guess(one, 2)
    one.wrong(HOST, "u1", strict, 0.0)
    assert one.blocked(HOST, "u1", 0.0) == 7
    for _ in range(3):
        one.wrong(HOST, "u1", strict, 7.0)
    assert one.blocked(HOST, "u1", 7.0) == 10


def test_memory_is_bounded_and_old_things_are_forgotten() -> None:
    """D-39."""
    one = Throttle()
    guess(one, LIMITS.wrong_of_user - 1)
    guess(one, 1, now=throttle.FORGOTTEN_AFTER + 1)
    assert one.blocked(HOST, "u1", throttle.FORGOTTEN_AFTER + 1) == 0
    for number in range(throttle.MAX_REMEMBERED + 10):
        one.wrong(f"10.0.{number >> 8}.{number & 255}", "u", LIMITS, 0.0)
    assert len(one._counts) == throttle.MAX_REMEMBERED
