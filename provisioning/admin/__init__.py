"""The administrator's pages for everything that is provisioned."""

from provisioning.admin import (
    access,
    directories,
    integrators,
    lists,
    messenger,
    people,
    routing,
    rules,
    servers,
    staff,
    tokens,
)

__all__ = [
    "access",
    "directories",
    "integrators",
    "lists",
    "messenger",
    "people",
    "routing",
    "rules",
    "servers",
    "staff",
    "tokens",
]
