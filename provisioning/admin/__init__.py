"""The administrator's pages for everything that is provisioned."""

from provisioning.admin import (
    access,
    changes,
    directories,
    imports,
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
    "changes",
    "directories",
    "imports",
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
