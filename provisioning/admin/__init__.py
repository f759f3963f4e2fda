"""The administrator's pages for everything that is provisioned."""

from provisioning.admin import access, lists, messenger, people, routing, rules, servers

__all__ = ["access", "lists", "messenger", "people", "routing", "rules", "servers"]
