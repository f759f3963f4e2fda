"""REGISTER at a running edge (RFC 3261 section 10, REQUIREMENTS 9.2)."""

from collections.abc import Callable

import pytest

from tests.phone import Phone
from tests.system import Deployment

pytestmark = pytest.mark.system
Make = Callable[..., Phone]


def contacts(phone: Phone) -> dict[str, dict[str, str]]:
    """The bindings in force, with their parameters, by a query without Contact."""
    answer = phone.register(expires=None, Contact=None)
    assert answer.status == 200
    found = {}
    for value in answer.get_all("Contact"):
        uri, _, rest = value.partition(">")
        found[uri.lstrip("<")] = dict(part.split("=", 1) for part in rest.lstrip(";").split(";") if "=" in part)
    return found


def test_a_contact_is_bound_for_the_time_that_was_asked_for(phone: Make) -> None:
    """R-REG-01, R-REG-05, EX-5: Expires says for how long."""
    one = phone()
    answer = one.register("<sip:u@192.0.2.1:5060>;q=0.5", expires=600)
    assert answer.status == 200
    assert contacts(one) == {"sip:u@192.0.2.1:5060": {"q": "0.5", "expires": "600"}}


def test_several_contacts_come_back_best_first(phone: Make) -> None:
    """R-REG-03, D-35: q-values are kept; it is 1.0 when absent."""
    one = phone()
    one.register("<sip:u@192.0.2.1>;q=0.2", "<sip:u@192.0.2.2>", "<sip:u@192.0.2.3>;q=0.7")
    assert [(uri, values["q"]) for uri, values in contacts(one).items()] == [
        ("sip:u@192.0.2.2", "1"),
        ("sip:u@192.0.2.3", "0.7"),
        ("sip:u@192.0.2.1", "0.2"),
    ]


def test_a_contact_of_its_own_expires_goes_before_the_header(phone: Make) -> None:
    """Section 6, R-REG-05: contact by contact."""
    one = phone()
    one.register("<sip:u@192.0.2.1>;expires=120", "<sip:u@192.0.2.2>", expires=600)
    assert {uri: values["expires"] for uri, values in contacts(one).items()} == {
        "sip:u@192.0.2.1": "120",
        "sip:u@192.0.2.2": "600",
    }


def test_expires_zero_unregisters(phone: Make) -> None:
    """R-REG-06, D-04: by the header, by the parameter, and all at once by the star."""
    one = phone()
    one.register("<sip:u@192.0.2.1>", "<sip:u@192.0.2.2>", "<sip:u@192.0.2.3>", "<sip:u@192.0.2.4>")
    one.register("<sip:u@192.0.2.1>", expires=0)
    one.register("<sip:u@192.0.2.2>;expires=0")
    assert sorted(contacts(one)) == ["sip:u@192.0.2.3", "sip:u@192.0.2.4"]
    assert one.register("*", expires=0).status == 200
    assert contacts(one) == {}


def test_the_star_beside_anything_else_is_refused(phone: Make) -> None:
    """R-REG-06: RFC 3261 10.3 step 6."""
    one = phone()
    one.register("<sip:u@192.0.2.1>")
    assert one.register("*", expires=10).status == 400
    assert one.register("*", "<sip:u@192.0.2.2>", expires=0).status == 400
    assert len(contacts(one)) == 1


@pytest.mark.parametrize(("asked", "granted"), [(None, "3600"), (60, "60"), (86400, "86400"), (86401, "3600")])
def test_the_granted_expiry_follows_the_bounds(phone: Make, asked: int | None, granted: str) -> None:
    """D-05, R-REG-05, section 6."""
    one = phone()
    one.register("<sip:u@192.0.2.1>", expires=asked)
    assert contacts(one)["sip:u@192.0.2.1"]["expires"] == granted


def test_too_brief_is_refused_with_the_minimum(phone: Make) -> None:
    """D-03: 423 with Min-Expires."""
    answer = phone().register("<sip:u@192.0.2.1>", expires=59)
    assert (answer.status, answer.get("Min-Expires")) == (423, "60")


def test_the_same_contact_again_replaces_its_binding(phone: Make) -> None:
    """R-REG-01: contacts compare as URIs do, not as text (RFC 3261 19.1.4)."""
    one = phone()
    one.register("<sip:u@Host.example;transport=tcp>", expires=600)
    one.register("<sip:u@host.EXAMPLE;Transport=TCP>", expires=700)
    assert [values["expires"] for values in contacts(one).values()] == ["700"]


def test_an_older_request_of_the_same_dialog_changes_nothing(running: Deployment) -> None:
    """R-REG-01: within a Call-ID CSeq rises (RFC 3261 10.3 step 7)."""
    with running.peer("u190") as one:
        same = {"Call_ID": "one-call", "From": f"<{one.aor}>;tag=1"}
        assert one.register("<sip:u@192.0.2.1>", CSeq="50 REGISTER", expires=600, **same).status == 200
        assert one.register("<sip:u@192.0.2.1>", CSeq="49 REGISTER", expires=0, **same).status == 500
        assert list(contacts(one)) == ["sip:u@192.0.2.1"]


def test_a_user_part_in_the_request_uri_is_ignored(phone: Make) -> None:
    """R-REG-02, V-27: the domain only, or recipient@domain."""
    one = phone()
    assert one.ask("REGISTER", f"sip:anybody@{one.aor.host}", [("Expires", "60")]).status == 200
    assert one.address in next(iter(contacts(one)))


def test_nobody_registers_for_somebody_else(phone: Make) -> None:
    """D-50: 403 for an address of record that is not the user's."""
    one, other = phone(), phone()
    answer = one.register(To=f"<{other.aor}>")
    assert answer.status == 403
    assert contacts(other) == {}


def test_an_alias_registers_its_user(phone: Make) -> None:
    """D-01, R-AOR-04: bindings belong to the user, whatever address was used."""
    one = phone("xten3")
    assert one.register(To="<sip:xten.three@compb.cisco.com>").status == 200
    assert one.address in next(iter(contacts(one)))


def test_a_content_type_without_a_body_does_not_matter(phone: Make) -> None:
    """V-26."""
    one = phone()
    headers = [("Expires", "60"), ("Content-Type", "application/pidf+xml")]
    assert one.ask("REGISTER", f"sip:{one.aor.host}", headers).status == 200


def test_a_transport_that_nobody_knows_is_copied(phone: Make) -> None:
    """V-20: in a Via below the top one any token is accepted, and in the top one the real transport is used."""
    one = phone()
    below = [("Via", "SIP/2.0/TDP 172.18.201.90:5060;branch=z9hG4bK-8337e00"), ("Expires", "60")]
    answer = one.ask("REGISTER", f"sip:{one.aor.host}", below)
    assert answer.status == 200
    assert answer.get_all("Via")[1] == below[0][1]


def test_a_missing_max_forwards_is_taken_as_seventy(phone: Make) -> None:
    """V-21."""
    assert phone().register(Max_Forwards=None).status == 200


def test_bindings_survive_a_restart() -> None:
    """R-REG-01: what was acknowledged is there after the edge was killed."""
    from tests.system import deployed

    with deployed() as deployment:
        edge = deployment.start_edge()
        with deployment.phone("xten3") as one:
            one.register("<sip:u@192.0.2.1>;q=0.3", expires=600)
            edge.kill()
            edge.wait()
            deployment.start_edge()
            found = contacts(one)
            assert list(found) == ["sip:u@192.0.2.1"]
            assert found["sip:u@192.0.2.1"]["q"] == "0.3"
            assert int(found["sip:u@192.0.2.1"]["expires"]) <= 600


def test_the_pages_show_who_is_registered(running: Deployment, phone: Make) -> None:
    """R-REG-01: the binding is a row with the client's words."""
    one = phone()
    one.register("<sip:u@192.0.2.77>", expires=600, User_Agent="CSCO/IPPM-1.0")
    found = running.manage(
        "shell", "-v0", "-c",
        "from sipedge.models import Binding; "
        "row = Binding.objects.get(contact='sip:u@192.0.2.77'); print(row.persona, row.user_agent, row.flow)",
    )  # fmt: skip
    assert found.split()[:2] == [one.aor, "CSCO/IPPM-1.0"]
    assert "UDP 127.0.0.1" in found
