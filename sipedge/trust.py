"""Who sent this request (REQUIREMENTS 4.2, D-14, D-21, D-22, D-45, D-50).

A *proxy* listener challenges everybody by digest, except hits in its access list; the identity is the user who
authenticated. An *engine* listener lets trusted peers in, believes their identity headers and never challenges.
"""

import math
from dataclasses import dataclass, replace

import structlog

from presence.engine.capabilities import client_type
from presence.engine.errors import NotAuthorised, TryAgainLater
from provisioning.policy import PersonaFacts, Policy
from provisioning.uri import Aor, BadUri, SipUri
from sipedge import refusals
from sipedge.guests import Guests
from sipedge.listeners import MESSENGER, PROXY, Listener
from sipedge.peers import Peers
from sipedge.sip import digest
from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow
from sipedge.sip.headers import NameAddr
from sipedge.sip.message import Request
from sipedge.throttle import Throttle

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request, as far as the platform believes it."""

    aor: Aor | None
    "The identity that rules go by; None when the request names none that is a SIP URI."
    persona: PersonaFacts | None
    "The user of ours behind that identity, if it is one."
    source: str
    "What the identity was taken from: digest, P-Asserted-Identity, Remote-Party-ID or From; or Privacy: there is none."
    guest: bool = False
    "Let in by the access list: it reaches our users, whomever it names (D-22)."

    @property
    def counted_as(self) -> Aor | None:
        """Whose requests are counted: a user's by its address of record, whichever address it says."""
        return self.persona.aor if self.persona is not None else self.aor


DIGEST = "digest"
"The source of an identity that somebody has proven by a password."

NOBODY = Caller(None, None, "")
"The sender of a request whose sender does not matter."


class Unauthenticated(Exception):
    """Answer with a challenge; `values` are the header values, strongest algorithm first."""

    def __init__(self, status: int, header: str, values: list[str]) -> None:
        self.status = status
        self.header = header
        self.values = values


class Gatekeeper:
    """Decides who may speak, listener by listener; holds the digest's replay memory."""

    def __init__(self, nonce_key: bytes, token: str, guests: Guests, peers: Peers) -> None:
        self.guests = guests
        self.nonces = digest.Nonces(nonce_key, token)
        self.counts = digest.NonceCounts()
        self.throttle = Throttle()
        self._peers = peers

    def identify(
        self,
        request: Request,
        flow: Flow,
        listener: Listener,
        policy: Policy,
        now: float,
        names: frozenset[str] = frozenset(),
    ) -> Caller:
        """The caller; raises NotAuthorised (403), Unauthenticated (401, 407) or SipError(400).

        `now`: epoch seconds; `names`: the domains in the peer's certificate.
        """
        if listener.role == MESSENGER:
            return Caller(aor := _aor(request.from_), policy.resolve(aor), MESSENGER)
        if listener.role != PROXY:
            if not policy.trusts(flow.remote[0], names):
                self._peers.untrusted(flow.remote[0], names)
                raise NotAuthorised("not a trusted peer")
            return asserted(request, policy)
        entry = self.guests.admits(policy, flow.remote[0], names)
        if entry is not None and entry.asserts_identity:
            return replace(asserted(request, policy), guest=True)
        if entry is not None or not listener.authentication:
            return replace(_caller(Aor.parse(str(request.from_.uri)), policy, "From"), guest=entry is not None)
        return self._authenticated(request, flow, policy, now)

    def meant(self, credentials: str, policy: Policy) -> bool:
        """These credentials answer a challenge of ours, and concern nobody else; raises SipError(400)."""
        realm = digest.Credentials.parse(credentials).realm
        return any(domain.realm == realm for domain in policy.domains.values())

    def _authenticated(self, request: Request, flow: Flow, policy: Policy, now: float) -> Caller:
        registering = request.method == "REGISTER"
        realm = _realm(request, policy, registering)
        stale = False
        for value in request.get_all("Authorization" if registering else "Proxy-Authorization"):
            credentials = digest.Credentials.parse(value)
            if credentials.realm != realm:
                continue
            source, user = flow.remote[0], credentials.username.lower()
            if (left := self.throttle.blocked(source, user, now)) and policy.limited(source):
                self._peers.refused(refusals.THROTTLED, source)
                raise TryAgainLater(math.ceil(left))
            account = policy.accounts.get((realm, credentials.username))
            verdict = digest.check(
                credentials,
                method=request.method,
                target=request.target,
                md5=account.md5 if account is not None and policy.settings.digest_md5 else None,
                sha256=account.sha256 if account is not None and policy.settings.digest_sha256 else None,
                nonces=self.nonces,
                counts=self.counts,
                source=source,
                legacy=policy.settings.legacy_digest,
                now=now,
            )
            if verdict is digest.Verdict.BAD:
                self._peers.refused(refusals.WRONG_CREDENTIALS, source)
                if policy.limited(source):
                    self.throttle.wrong(source, user, policy.limits, now)
            if verdict is digest.Verdict.ELSEWHERE:
                raise SipError(400, "Credentials For Another URI")
            if verdict is digest.Verdict.OK and account is not None:
                self.throttle.right(source, user)
                persona = policy.personas.get(account.persona_id)
                if persona is not None and persona.enabled:
                    _validate_asserted(request, persona, policy)
                    return Caller(persona.aor, persona, DIGEST)
            stale = stale or verdict is digest.Verdict.STALE
        algorithms = _algorithms(request, policy)
        values = digest.challenge(realm, algorithms, nonces=self.nonces, now=now, source=flow.remote[0], stale=stale)
        if registering:
            raise Unauthenticated(401, "WWW-Authenticate", values)
        raise Unauthenticated(407, "Proxy-Authenticate", values)


def _algorithms(request: Request, policy: Policy) -> list[str]:
    """What to offer, strongest first (RFC 8760); MD5 alone to clients that give up at anything else."""
    settings = policy.settings
    algorithms = [digest.SHA256] if settings.digest_sha256 else []
    if settings.digest_md5:
        algorithms.append(digest.MD5)
        if policy.md5_only(client_type(request.user_agent)[0]):
            return [digest.MD5]
    return algorithms


def asserted(request: Request, policy: Policy) -> Caller:
    """The identity a trusted peer asserts: P-Asserted-Identity, else Remote-Party-ID, else From (4.2).

    Where the peer has left it out because its sender wants that, From says what the sender liked to: nobody's.
    """
    for header in ("P-Asserted-Identity", "Remote-Party-ID"):
        values = request.get_all(header)
        if values:
            return _caller(_first_sip(values), policy, header)
    if hides_identity(request):
        return Caller(None, None, "Privacy")
    return _caller(_aor(request.from_), policy, "From")


def hides_identity(request: Request) -> bool:
    """The sender does not want to be named (RFC 3323, RFC 3325 section 7)."""
    return any("id" in {part.strip().lower() for part in value.split(";")} for value in request.get_all("Privacy"))


def _caller(aor: Aor | None, policy: Policy, source: str) -> Caller:
    return Caller(aor, policy.resolve(aor) if aor is not None else None, source)


def _aor(address: NameAddr) -> Aor | None:
    try:
        return Aor.of(address.uri) if isinstance(address.uri, SipUri) else None
    except BadUri:
        return None


def _first_sip(values: list[str]) -> Aor | None:
    for value in values:
        aor = _aor(NameAddr.parse(value))
        if aor is not None:
            return aor
    return None


def _realm(request: Request, policy: Policy, registering: bool) -> str:
    """D-50: the domain of From (of To for REGISTER) when it is ours, else our first domain."""
    uri = (request.to if registering else request.from_).uri
    if isinstance(uri, SipUri):
        domain = policy.domains.get(uri.host.lower())
        if domain is not None:
            return domain.realm
    return next((domain.realm for domain in policy.domains.values()), "localhost")


def _validate_asserted(request: Request, persona: PersonaFacts, policy: Policy) -> None:
    """A client's own P-Asserted-Identity must be its own (R-SUB-08, D-14, V-25)."""
    values = request.get_all("P-Asserted-Identity")
    if values:
        claimed = _caller(_first_sip(values), policy, "P-Asserted-Identity")
        if claimed.persona is None or claimed.persona.id != persona.id:
            raise NotAuthorised("P-Asserted-Identity is not the authenticated user's")
