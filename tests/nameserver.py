"""A name server for tests: records given as lines of text, on a loopback port over UDP and TCP (RFC 1035, RFC 2308)."""

import socketserver
import struct
import threading
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.services import free_port

TTL = 60
"Seconds that an answer counts when its line says nothing else."

NEGATIVE_TTL = 5
"Seconds that “there is no such name” counts."

MAX_CHAIN = 8
"CNAMEs that are followed."


class Question(NamedTuple):
    """What was asked."""

    name: str
    "In lower case, without the dot at its end."
    kind: str
    transport: str


class NameServer:
    """Answers for the whole tree of names, and says of every name that it was not told that there is none.

    A record is a line `NAME [TTL] TYPE DATA`; names are absolute, with or without a dot at their end:

        _sip._tcp.other.example 30 SRV 10 50 5060 sip.other.example
        sip.other.example A 127.0.0.1
    """

    def __init__(self, *lines: str) -> None:
        self._records: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}
        self.tell(*lines)
        self.questions: list[Question] = []
        self.silent = False
        "Nothing is answered."
        self.rcode = dns.rcode.NOERROR
        "Anything else is the answer to every question: SERVFAIL, REFUSED."
        self.truncate = False
        "Over UDP only the hint to ask over TCP is given."
        self.port = free_port()
        self._servers = (_Datagrams(self), _Streams(self))

    def __enter__(self) -> "NameServer":
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def address(self) -> str:
        """For CUPS_DNS."""
        return f"127.0.0.1:{self.port}"

    def tell(self, *lines: str) -> None:
        """From now on these records, and no others."""
        records: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}
        for line in lines:
            name, *words = line.split()
            ttl = int(words.pop(0)) if words[0].isdecimal() else TTL
            kind = dns.rdatatype.from_text(words.pop(0))
            rrset = dns.rrset.from_text_list(
                _absolute(name), ttl, "IN", kind, [" ".join(words)], origin=dns.name.root, relativize=False
            )
            records.setdefault((rrset.name, kind), rrset).update(rrset)
        self._records = records

    def asked(self, name: str, kind: str, transport: str = "") -> int:
        """How often this was asked; `transport`: over UDP or TCP only."""
        return sum(
            (one.name, one.kind) == (name.lower().rstrip("."), kind) and transport in ("", one.transport)
            for one in self.questions
        )

    def answer(self, data: bytes, transport: str) -> bytes | None:
        """The answer to a message; None for none."""
        try:
            query = dns.message.from_wire(data)
            (question,) = query.question
        except (dns.exception.DNSException, ValueError):
            return None
        name, kind = question.name.canonicalize(), question.rdtype
        self.questions.append(Question(name.to_text(omit_final_dot=True), dns.rdatatype.to_text(kind), transport))
        if self.silent:
            return None
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA
        if self.rcode != dns.rcode.NOERROR:
            response.set_rcode(self.rcode)
        elif transport == "UDP" and self.truncate:
            response.flags |= dns.flags.TC
        else:
            self._fill(response, name, kind)
        room = max(query.payload, 512) if transport == "UDP" else 65_535
        try:
            return response.to_wire(max_size=room)
        except dns.exception.TooBig:
            response.flags |= dns.flags.TC
            response.answer.clear()
            return response.to_wire()

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        records = self._records
        for _ in range(MAX_CHAIN):
            if (name, kind) in records:
                response.answer.append(records[name, kind])
                return
            alias = records.get((name, dns.rdatatype.CNAME))
            if alias is None:
                break
            response.answer.append(alias)
            name = alias[0].target.canonicalize()
        if not any(known.is_subdomain(name) for known, _ in records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        start = f". . 1 3600 600 86400 {NEGATIVE_TTL}"
        response.authority.append(dns.rrset.from_text(dns.name.root, NEGATIVE_TTL, "IN", "SOA", start))


def _absolute(text: str) -> dns.name.Name:
    return dns.name.from_text(text).canonicalize()


class _Datagrams(socketserver.ThreadingUDPServer):
    """Over UDP."""

    daemon_threads = True

    def __init__(self, owner: NameServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", owner.port), _Datagram)


class _Datagram(socketserver.BaseRequestHandler):
    server: _Datagrams

    def handle(self) -> None:
        data, socket = self.request
        answer = self.server.owner.answer(data, "UDP")
        if answer is not None:
            socket.sendto(answer, self.client_address)


class _Streams(socketserver.ThreadingTCPServer):
    """Over TCP."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, owner: NameServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", owner.port), _Stream)


class _Stream(socketserver.StreamRequestHandler):
    server: _Streams

    def handle(self) -> None:
        while len(head := self.rfile.read(2)) == 2:
            answer = self.server.owner.answer(self.rfile.read(*struct.unpack("!H", head)), "TCP")
            if answer is not None:
                self.wfile.write(struct.pack("!H", len(answer)) + answer)
