"""When two documents say the same (D-40)."""

import pytest

from tests.presence.engine.documents import data, device, made, parse, person, presence, rendered

BASE = presence(
    device(
        caps="at",
        source="Desk",
        status="<x:signal a='1' b='2'>strong</x:signal>",
        extra="<rpid:user-input>active</rpid:user-input><rpid:mood><rpid:happy/><rpid:sad/></rpid:mood>",
        after="<note>one</note><note xml:lang='fr'>deux</note><timestamp>2026-03-01T09:30:00Z</timestamp>",
    ),
    "<note>all</note>",
    person("rpid:meeting", "rpid:tv", extra="<dm:note>me</dm:note><dm:timestamp>2026-03-01T09:30:00Z</dm:timestamp>"),
    "<x:forecast>rain</x:forecast><x:tide>high</x:tide>",
    attributes='x:a="1" x:b="2"',
).decode()


def digest(text: str) -> str:
    return rendered(made(body=text.encode())).digest


EQUAL = {
    "layout": lambda text: text.replace("><", ">\n   <"),
    "space in text": lambda text: text.replace(">rain<", ">\n rain <").replace(">strong<", ">  strong<"),
    "attribute order": lambda text: text.replace("a='1' b='2'", "b='2'   a='1'").replace(
        'x:a="1" x:b="2"', 'x:b="2" x:a="1"'
    ),
    "prefixes": lambda text: text.replace("rpid:", "r1:").replace("x:", "xx:"),
    "activities in another order": lambda text: text.replace("<rpid:meeting/><rpid:tv/>", "<rpid:tv/><rpid:meeting/>"),
    "moods in another order": lambda text: text.replace("<rpid:happy/><rpid:sad/>", "<rpid:sad/><rpid:happy/>"),
    "classes in another order": lambda text: text.replace("<sc:audio>true</sc:audio>", "").replace(
        "</sc:servcaps>", "<sc:audio>true</sc:audio></sc:servcaps>"
    ),
    "person first": lambda text: text.replace(person_of(text), "").replace("<tuple", person_of(text) + "<tuple", 1),
    "extensions in another order": lambda text: text.replace(
        "<x:forecast>rain</x:forecast><x:tide>high</x:tide>", "<x:tide>high</x:tide><x:forecast>rain</x:forecast>"
    ),
    "a later timestamp": lambda text: text.replace("T09:30:00Z", "T10:45:00Z"),
    "no timestamp": lambda text: text.replace("<timestamp>2026-03-01T09:30:00Z</timestamp>", ""),
    "another person id": lambda text: text.replace('id="me"', 'id="p3"'),
    "another entity": lambda text: text.replace("sip:xten3@compB.cisco.com", "sip:elsewhere@h"),
    "an empty element in two tags": lambda text: text.replace("<rpid:tv/>", "<rpid:tv></rpid:tv>"),
    "a comment": lambda text: text.replace("<note>all", "<!-- not looked at --><note>all"),
    "a dialect": lambda text: text.replace("pidf:rpid", "pidf:status:rpid").replace(
        'pidf:status:rpid" xmlns:sc', 'pidf:rpid" xmlns:sc'
    ),
}

DIFFERENT = {
    "basic": ("<basic>open", "<basic>closed"),
    "class of service": ("<sc:text>true", "<sc:text>false"),
    "user-input": (">active<", ">idle<"),
    "activity": ("<rpid:tv/>", "<rpid:travel/>"),
    "one activity less": ("<rpid:tv/>", ""),
    "mood": ("<rpid:sad/>", "<rpid:sleepy/>"),
    "source": (">Desk<", ">Chair<"),
    "contact": ("57.1.1.15", "57.1.1.16"),
    "tuple note": (">one<", ">two<"),
    "note language": ('xml:lang="fr"', 'xml:lang="de"'),
    "person note": (">me<", ">you<"),
    "note of the document": (">all<", ">none<"),
    "extension text": (">rain<", ">sun<"),
    "extension attribute": ('a="1"', 'a="2"'),
    "presence attribute": ('x:b="2"', 'x:b="3"'),
    "extension": ("<x:tide>high</x:tide>", ""),
    "tuple id": ('tuple id="t1"', 'tuple id="t2"'),
    "namespace": ('xmlns:x="urn:example:weather"', 'xmlns:x="urn:example:climate"'),
    "mixed words": ("<x:tide>high</x:tide>", "<x:tide>high<x:a/>er</x:tide>"),
}


def person_of(text: str) -> str:
    return text[text.index("<dm:person") : text.index("</dm:person>") + len("</dm:person>")]


@pytest.mark.parametrize("change", EQUAL)
def test_what_is_no_change(change):
    """D-40: white space, order without meaning, equal content, and the time of writing."""
    changed = EQUAL[change](BASE)
    if change == "prefixes":
        changed = changed.replace("xmlns:rpid=", "xmlns:r1=").replace("xmlns:x=", "xmlns:xx=")
    assert changed != BASE and digest(changed) == digest(BASE)


@pytest.mark.parametrize("change", DIFFERENT)
def test_what_is_a_change(change):
    """D-40: everything that a watcher could see differently."""
    old, new = DIFFERENT[change]
    base = BASE.replace("'", '"')
    assert old in base and digest(base.replace(old, new)) != digest(base)


def test_order_in_unknown_elements_has_a_meaning():
    """D-40: a list that we do not know may be a sequence."""
    first, second = (
        presence(device(extra=f"<x:way>{steps}</x:way>")).decode() for steps in ("<x:a/><x:b/>", "<x:b/><x:a/>")
    )
    assert digest(first) != digest(second)


def test_order_of_components_does_not_count():
    """D-40: a refresh changes which device is the newest, and nothing else."""
    parts = [made(device(f"t{n}", contact=f"sip:{n}@h"), person("rpid:tv", "x:y"), id=n, age=n) for n in range(3)]
    turned = [made(device(f"t{n}", contact=f"sip:{n}@h"), person("rpid:tv", "x:y"), id=n, age=9 - n) for n in range(3)]
    assert rendered(*parts).body != rendered(*turned).body
    assert rendered(*parts).digest == rendered(*turned).digest


def test_interruptible_and_busy_look_the_same():
    """D-24, V-36, D-40: the watcher is sent the same document, so there is nothing to send again."""
    busy = made(device("a", contact="sip:a@h"), person("rpid:busy"), id=1)
    text = made(device("b", contact="sip:b@h", caps="t"), id=2)
    quiet = made(device("b", contact="sip:b@h", caps="t"), person("rpid:busy"), id=2)
    assert rendered(busy, text).state is not rendered(busy, quiet).state
    assert rendered(busy, text).digest == rendered(busy, quiet).digest


def test_a_digest_fits_a_column():
    """D-40: 16 hexadecimal digits, the same in every process."""
    digests = {rendered(made(body=data(name))).digest for name in ("ex2.xml", "ex4.xml", "ex9.xml")} | {
        rendered().digest
    }
    assert len(digests) == 4 and all(len(one) == 16 and int(one, 16) >= 0 for one in digests)
    assert rendered().digest == rendered().digest


def test_what_was_rendered_reads_the_same():
    """D-40, R-EXT-02: our own document, published again, is equal content."""
    one = made(body=BASE.encode())
    again = parse(rendered(one).body)
    assert {fragment.digest for fragment in again.activities} >= {
        fragment.digest for fragment in one.document.activities
    }
    assert again.tuples == one.document.tuples and again.extensions == one.document.extensions
