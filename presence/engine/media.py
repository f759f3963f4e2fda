"""Media types of presence documents: what is read and which one a watcher is sent (section 12.2, D-07, D-08, D-33)."""

from collections.abc import Callable
from functools import lru_cache

from presence.engine.errors import NotAcceptable

PIDF = "application/pidf+xml"
CPIM_PIDF = "application/cpim-pidf+xml"
"The same document under the name that legacy Sametime asks for (R-SUB-28, D-33)."

SENT = (PIDF, CPIM_PIDF)
"What a single user's watcher can be sent, in our order of preference (D-07)."

MULTIPART = "multipart/related"
RLMI = "application/rlmi+xml"
PIDF_DIFF = "application/pidf-diff+xml"
"Partial documents, for watchers that name this type (RFC 5263)."

RESOURCE_LISTS = "application/resource-lists+xml"
"A list of resources, with the SUBSCRIBE that asks for them (RFC 4826, RFC 5367)."

MISPRINTS = {"application/pdf+xml": PIDF, "application/cpim-pdf+xml": CPIM_PIDF, "application/rfmi+xml": RLMI}
"The guide's misprints (V-02 to V-04), read as what they mean while legacy dialects are accepted."

CACHED_ACCEPT = 256
"Characters of an Accept value up to which the choice is remembered; clients send few different ones, all short."

DIALECT = "media-type"
"Name under which the use of a misprinted media type is counted."

Count = Callable[[str], None]


def choose(accept: str | None, *, dialects: bool = True, count: Count | None = None) -> str:
    """The media type to send to a watcher with this Accept header; None: there was no such header (D-07).

    Types that are not served are passed over (R-SUB-26, R-SUB-29); if nothing is left, NotAcceptable is raised.
    Wildcards and `q=0` count as in RFC 3261 section 20.1: the most specific range that covers a type decides.
    Several Accept headers are joined by commas before.
    """
    if accept is None:
        return PIDF
    remembered = len(accept) <= CACHED_ACCEPT
    chosen, misprinted = _remembered(accept, dialects) if remembered else _choose(accept, dialects)
    if misprinted and count is not None:
        count(DIALECT)
    if chosen is None:
        raise NotAcceptable("no supported presence document type is accepted")
    return chosen


def choose_list(accept: str | None, *, dialects: bool = True, count: Count | None = None) -> str:
    """The media type of the members' documents for a watcher of a list; raises NotAcceptable (D-07).

    Accept has to cover multipart/related and application/rlmi+xml beside a presence document type.
    """
    if accept is None:
        return PIDF
    ranges, _ = _ranges(accept, dialects)
    if not (_covered(MULTIPART, ranges) and _covered(RLMI, ranges)):
        raise NotAcceptable("a list is sent as multipart/related with application/rlmi+xml")
    return choose(accept, dialects=dialects, count=count)


def wants_partial(accept: str) -> bool:
    """Whether a watcher asks for partial documents; a wildcard does not (RFC 5263 section 4.1)."""
    return PIDF_DIFF in accept.lower() and _ranges(accept, False)[0].get(PIDF_DIFF, False)


def for_members(accept: str) -> str:
    """The Accept value of a list's watcher as it concerns one member: without the types that only lists have."""
    kept = [item.strip() for item in accept.split(",") if _bare(item) not in (MULTIPART, RLMI, "application/rfmi+xml")]
    return ", ".join(item for item in kept if item)


def is_resource_lists(content_type: str | None) -> bool:
    """Whether a body of this Content-Type is a list of resources."""
    return content_type is not None and _bare(content_type) == RESOURCE_LISTS


def is_pidf(content_type: str | None, *, dialects: bool = True, count: Count | None = None) -> bool:
    """Whether a body of this Content-Type is a presence document (D-08, D-33); parameters are not looked at."""
    if content_type is None:
        return False
    name = _bare(content_type)
    if dialects and MISPRINTS.get(name) in SENT:
        if count is not None:
            count(DIALECT)
        return True
    return name in SENT


def _bare(value: str) -> str:
    """Type and subtype in lower case, without parameters and white space."""
    return "".join(value.partition(";")[0].split()).lower()


def _choose(accept: str, dialects: bool) -> tuple[str | None, bool]:
    """(type to send or None, whether a misprint was in the list)."""
    ranges, misprinted = _ranges(accept, dialects)
    return next((name for name in SENT if _covered(name, ranges)), None), misprinted


def _ranges(accept: str, dialects: bool) -> tuple[dict[str, bool], bool]:
    """(range -> whether it is accepted, whether a misprint was among them)."""
    ranges: dict[str, bool] = {}
    misprinted = False
    for item in accept.split(","):
        name = _bare(item)
        if dialects and name in MISPRINTS:
            misprinted = True
            name = MISPRINTS[name]
        if name:
            ranges[name] = ranges.get(name, False) or not _refused(item)
    return ranges, misprinted


def _covered(name: str, ranges: dict[str, bool]) -> bool:
    """The most specific range that covers a type decides."""
    for covering in (name, f"{name.partition('/')[0]}/*", "*/*"):
        if covering in ranges:
            return ranges[covering]
    return False


_remembered = lru_cache(maxsize=1024)(_choose)


def _refused(item: str) -> bool:
    """Whether the range has q=0; a q-value that cannot be read counts as 1."""
    for parameter in item.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value) == 0
            except ValueError:
                return False
    return False
