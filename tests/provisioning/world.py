"""Some of everything that can be provisioned, put together by Hypothesis: builders of every object of the file."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from hypothesis import strategies as st

from cti.models import ApplicationUser, CallRight, CtiSettings, Line, SwitchKind
from provisioning import choices, models

Draw = Callable[[st.SearchStrategy[Any]], Any]

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)
"Anything that a database takes."
WORD = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
YES = st.booleans()
NETWORK = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.just("10.0.0.0/8"))
HOST = WORD.map("{}.example".format)
ADDRESS = st.builds("sip:{}@{}".format, WORD, HOST)
USER_NAMES = ["kim", "lee", "m%C3%BCller", "0123"]


def one(strategy: Any) -> Any:
    """A word of a closed set."""
    return st.sampled_from([choice.value for choice in strategy])


def save(row: Any) -> Any:
    """Save it if its model takes it and nothing like it is there; the row or None."""
    try:
        row.full_clean()
    except ValidationError:
        return None
    row.save()
    return row


def fill(draw: Draw) -> None:
    """Make rows of every table."""
    people = _people(draw)
    _access(draw, people)
    _servers(draw, people)
    _rules(draw, people)
    _programs(draw, people)


def _people(draw: Draw) -> list[models.Persona]:
    domains = [save(models.Domain(name=name, description=draw(TEXT))) for name in ("a.example", "b.example")]
    people = []
    for domain in domains:
        for user in draw(st.lists(st.sampled_from(USER_NAMES), unique=True, max_size=4)):
            persona = models.Persona(
                domain=domain, user=user, name=draw(TEXT), enabled=draw(YES), confirm_watchers=draw(YES),
                publish_policy=draw(one(choices.PublishPolicy)), offline_messages=draw(YES),
            )  # fmt: skip
            if draw(YES):
                persona.set_password(draw(TEXT))
            people += [made] if (made := save(persona)) else []
    for persona in people:
        persona.delegates.set(draw(st.lists(st.sampled_from(people), unique=True, max_size=2)))
        save(models.Alias(uri=f"sip:{draw(WORD)}.alias@a.example", persona=persona))
    directory = models.Directory(
        name=draw(WORD), server="ldaps://h.example", base="dc=h",
        filter=draw(st.sampled_from(["(uid=*)", "(cn=ä\\2a)"])),
        domain=draw(st.sampled_from([*domains, None])), bind_name=f"cn={draw(WORD)}", adopt=draw(YES),
        vanished=draw(one(choices.Vanished)), interval=draw(st.integers(0, 100)), number_attributes="telephoneNumber",
    )  # fmt: skip
    directory.set_password("never exported")
    save(directory)
    return people


def _access(draw: Draw, people: list[models.Persona]) -> None:
    for _ in range(draw(st.integers(0, 2))):
        save(models.TrustedPeer(network=draw(NETWORK), description=draw(TEXT)))
        save(models.TrustedPeer(tls_name=draw(HOST), description=draw(TEXT)))
        save(models.AccessListEntry(kind="address", value=draw(NETWORK), asserts_identity=draw(YES)))
        save(models.AccessListEntry(kind="domain", value=draw(HOST), asserts_identity=draw(YES)))
        save(models.WatcherFilter(kind=draw(one(choices.FilterKind)), domain=draw(HOST)))
        save(
            models.WatcherFilter(kind=draw(one(choices.FilterKind)), client_type=draw(WORD), client_version=draw(WORD))
        )
    for persona in people:
        if acl := save(models.UriAcl(presentity=persona, default=draw(one(choices.Effect)))):
            for kind, value in (("uri", draw(ADDRESS)), ("domain", draw(HOST))):
                save(models.UriAclEntry(acl=acl, kind=kind, value=value, effect=draw(one(choices.Effect))))
        hidden = draw(st.lists(one(choices.DeviceKind), unique=True))
        for kind, name in (("default", ""), ("custom", draw(TEXT)), ("blocked", "")):
            made = models.PrivacyList(owner=persona, kind=kind, name=name)
            if kind != "blocked":
                made.filter, made.hidden_devices = draw(one(choices.FilterKind)), hidden
            if (made := save(made)) and kind != "default":
                save(models.PrivacyListMember(list=made, kind="uri", value=draw(ADDRESS)))
                save(models.PrivacyListMember(list=made, kind="domain", value=draw(HOST)))
    for owner in [*people, None]:
        made = save(models.ResourceList(uri=f"sip:{draw(WORD)}.list@b.example", owner=owner, name=draw(TEXT)))
        for position, uri in enumerate(draw(st.lists(ADDRESS, unique=True, max_size=3)), 1):
            if made:
                save(models.ResourceListMember(list=made, uri=uri, name=draw(TEXT), position=position))


def _servers(draw: Draw, people: list[models.Persona]) -> None:
    for _ in range(draw(st.integers(0, 2))):
        server = save(models.ForeignServer(
            name=draw(TEXT), address=draw(HOST), transport=draw(one(choices.ForeignTransport)),
            domain=draw(st.one_of(st.just(""), HOST)), expires=draw(st.one_of(st.none(), st.integers(60, 999))),
            shared_identity=draw(YES), identity=draw(st.one_of(st.just(""), ADDRESS)), enabled=draw(YES),
        ))  # fmt: skip
        for persona in people[:2]:
            if server:
                priority = draw(st.integers(-9, 9))
                save(models.ForeignMapping(persona=persona, foreign=draw(ADDRESS), server=server, priority=priority))
        hop = {"next_hop": draw(HOST), "port": draw(st.one_of(st.none(), st.integers(1, 65535)))}
        hop["transport"] = draw(one(choices.HopTransport))
        save(
            models.StaticRoute(pattern=f"*.{draw(HOST)}", description=draw(TEXT), weight=draw(st.integers(1, 9)), **hop)
        )
        save(models.StaticRoute(kind="user", pattern="+49*", in_service=draw(YES), less_specific=draw(YES), **hop))
        save(models.MethodRoute(name=draw(TEXT), kind="event", token=draw(WORD), description=draw(TEXT), **hop))
        save(models.OutboundRule(pattern=draw(HOST), allow=draw(YES), description=draw(TEXT)))
        made = save(models.Listener(
            transport=draw(one(choices.Transport)), host="127.0.0.9", port=draw(st.integers(1, 65535)),
            role=draw(one(choices.Role)), authentication=draw(YES), advertised=draw(HOST),
            client_certificates=draw(one(choices.ClientCertificates)),
        ))  # fmt: skip
        if made:
            save(models.AdvertisedAddress(listener=made, network=draw(NETWORK), address=draw(HOST)))


def _rules(draw: Draw, people: list[models.Persona]) -> None:
    for _ in range(draw(st.integers(0, 2))):
        number = st.integers(-99, 99)
        save(models.SourcePriority(value=draw(TEXT), priority=draw(number), manual_override=draw(YES)))
        flags = {name: draw(YES) for name in ("audio", "video", "text", "md5_only", "linphone_lists")}
        save(models.UserAgentCapability(client_type=draw(TEXT), client_version=draw(WORD), **flags))
        save(
            models.DeviceType(
                match=draw(one(choices.DeviceMatch)), value=draw(TEXT), kind=draw(one(choices.DeviceKind))
            )
        )
        save(models.ReachabilityRule(
            position=draw(st.integers(0, 999)), condition=draw(one(choices.Condition)), state=draw(one(choices.State))
        ))  # fmt: skip
        save(models.LimitExemption(network=draw(NETWORK), description=draw(TEXT)))
        owner = draw(st.sampled_from([*people, None]))
        save(models.CannedMessage(owner=owner, text=draw(TEXT), position=draw(st.integers(0, 9))))
    models.EngineSettings.objects.update(list_interval=draw(st.integers(0, 60_000)), trace=draw(YES))
    models.MessengerSettings.objects.update(contacts=draw(st.integers(1, 1000)), enabled=draw(YES))
    models.PeerLimits.objects.update(connections=draw(st.integers(1, 20_000)))
    models.ExpirySetting.objects.filter(method="rest").update(minimum=draw(st.integers(1, 99)))
    CtiSettings.objects.update(heartbeat=draw(st.integers(5, 20)), dnd_is_presence=draw(YES))


def _programs(draw: Draw, people: list[models.Persona]) -> None:
    lines = [
        save(Line(
            uri=f"tel:{draw(st.integers(1000, 9999))}", owner=draw(st.sampled_from([*people, None])),
            switch=draw(one(SwitchKind)), device=draw(TEXT), may_call=draw(one(CallRight)), takes_calls=draw(YES),
        ))
        for _ in range(draw(st.integers(0, 3)))
    ]  # fmt: skip
    program = ApplicationUser(name=draw(WORD), controls_all=draw(YES), password_hash="never exported")
    program.save()
    program.lines.set(filter(None, lines))
    who = {"persona": people[0]} if people else {"watcher": draw(ADDRESS)}
    hook = save(models.Webhook(name=draw(TEXT), url="https://h.example/x", enabled=draw(YES), **who))
    if hook:
        save(models.WebhookTarget(webhook=hook, uri=draw(ADDRESS)))
    account, _ = get_user_model().objects.get_or_create(username="program")
    made = save(models.Integrator(user=account, publish_own=draw(YES), may_send=draw(YES), **who))
    if made:
        made.publish_for.set(people[:2])
