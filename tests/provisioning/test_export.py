"""The provisioning file in both directions: all that is provisioned goes out, and comes in again unchanged."""

from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from provisioning import models
from provisioning.history.records import Version
from provisioning.importing import catalogue, exporting
from provisioning.importing.apply import apply
from provisioning.importing.grammar import SECTIONS, BadFile, read
from provisioning.importing.settings import ONE_ROW, REGISTERED
from provisioning.management.commands.apply import DIFFERS
from tests.provisioning import world

pytestmark = pytest.mark.django_db

PARTS = {
    "UriAclEntry", "PrivacyListMember", "ResourceListMember", "AdvertisedAddress", "WebhookTarget",
}  # fmt: skip
"They stand in the entry of their whole."

NOT_PROVISIONED = {
    "DirectoryUser", "DirectoryRun", "ApiToken", "KeptAnswer", "RecordedChange", "Import", "ImportFile", "ImportRow",
}  # fmt: skip
"What directories and imports do by themselves, tokens and answers of REST, and what was changed before."


def written() -> str:
    return "\n".join(exporting.lines())


def test_every_table_has_a_section() -> None:
    found = {section.model.__name__ for section in catalogue.every()}
    one_row = {model.__name__ for model in {**ONE_ROW, **REGISTERED}.values()}
    models_of = [model for app in ("provisioning", "cti") for model in apps.get_app_config(app).get_models()]
    tables = {model.__name__ for model in models_of if not issubclass(model, Version)}
    assert tables == found | one_row | {"ExpirySetting"} | PARTS | NOT_PROVISIONED
    assert {section.name for section in catalogue.every()} == set(SECTIONS) - {"settings", "prune"}


# each example is some of everything, so that a few are many cases, and making them smaller would take minutes
@settings(max_examples=5, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_exported_changes_nothing_and_makes_the_same_elsewhere(data: st.DataObject) -> None:
    with transaction.atomic():
        world.fill(data.draw)
        text = written()
        assert "never exported" not in text and written() == text
        report = apply(read(text))
        assert not report.differences and not +report.created and not +report.changed and written() == text
        for section in reversed(list(catalogue.every())):
            section.model._default_manager.all().delete()
        for model in (*ONE_ROW.values(), *REGISTERED.values()):
            model.objects.all().delete()
        apply(read(text))
        assert written() == text
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "word", ["a\x85b", "yes", "0123", "a: b", "{n}", "- x", " ", "\u2028", "#", "'\"", "\x1b[31m", "12:30"]
)
def test_a_word_stays_the_same_word(word: str) -> None:
    domain = models.Domain.objects.create(name="a.example")
    models.Persona.objects.create(domain=domain, user="kim", name=word)
    assert not apply(read(written())).differences


def test_no_secret_is_written(tmp_path: Path) -> None:
    apply(read("domains: [a.example]\nusers: [{uri: kim@a.example, password: hush, pin: '4711'}]"))
    persona = models.Persona.objects.get()
    hook = models.Webhook.objects.create(name="h", url="https://h.example", watcher="sip:w@h.example")
    path = tmp_path / "all.yaml"
    call_command("export_config", str(path))
    text = path.read_text()
    for secret in ("hush", "4711", persona.md5, persona.sha256, persona.pin, hook.secret):
        assert secret not in text
    nonce = bytes(models.EngineSettings.objects.get().nonce_key)
    assert "nonce_key" not in text and nonce.hex() not in text
    with pytest.raises(CommandError, match="No such file"):
        call_command("export_config", str(tmp_path / "missing" / "all.yaml"))


def test_a_directory_moves_to_another_server_only_with_its_password() -> None:
    text = "directories: [{name: x, server: 'ldaps://a', base: dc=x, bind_name: cn=x, password: hush}]"
    apply(read(text))
    assert not apply(read(text)).differences
    with pytest.raises(BadFile, match="another server"):
        apply(read(text.replace("//a", "//b").replace(", password: hush", "")))
    apply(read(text.replace("//a", "//b")))
    moved = models.Directory.objects.get()
    assert (moved.server, moved.password) == ("ldaps://b", "hush")


FILE = """
domains: [a.example]
users: [{uri: kim@a.example, password: hush, name: Kim}, {uri: lee@a.example}]
lists: [{uri: team@a.example, members: [kim@a.example]}]
static_routes: [{pattern: "*.x.example", next_hop: h.example}]
"""


def said(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str) -> tuple[list[str], int]:
    """What --diff says, and its exit status."""
    path = tmp_path / "file.yaml"
    path.write_text(text)
    status = 0
    capsys.readouterr()
    try:
        call_command("apply", str(path), "--diff")
    except SystemExit as left:
        status = int(str(left.code))
    return capsys.readouterr().out.splitlines(), status


def test_a_difference_is_told_object_by_object(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines, status = said(capsys, tmp_path, FILE)
    assert status == DIFFERS and "+ domains a.example  name: a.example" in lines
    assert "+ users sip:kim@a.example  name: Kim, password: (secret)" in lines
    assert not models.Domain.objects.exists()
    apply(read(FILE))
    assert said(capsys, tmp_path, FILE) == ([], 0)
    changed = FILE.replace("Kim", "Kim Ly").replace("hush", "other").replace("[kim@", "[lee@a.example, kim@")
    assert said(capsys, tmp_path, changed.replace("h.example}", "h.example, weight: 7}")) == (
        [
            "~ users sip:kim@a.example  name: Kim -> Kim Ly, password: (secret) -> (secret)",
            "~ list members sip:team@a.example  members: [sip:kim@a.example] -> [sip:lee@a.example, sip:kim@a.example]",
            "~ static routes *.x.example to h.example  weight: 1 -> 7",
        ],
        DIFFERS,
    )  # fmt: skip
    assert models.Persona.objects.get(user="kim").check_password("hush")


def test_prune_removes_what_the_file_does_not_name_and_shows_it_before(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    apply(read(FILE))
    less = FILE.replace(", {uri: lee@a.example}", "").replace('[{pattern: "*.x.example", next_hop: h.example}]', "[]")
    assert said(capsys, tmp_path, less) == ([], 0), "off by default"
    lines, status = said(capsys, tmp_path, less + "prune: [users, static_routes]")
    assert (lines, status) == (["- static routes *.x.example to h.example", "- users sip:lee@a.example"], DIFFERS)
    assert models.Persona.objects.count() == 2
    report = apply(read(less + "prune: [users, static_routes]"))
    assert report.removed == {"users": 1, "static routes": 1}
    assert list(models.Persona.objects.values_list("user", flat=True)) == ["kim"]
    assert not models.StaticRoute.objects.exists() and models.ResourceList.objects.exists()


@pytest.mark.parametrize("more", ["uri_acls", "lines"])
def test_prune_does_not_take_what_others_need(more: str) -> None:
    apply(read(FILE))
    apply(
        read(
            "uri_acls: [{presentity: lee@a.example}]"
            if more == "uri_acls"
            else "lines: [{uri: 'tel:1', owner: lee@a.example}]"
        )
    )
    less = FILE.replace(", {uri: lee@a.example}", "")
    with pytest.raises(BadFile, match=r"line 6: users: sip:lee@a.example cannot be removed, it is needed by"):
        apply(read(less + "prune: [users]"))
    assert models.Persona.objects.count() == 2
    apply(read(less + f"{more}: []\nprune: [users, {more}]"))
    assert models.Persona.objects.count() == 1


def test_prune_leaves_what_nobody_has_made_by_hand() -> None:
    """Automatic peers, addresses of record, and what a directory looks after (D-01, D-22)."""
    from tests.provisioning.directories.office import directory, entry, sync

    automatic = models.TrustedPeer.objects.filter(automatic=True).count()
    assert automatic
    sync(directory(), entry("a", mail="also@d.example"))
    apply(
        read("domains: [d.example]\nusers: []\naliases: []\ntrusted_peers: []\nprune: [users, aliases, trusted_peers]")
    )
    assert models.TrustedPeer.objects.filter(automatic=True).count() == automatic
    assert set(models.Alias.objects.values_list("uri", flat=True)) == {"sip:a@d.example", "sip:also@d.example"}


@pytest.mark.parametrize(
    ("text", "line", "about"),
    [
        ("users: []\nprune: [users, nonsense]", 2, "nonsense"),
        ("users: []\nprune: [lists]", 2, "no such section"),
        ("users: []\nprune: users", 2, "list of sections"),
        ("users: []\nprune: [settings]", 2, "cannot be pruned"),
        ("device_types:\n  - value: x\n    kind: phone\n    colour: red", 4, "colour"),
        ("device_types:\n  - {value: x, kind: {a: b}}", 2, "one value"),
        ("source_priorities:\n  - {value: ''}", 2, "value"),
        ("reachability_rules:\n  - {condition: otherwise, state: away}", 2, "position"),
        ("canned_messages:\n  - {text: hello, owner: nobody@a.example}", 2, "no user"),
        ("privacy_lists:\n  - {owner: nobody@a.example}", 2, "no user"),
        ("integrators:\n  - {account: nobody, watcher: w@a.example}", 2, "no account"),
        ("webhooks:\n  - {name: x, url: 'ftp://x', watcher: w@a.example}", 2, "https"),
        ("application_users:\n  - {name: x, lines: ['tel:77']}", 2, "no line"),
        ("directories:\n  - {name: x, server: 'ldap://h', base: nonsense}", 2, "distinguished name"),
        ("settings:\n  engine:\n    list_interval: many", 3, "list_interval"),
        ("settings:\n  limits:\n    colour: 1", 3, "colour"),
        ("listeners:\n  - {transport: udp, host: x, port: 5}", 2, "host"),
    ],
)
def test_mistakes_are_named_with_their_line(text: str, line: int, about: str) -> None:
    with pytest.raises(BadFile, match=f"line {line}:") as refused:
        apply(read(text))
    assert about in str(refused.value)
