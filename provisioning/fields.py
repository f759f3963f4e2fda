"""Domain types in columns: addresses of record, domain names, networks; each is canonical as soon as it is cleaned."""

import ipaddress
import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from provisioning.uri import Aor, BadUri

HOST_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
HOST_LIMIT = 253
"Octets of a domain name (RFC 1035 section 2.3.4, without the root)."


def domain_name(text: str) -> str:
    """The canonical form of a domain name or IP address literal; raises ValidationError."""
    name = text.strip().rstrip(".").lower()
    literal = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        address = ipaddress.ip_address(literal)
    except ValueError:
        labels = name.split(".")
        if len(name) <= HOST_LIMIT and all(HOST_LABEL.fullmatch(label) for label in labels):
            return name
        raise ValidationError(f"“{text}” is not a domain name.", code="invalid") from None
    return f"[{address}]" if address.version == 6 else str(address)  # as it stands in a SIP URI


def server_address(text: str) -> str:
    """The canonical form of `host` or `host:port`; raises ValidationError."""
    host, port = text.strip(), ""
    if host.count(":") == 1 or (host.startswith("[") and not host.endswith("]")):
        host, _, port = host.rpartition(":")
        if not (port.isascii() and port.isdecimal() and 0 < int(port) <= 65535):
            raise ValidationError(f"“{text}” has no port that exists.", code="invalid")
    name = domain_name(host)
    return f"{name}:{int(port)}" if port else name


def network(text: str) -> str:
    """The canonical form of an IP address or network; raises ValidationError."""
    try:
        parsed = ipaddress.ip_network(text.strip().strip("[]"), strict=False)
    except ValueError:
        raise ValidationError(f"“{text}” is not an IP address or network.", code="invalid") from None
    return str(parsed.network_address) if parsed.num_addresses == 1 else str(parsed)


class AorField(models.CharField):
    """A SIP URI in the canonical form of its address of record (D-01); the value is an `Aor`."""

    description = "SIP address of record"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 320)
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Aor | None:
        if value is None or value == "" or isinstance(value, Aor):
            return value
        try:
            return Aor.parse(str(value).strip())
        except BadUri as error:
            raise ValidationError(f"“{value}” is not a SIP URI: {error}", code="invalid") from error

    def from_db_value(self, value: str | None, *_: Any) -> Aor | None:
        return None if value is None else Aor(value)

    def get_prep_value(self, value: Any) -> str | None:
        if value == "":
            return ""  # where a blank address is allowed
        value = self.to_python(value)
        return None if value is None else str(value)


class CanonicalField(models.CharField):
    """Text that has one spelling only; `canonical` makes it or raises ValidationError."""

    @staticmethod
    def canonical(text: str) -> str:
        raise NotImplementedError

    def to_python(self, value: Any) -> str | None:
        text = super().to_python(value)
        return type(self).canonical(text) if text else text

    def get_prep_value(self, value: Any) -> str | None:
        return self.to_python(value)


class DomainNameField(CanonicalField):
    """A domain name in lower case, or an IP address where a domain stands."""

    description = "Domain name"
    canonical = staticmethod(domain_name)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 255)
        super().__init__(*args, **kwargs)


class NetworkField(CanonicalField):
    """An IP address or network, IPv4 or IPv6."""

    description = "IP address or network"
    canonical = staticmethod(network)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 49)
        super().__init__(*args, **kwargs)


class ServerAddressField(CanonicalField):
    """Where a server is reached: a host name or IP address, and a port where it is not the usual one."""

    description = "Server address"
    canonical = staticmethod(server_address)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 262)
        super().__init__(*args, **kwargs)


class ChoiceListField(models.JSONField):
    """Some of a few given words, as a sorted list; ticked one by one in a form."""

    description = "List of choices"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        self.words = list(kwargs.pop("choices", ()))
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """The words are not the database's business."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs

    def clean(self, value: Any, model_instance: Any) -> list[str]:
        """Known words, each once, in the order of the choices."""
        known = [word for word, _ in self.words]
        if not isinstance(value, list) or any(word not in known for word in value):
            raise ValidationError(f"Expected a list of: {', '.join(known)}.", code="invalid")
        return [word for word in known if word in value]

    def formfield(self, **kwargs: Any) -> Any:
        """Tick boxes."""
        from django import forms

        return forms.MultipleChoiceField(
            choices=self.words, required=False, label=kwargs.get("label") or self.verbose_name.capitalize(),
            help_text=self.help_text, widget=forms.CheckboxSelectMultiple,
        )  # fmt: skip
