"""What stands in the tables right after installation (D-05, D-20, D-22, D-23, DESIGN section 14)."""

from typing import Any

from provisioning.choices import Condition, DeviceKind, DeviceMatch, Method, State

EXPIRY = {
    Method.SUBSCRIBE: (60, 3600, 10800),
    Method.PUBLISH: (60, 3600, 7200),
    Method.REGISTER: (60, 3600, 86400),
    Method.REST: (10, 3600, 86400),
    Method.BACKEND: (60, 3600, 86400),
}
"Seconds: minimum, default, maximum (D-05)."

OVERRIDES = ("Manually set by persona", "Presence Web Service")
"Sources that are manual overrides from the start (D-20)."

OVERRIDE_PRIORITY = 100
"Room below for devices and calendars."

RULES = (
    (Condition.MANUAL_OVERRIDE, State.AS_STATED),
    (Condition.NEVER_PUBLISHED, State.UNKNOWN),
    (Condition.BACKEND_MISSING, State.UNKNOWN),
    (Condition.NO_COMPONENT, State.UNAVAILABLE),
    (Condition.NONE_OPEN, State.UNAVAILABLE),
    (Condition.BUSY_AND_OTHER_TEXT, State.INTERRUPTIBLE),
    (Condition.BUSY_ONLY, State.BUSY),
    (Condition.OTHERWISE, State.AVAILABLE),
)
"In order (D-23)."

CLIENTS = (
    # type, audio, video, text, one message per read, MD5 challenge only, lists as Linphone reads them
    ("baresip", True, True, True, False, True, False),
    ("Cisco-CCM", True, False, False, False, False, False),
    ("CSCO", False, False, True, False, False, False),
    ("eyeBeam", True, True, True, False, False, False),
    ("Linphonec", True, True, True, False, False, True),
    ("LinphoneAndroid", True, True, True, False, False, True),
    ("LinphoneiOS", True, True, True, False, False, True),
    ("Purple", False, False, True, True, False, False),
    ("sipsak", False, False, True, False, True, False),
    ("Twinkle", True, False, True, False, False, False),
)

DEVICES = (
    ("baresip", DeviceKind.COMPUTER),
    ("Cisco-CCM", DeviceKind.PHONE),
    ("CSCO", DeviceKind.PHONE),
    ("eyeBeam", DeviceKind.COMPUTER),
    ("Linphonec", DeviceKind.COMPUTER),
    ("LinphoneAndroid", DeviceKind.MOBILE),
    ("LinphoneiOS", DeviceKind.MOBILE),
    ("MeetingPlace", DeviceKind.OTHER),
    ("Purple", DeviceKind.COMPUTER),
    ("Twinkle", DeviceKind.COMPUTER),
)
"Client types whose type of device is known (D-16)."

METHOD_ROUTES = (
    ("Publications", "method", "PUBLISH", "Components of state are kept by the presence engine here."),
    ("Presence subscriptions", "event", "presence", "The presence engine here notifies watchers."),
)
"Routes to this server itself, to be seen, and changed where another engine shall answer (D-02)."

LISTENERS = (("udp", 5060, "proxy"), ("tcp", 5060, "proxy"), ("udp", 5070, "engine"), ("tcp", 5070, "engine"))


def install(using: str = "default") -> None:
    """Fill tables that are empty; what an operator has changed or removed stays so."""
    from provisioning import automatic, models

    if models.EngineSettings.objects.using(using).exists():
        return
    models.EngineSettings().save(using=using)
    install_routes(models, using)
    install_messenger(models, using)
    _create(
        models.ExpirySetting,
        [
            {"method": method, "minimum": low, "default": usual, "maximum": high}
            for method, (low, usual, high) in EXPIRY.items()
        ],
        using,
    )
    _create(
        models.SourcePriority,
        [{"value": value, "priority": OVERRIDE_PRIORITY, "manual_override": True} for value in OVERRIDES],
        using,
    )
    _create(
        models.ReachabilityRule,
        [
            {"position": 10 * number, "condition": condition, "state": state}
            for number, (condition, state) in enumerate(RULES, 1)
        ],
        using,
    )
    _create(
        models.UserAgentCapability,
        [
            {
                "client_type": kind,
                "audio": audio,
                "video": video,
                "text": text,
                "one_message_per_read": single,
                "md5_only": md5_only,
                "linphone_lists": linphone,
            }
            for kind, audio, video, text, single, md5_only, linphone in CLIENTS
        ],
        using,
    )
    _create(
        models.DeviceType,
        [{"match": DeviceMatch.CLIENT_TYPE, "value": value, "kind": kind} for value, kind in DEVICES],
        using,
    )
    _create(
        models.Listener,
        [{"transport": t, "host": "127.0.0.1", "port": port, "role": role} for t, port, role in LISTENERS],
        using,
    )
    automatic.settle()


CANNED = ("Yes", "No", "In a meeting, I will call back", "On my way", "Please call me", "Thank you")
"Texts that are offered to everybody (R-IM-06)."


def install_messenger(models: Any, using: str) -> None:
    """Settings of the messenger and the usual canned messages; also for tables that were made by an upgrade."""
    if not models.MessengerSettings.objects.using(using).exists():
        models.MessengerSettings(pk=1).save(using=using)
    _create(models.CannedMessage, [{"text": text, "position": number} for number, text in enumerate(CANNED, 1)], using)


def install_routes(models: Any, using: str) -> None:
    """The limits of peers and the usual method and event routes; also for tables that were made by an upgrade."""
    if not models.PeerLimits.objects.using(using).exists():
        models.PeerLimits(pk=1).save(using=using)
    _create(
        models.MethodRoute,
        [
            {"name": name, "kind": kind, "token": token, "description": text}
            for name, kind, token, text in METHOD_ROUTES
        ],
        using,
    )


def _create(model: type, rows: list[dict[str, object]], using: str) -> None:
    manager = model.objects.using(using)  # type: ignore[attr-defined]
    if not manager.exists():
        manager.bulk_create([model(**row) for row in rows])
