"""What an edge tells the others: at once while little happens, gathered while much does."""

from sipedge.hints import LONGEST_PAUSE, SHORTEST_PAUSE, pause_after


def test_changes_are_gathered_the_longer_the_more_there_are() -> None:
    pauses = [pause_after(number) for number in (1, 5, 20, 50)]
    assert pauses == sorted(set(pauses)) and pauses[0] < 2 * SHORTEST_PAUSE
    assert pause_after(1000) == pause_after(100_000) == LONGEST_PAUSE
