"""The closed sets of words that provisioning tables use; their values also stand in REST and in provisioning files."""

from django.db.models import TextChoices


class Method(TextChoices):
    """What has expiry bounds of its own (REQUIREMENTS section 6, D-05)."""

    SUBSCRIBE = "subscribe", "SUBSCRIBE"
    PUBLISH = "publish", "PUBLISH"
    REGISTER = "register", "REGISTER"
    REST = "rest", "Publication by REST"
    BACKEND = "backend", "Back-end subscription"


class Condition(TextChoices):
    """When a reachability rule applies (D-23); the presence engine knows each by this name."""

    MANUAL_OVERRIDE = "manual_override", "a manual override states something"
    NEVER_PUBLISHED = "never_published", "no live component, and there never was one"
    BACKEND_MISSING = "backend_missing", "no live component, and a back-end subscription is not active"
    NO_COMPONENT = "no_component", "no live component"
    NONE_OPEN = "none_open", "no component is open"
    BUSY_AND_OTHER_TEXT = "busy_and_other_text", "an open device is busy, another one offers text"
    BUSY_ONLY = "busy_only", "an open device is busy"
    OTHERWISE = "otherwise", "otherwise"


class State(TextChoices):
    """What a reachability rule results in (section 5.3, D-24)."""

    AS_STATED = "as_stated", "The stated one"
    AVAILABLE = "available", "Available"
    BUSY = "busy", "Busy"
    INTERRUPTIBLE = "interruptible", "Interruptible But Busy"
    DND = "dnd", "Do Not Disturb"
    AWAY = "away", "Away"
    VACATION = "vacation", "On Vacation"
    UNAVAILABLE = "unavailable", "Unavailable"
    UNKNOWN = "unknown", "Unknown"


class Transport(TextChoices):
    """What a listener listens on."""

    UDP = "udp", "UDP"
    TCP = "tcp", "TCP"
    TLS = "tls", "TLS"
    WS = "ws", "WebSocket"
    WSS = "wss", "WebSocket over TLS"


class ForeignTransport(TextChoices):
    """What a foreign server is spoken to over."""

    UDP = "udp", "UDP"
    TCP = "tcp", "TCP"
    TLS = "tls", "TLS"


class HopTransport(TextChoices):
    """What the next hop of a route is spoken to over."""

    ANY = "", "As the name server says"
    UDP = "udp", "UDP"
    TCP = "tcp", "TCP"
    TLS = "tls", "TLS"


class PatternKind(TextChoices):
    """What a static route looks at."""

    DOMAIN = "domain", "Domain"
    USER = "user", "Number (user part)"


class RouteMatch(TextChoices):
    """What a method or event route looks at."""

    METHOD = "method", "Method"
    EVENT = "event", "Event package"


class ClientCertificates(TextChoices):
    """What a TLS listener asks of its clients."""

    NONE = "none", "Never asked for"
    OPTIONAL = "optional", "Asked for"
    REQUIRED = "required", "Required"


class Role(TextChoices):
    """What a listener is for: clients by digest, or trusted peers (D-14, D-21)."""

    PROXY = "proxy", "Proxy (clients, digest)"
    ENGINE = "engine", "Engine (trusted peers only)"


class PublishPolicy(TextChoices):
    """Who may publish the state of a user (D-19)."""

    SELF = "self", "The user only"
    DELEGATES = "delegates", "The user and listed delegates"
    TRUSTED_PEER = "trusted_peer", "Any trusted peer"


class AccessKind(TextChoices):
    """What an access list entry is compared with (D-22)."""

    ADDRESS = "address", "IP address or network"
    NAME = "name", "Host name"
    DOMAIN = "domain", "Domain (its SIP servers)"


class Effect(TextChoices):
    """What an access list does with a watcher (D-15); the presence engine knows each by this name."""

    ALLOW = "allow", "Allow"
    BLOCK = "block", "Block (403)"
    POLITE_BLOCK = "polite_block", "Polite block (always sees Unavailable)"


class SubjectKind(TextChoices):
    """Whom an entry of an access or privacy list means."""

    URI = "uri", "One address"
    DOMAIN = "domain", "A whole domain"


class FilterKind(TextChoices):
    """What a filter lets through (D-16); the presence engine knows each by this name."""

    NONE = "none", "Everything"
    PHONE_ONLY = "phone_only", "Phones only (audio)"
    IM_ONLY = "im_only", "IM clients only (text)"
    VIDEO_ONLY = "video_only", "Video devices only"
    PERSON_ONLY = "person_only", "The person only, no device"


class DeviceKind(TextChoices):
    """Types of device that a privacy list can hide (D-16)."""

    COMPUTER = "computer", "Computer"
    PHONE = "phone", "Phone"
    MOBILE = "mobile", "Mobile"
    VIDEO = "video", "Video"
    OTHER = "other", "Other"


class DeviceMatch(TextChoices):
    """What a row of the device type table is compared with."""

    CLIENT_TYPE = "client_type", "Client type (User-Agent)"
    SOURCE = "source", "Source"


class PrivacyKind(TextChoices):
    """The privacy lists of a user (D-15)."""

    DEFAULT = "default", "Default (everyone who is in no other list)"
    BLOCKED = "blocked", "Blocked (politely)"
    CUSTOM = "custom", "Custom"


class SearchScope(TextChoices):
    """How far below the base a directory is searched."""

    SUBTREE = "subtree", "Everything below the base"
    LEVEL = "level", "One level below the base"


class EnabledBy(TextChoices):
    """How an entry of a directory says that its user may log in."""

    ALWAYS = "always", "Not at all: every entry is enabled"
    ACCOUNT_CONTROL = "account_control", "Active Directory: bit 2 of the attribute disables"
    TRUE_ENABLES = "true_enables", "TRUE, yes or 1 enables, all else disables"
    PRESENT_DISABLES = "present_disables", "Any value but FALSE, no or 0 disables"


class Vanished(TextChoices):
    """What becomes of a directory's users whom its server does not name any more."""

    KEEP = "keep", "Stay as they are"
    DISABLE = "disable", "Are disabled"
    DELETE = "delete", "Are disabled, and deleted later"


class RunState(TextChoices):
    """How far a synchronisation has come."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    HELD = "held", "Held: has to be confirmed"
    FAILED = "failed", "Failed"
