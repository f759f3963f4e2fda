"""Pages of the admin that belong to no table: each package names its own, the site shows them among its tables."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    app: str
    "Label of the application that it belongs to."
    name: str
    "In addresses: admin/{app}/{name}/, reversed as admin:{app}_{name}."
    title: str
    may: Callable[[HttpRequest], bool]
    "Whether this user sees it."
    view: Callable[[HttpRequest], HttpResponse]
    "Called for who may."
    group: str = ""
    "Name of the group in the navigation that it asks for (`cups_site.navigation`); empty: that finds one."


PAGES: list[Page] = []
"Filled while the packages' admin modules are loaded."
