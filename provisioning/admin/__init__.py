"""The administrator's pages for everything that is provisioned."""

from provisioning.admin import access, integrators, lists, people, routing, rules, servers

__all__ = ["access", "integrators", "lists", "people", "routing", "rules", "servers"]
