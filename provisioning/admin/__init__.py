"""The administrator's pages for everything that is provisioned."""

from provisioning.admin import access, changes, integrators, lists, messenger, people, routing, rules, servers, staff

__all__ = ["access", "changes", "integrators", "lists", "messenger", "people", "routing", "rules", "servers", "staff"]
