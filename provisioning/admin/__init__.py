"""The administrator's pages for everything that is provisioned."""

from provisioning.admin import access, imports, integrators, lists, messenger, people, routing, rules, servers, staff

__all__ = ["access", "imports", "integrators", "lists", "messenger", "people", "routing", "rules", "servers", "staff"]
