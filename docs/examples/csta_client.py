"""A client of the CTI gateway in one file: log in, watch a line, call from it, print what happens.

python3 docs/examples/csta_client.py HOST:PORT NAME PASSWORD LINE NUMBER

Standard library only.
"""

import socket
import struct
import sys
from xml.etree import ElementTree

CSTA = "http://www.ecma-international.org/standards/ecma-323/csta/ed3"
SESSION = "http://www.ecma-international.org/standards/ecma-354/appl_session"


def main() -> int:
    """Run until the call is over."""
    if len(sys.argv) != 6:
        sys.exit("HOST:PORT NAME PASSWORD LINE NUMBER, please")
    address, name, password, line, number = sys.argv[1:]
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        stream = connection.makefile("rwb")
        start = element(SESSION, "StartApplicationSession")
        info = add(start, "applicationInfo")
        add(info, "applicationID", name)
        add(add(info, "applicationSpecificInfo"), "password", password)
        add(add(start, "requestedProtocolVersions"), "protocolVersion", CSTA)
        answer = ask(stream, 1, start)
        if not answer.tag.endswith("}StartApplicationSessionPosResponse"):
            return refused(answer)
        monitor = element(CSTA, "MonitorStart")
        add(add(monitor, "monitorObject"), "deviceObject", line)
        ask(stream, 2, monitor)
        call = element(CSTA, "MakeCall")
        add(call, "callingDevice", line)
        add(call, "calledDirectoryNumber", number)
        add(call, "autoOriginate", "doNotPrompt")
        answer = ask(stream, 3, call)
        if answer.tag.endswith("}CSTAErrorCode"):
            return refused(answer)
        while True:
            _, event = receive(stream)
            if event.tag.endswith("}ConnectionClearedEvent"):
                return 0


def refused(answer: ElementTree.Element) -> int:
    """Say why; an exit status."""
    print("refused:", *answer.itertext(), file=sys.stderr)
    return 1


def element(namespace: str, name: str) -> ElementTree.Element:
    """A message."""
    return ElementTree.Element(f"{{{namespace}}}{name}")


def add(parent: ElementTree.Element, name: str, text: str | None = None) -> ElementTree.Element:
    """A child in its parent's namespace."""
    child = ElementTree.SubElement(parent, parent.tag.partition("}")[0] + "}" + name)
    child.text = text
    return child


def ask(stream, invoke: int, message: ElementTree.Element) -> ElementTree.Element:
    """Send a request; its answer carries the same number, events carry 9999."""
    document = ElementTree.tostring(message, encoding="UTF-8", xml_declaration=True)
    stream.write(struct.pack(">HH4s", 0, 8 + len(document), b"%04d" % invoke) + document)
    stream.flush()
    while True:
        number, answer = receive(stream)
        if number == invoke:
            return answer


def receive(stream) -> tuple[int, ElementTree.Element]:
    """The next document and its number."""
    _, length, number = struct.unpack(">HH4s", stream.read(8))
    message = ElementTree.fromstring(stream.read(length - 8))
    print(number.decode(), message.tag.partition("}")[2], flush=True)
    return int(number), message


if __name__ == "__main__":
    sys.exit(main())
