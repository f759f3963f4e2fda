"""Who is watched through which foreign server: a server for each scene, so that scenes do not meet."""

from tests.phone import pidf

ACCEPT = "application/pidf+xml, application/cpim-pidf+xml, application/x-other+xml"
CISCO = "cisco.com"
CAST = """
domains: [cisco.com]
users:
  - {uri: "ann@cisco.com", password: secret}
  - {uri: "joe@cisco.com", password: secret}
  - {pattern: "j{n}", first: 0, count: 700, domain: cisco.com, password: secret}
"""


SCENES: dict[str, tuple[str, str]] = {
    "joe": ("5555@cm.cisco.com", "expires: 1800"),
    "j1": ("1@cm.example", ""),
    "j2": ("2@cm.example", 'shared_identity: true, identity: "presence@cisco.com"'),
    "partner": ("", "domain: partner.example"),
    "j3": ("3@cm.example", ""),
    "j4": ("4@cm.example", ""),
    "j5": ("5@cm.example", ""),
    "j6": ("6@cm.example", ""),
    **{f"j{status}": (f"{status}@cm.example", "") for status in (403, 404, 500, 503, 603)},
    "j7": ("7@cm.example", ""),
    "j40": ("40@cm.example", ""),
    "j41": ("41@cm.example", ""),
    "j42": ("42@cm.example", "expires: 60"),
    "j43": ("43@cm.example", ""),
    "j44": ("44@cm.example", ""),
    "j45": ("45@cm.example", "domain: lists.example"),
    "j47": ("47@cm.example", ""),
    "j48": ("48@cm.example", ""),
    "j49": ("49@cm.example", ""),
    "j46": ("46@cm.example", ""),
    "j50": ("50@cm.example", ""),
    "j51": ("51@cm.example", ""),
    "j52": ("52@cm.example", ""),
}
"User, and what is provisioned for it: the presentity at a foreign server of its own, and that server's options."

MORE = """
lists: [{uri: "far@cisco.com", members: ["j45@cisco.com", "bob@lists.example"]}]
uri_acls: [{presentity: "j46@cisco.com", default: polite_block}]
filters: [{kind: phone_only, client_type: MeetingPlace}]
"""


def phone_state(foreign: str, activity: str = "on-the-phone") -> bytes:
    return pidf(foreign, activity=activity, tuple_id="line1", extra=f"<contact>{foreign}</contact>")
