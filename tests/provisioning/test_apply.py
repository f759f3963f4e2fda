"""The provisioning file: idempotent, all or nothing, clear about what is wrong and where."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from cti.models import Line
from provisioning import snapshot
from provisioning.importing.apply import apply
from provisioning.importing.grammar import BadFile, read
from provisioning.models import Alias, ExpirySetting, Listener, Persona, TrustedPeer
from provisioning.uri import Aor

pytestmark = pytest.mark.django_db

FILE = """
domains: [compB.cisco.com]
users:
  - {pattern: "user{n}", first: 3, count: 4, domain: compB.cisco.com, password: p, name: "User {n}"}
  - {uri: "xten3@compB.cisco.com", password: secret}
aliases: [{uri: "three@compB.cisco.com", user: "xten3@compB.cisco.com"}]
trusted_peers: [{address: 10.0.0.0/8}, {address: "::1"}, {tls: proxy.example}]
access_list: [{address: 10.1.1.1, asserts_identity: true}]
settings:
  expiry: {subscribe: {min: 10, default: 20, max: 30}}
  authentication: {"udp:127.0.0.1:5060": false}
lists: [{uri: "l@compB.cisco.com", owner: "xten3@compB.cisco.com", members: ["user3@compB.cisco.com", "x@y.example"]}]
uri_acls:
  - presentity: "xten3@compB.cisco.com"
    default: allow
    entries: [{uri: "user3@compB.cisco.com", effect: polite_block}, {domain: Example.ORG, effect: block}]
filters:
  - {kind: phone_only, client_type: MeetingPlace}
  - {kind: im_only, domain: example.org}
  - {kind: person_only, presentity: "user4@compB.cisco.com"}
foreign_servers:
  - {name: cm, address: "cm.cisco.com:5080", domain: cm.cisco.com, transport: tcp, expires: 1800, call_manager: true}
mappings: [{user: "three@compB.cisco.com", foreign: "5555@cm.cisco.com", server: cm, priority: 3}]
lines: [{uri: "tel:5555", owner: "xten3@compB.cisco.com"}]
"""


def test_everything_is_created_once() -> None:
    """R-AOR-04, R-AOR-07, R-ARC-02, R-BCK-04, D-05: what is named is there; a second run changes nothing."""
    first = apply(read(FILE))
    assert first.created["users"] == 5 and first.unused == [] and first.created["lines"] == 1
    assert list(apply(read("domains: [compB.cisco.com]")).lines()) == ["domains: 0 created, 0 changed, 1 as they were"]
    current = snapshot.load()
    xten3 = current.resolve(Aor.parse("three@compb.cisco.com"))
    assert xten3 is not None and xten3.aor == "sip:xten3@compb.cisco.com"
    assert current.expiry["subscribe"] == (10, 20, 30)
    assert current.trusts("10.9.9.9") and current.trusts("::1") and not current.trusts("11.0.0.1")
    assert current.trusts("::ffff:10.9.9.9"), "an IPv4 address in IPv6 clothes"
    assert current.trusts("192.0.2.1", frozenset({"proxy.example"}))
    assert not current.trusts("192.0.2.1", frozenset({"other.example"}))
    entry = current.admits("10.1.1.1")
    assert entry is not None and entry.asserts_identity and current.admits("10.1.1.2") is None
    assert {persona.name for persona in current.personas.values()} == {"", "User 3", "User 4", "User 5", "User 6"}
    assert ("compb.cisco.com", "user3") in current.accounts
    assert ("compb.cisco.com", "user3@compb.cisco.com") in current.accounts
    assert not Listener.objects.get(transport="udp", port=5060).authentication
    acl = current.acls[xten3.id]
    assert acl.default == "allow" and acl.uris == {"sip:user3@compb.cisco.com": "polite_block"}
    assert acl.domains == {"example.org": "block"}
    assert current.client_filters == (("MeetingPlace", "", "phone_only"),)
    assert current.domain_filters == {"example.org": "im_only"}
    user4 = current.resolve(Aor.parse("user4@compb.cisco.com"))
    assert user4 is not None and current.privacy[user4.id][0].filter == "person_only"
    found = current.lists[Aor.parse("l@compb.cisco.com")]
    assert found.owner == xten3.id and found.members == ("sip:user3@compb.cisco.com", "sip:x@y.example")
    server = current.covering("CM.cisco.com")
    assert server is not None and (server.address, server.transport, server.expires) == (
        "cm.cisco.com:5080", "tcp", 1800,
    )  # fmt: skip
    assert current.mapped(xten3.id) == ((("sip:5555@cm.cisco.com", server.id, 3), server),)
    second = apply(read(FILE))
    assert not +second.created and not +second.changed


def test_a_dry_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(FILE)
    call_command("apply", str(path), "--dry-run")
    said = capsys.readouterr().out
    assert "users: 5 created" in said and "nothing was changed" in said
    assert not Persona.objects.exists() and not TrustedPeer.objects.filter(automatic=False).exists()


def test_a_changed_password_is_a_change() -> None:
    """D-50."""
    apply(read(FILE))
    before = Persona.objects.get(user="xten3").md5
    assert apply(read(FILE.replace("secret", "other"))).changed["users"] == 1
    assert Persona.objects.get(user="xten3").md5 != before


def test_a_pin_is_kept_as_a_hash() -> None:
    """R-IM-06, D-50: set by the file, once; a command sets another one."""
    text = "domains: [a.example]\nusers: [{uri: x@a.example, pin: '0123'}]"
    assert apply(read(text)).created["users"] == 1 and apply(read(text)).unchanged["users"] == 1
    persona = Persona.objects.get()
    assert persona.check_pin("0123") and not persona.check_pin("1230") and "0123" not in persona.pin
    assert apply(read(text.replace("0123", "4567"))).changed["users"] == 1
    call_command("set_pin", "x@a.example", "--pin", "99999")
    persona.refresh_from_db()
    assert persona.check_pin("99999") and not Persona().check_pin("")
    for words in (("y@a.example", "--pin", "1234"), ("x@a.example", "--pin", "12a4"), ("@", "--pin", "1234")):
        with pytest.raises(CommandError):
            call_command("set_pin", *words)


@pytest.mark.parametrize(
    ("text", "line", "about"),
    [
        ("domains: [a.b]\nusers:\n  - {uri: x@a.b}\n  - {uri: y@a.b, colour: red}", 4, "colour"),
        ("nonsense: 1", 1, "nonsense"),
        ("domains: [a.b]\nusers:\n  - {uri: x@a.b, pin: 0123}", 3, "quotes"),
        ("domains: [a.b]\nusers:\n  - {uri: x@a.b, pin: '123'}", 3, "4 to 12"),
        ("domains: [a.b]\nusers:\n  - {pattern: 'x{n}', count: 2, domain: a.b, pin: '1234'}", 3, "share"),
        ("users: [{uri: x@elsewhere.example}]", 1, "not one of ours"),
        ("domains: [a.b]\nusers: [{pattern: u, domain: a.b, count: 1}]", 2, "{n}"),
        ("domains: [a.b]\nusers: [{pattern: 'u{n}', domain: a.b, count: many}]", 2, "count"),
        ("domains: [a.b]\naliases: [{uri: x@a.b, user: nobody@a.b}]", 2, "no user"),
        ("trusted_peers:\n  - {address: 10.0.0.0/99}", 2, "10.0.0.0/99"),
        ("settings:\n  expiry: {subscribe: {min: 9, default: 5, max: 3}}", 2, "minimum"),
        ("a: b: c", 1, "not YAML"),
        ("domains: [a.b]\ndomains: [c.d]", 2, "twice"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_nothing_is_kept(text: str, line: int, about: str) -> None:
    with pytest.raises(BadFile, match=f"line {line}:") as refused:
        apply(read(text))
    assert about in str(refused.value)
    assert not Persona.objects.exists()
    assert ExpirySetting.objects.get(method="subscribe").minimum == 60


def test_the_command_says_it_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        call_command("apply", str(tmp_path / "missing.yaml"))


def test_the_demonstration_loads_into_an_empty_database_only(capsys: pytest.CaptureFixture[str]) -> None:
    """The cast of the guide, with log-ins that work, and phones for the page “Calls”."""
    call_command("load_demo")
    assert dict(Line.objects.values_list("uri", "owner__user"))["2001"] == "alice"
    assert "sip:xten3@compb.cisco.com   password xten3-demo" in capsys.readouterr().out
    Persona.objects.get(user="xten3").delete()
    call_command("load_demo")
    assert "xten3" not in capsys.readouterr().out and not Alias.objects.filter(uri__contains="xten3@").exists()
