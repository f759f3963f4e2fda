"""`manage.py self_test`: the guide's examples against a running edge, by users that are there for a moment."""

from collections.abc import Iterator

import pytest

from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

LEFT = "from provisioning.models import Persona, ResourceList; print(Persona.objects.filter(user__contains='self-test')"
EXAMPLES = ("EX-5", "EX-1", "EX-2", "EX-3", "EX-4", "EX-6")


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with deployed() as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def left(site: Deployment) -> str:
    return site.manage("shell", "-v0", "-c", f"{LEFT}.count(), ResourceList.objects.count())").strip()


def verdicts(output: str) -> list[tuple[str, str]]:
    return [(words[0], words[1]) for line in output.splitlines() if (words := line.split())[:1] in (["pass"], ["FAIL"])]


def test_all_examples_pass_and_nothing_is_left(site: Deployment) -> None:
    """EX-1 to EX-6, F-4, F-6."""
    output = site.manage("self_test")
    assert verdicts(output) == [("pass", example) for example in EXAMPLES]
    assert "R-SUB-31" in output and left(site) == "0 0"


def test_a_listener_that_lets_everybody_in_is_told(site: Deployment) -> None:
    """R-SEC-02: what fails is named with the reason, the others are played nevertheless, and the status says so."""
    setting = (
        "from provisioning.models import Listener; from provisioning.announce import announce;"
        f"Listener.objects.filter(port={site.proxy}).update(authentication={{}}); announce(Listener)"
    )
    site.manage("shell", "-v0", "-c", setting.format(False))
    site.restart_edge()
    output, status = site.attempt("self_test", "--proxy", f"127.0.0.1:{site.proxy}")
    assert status == 1 and ("FAIL", "EX-5") in verdicts(output) and "does the listener not authenticate?" in output
    assert left(site) == "0 0"
    site.manage("shell", "-v0", "-c", setting.format(True))
    site.restart_edge()


@pytest.mark.parametrize(
    ("proxy", "said"), [("127.0.0.1:9", "nobody listens at 127.0.0.1:9"), ("nowhere", "is not host:port")]
)
def test_without_an_edge(site: Deployment, proxy: str, said: str) -> None:
    output, status = site.attempt("self_test", "--proxy", proxy)
    assert status == 1 and said in output and "Traceback" not in output
    assert left(site) == "0 0"


def test_users_of_a_test_that_broke_off_are_taken_away(site: Deployment) -> None:
    """Those of ten minutes ago, and nobody who is called alike."""
    names = ("self-test-60000000-00ff-a", "self-test-60000000-00ff", "self-test-beef")
    site.apply("users: [" + ", ".join(f'{{uri: "{name}@compb.cisco.com"}}' for name in names) + "]")
    site.manage("self_test", "--proxy", f"127.0.0.1:{site.proxy}")
    assert left(site) == "2 0"
