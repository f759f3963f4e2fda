"""Who may watch whom, as long as there are no lists (D-15)."""

import pytest

from presence.engine.authorization import Effect, authorize


@pytest.mark.parametrize("allow_by_default", [True, False])
def test_the_presentity_always_sees_itself(allow_by_default):
    """D-15: whatever the default is."""
    decision = authorize(watcher_persona=3, presentity_persona=3, allow_by_default=allow_by_default)
    assert decision.effect is Effect.ALLOW and "own" in decision.why


@pytest.mark.parametrize("watcher", [None, 4])
@pytest.mark.parametrize(("allow_by_default", "effect"), [(True, Effect.ALLOW), (False, Effect.BLOCK)])
def test_without_a_list_the_setting_decides(watcher, allow_by_default, effect):
    """D-15, R-NTF-01: everyone, or nobody when the operator set it so; the decision says why."""
    decision = authorize(watcher_persona=watcher, presentity_persona=3, allow_by_default=allow_by_default)
    assert decision.effect is effect and "default" in decision.why
