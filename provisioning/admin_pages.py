"""Pages of the admin that belong to no table: each package names its own, the site shows them in its group."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    app: str
    "Label of the application in whose group it stands."
    name: str
    "In addresses: admin/{app}/{name}/, reversed as admin:{app}_{name}."
    title: str
    may: Callable[[HttpRequest], bool]
    "Whether this user sees it."
    view: Callable[[HttpRequest], HttpResponse]
    "Called for who may."


PAGES: list[Page] = []
"Filled while the packages' admin modules are loaded."
