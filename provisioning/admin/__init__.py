"""The administrator's pages for everything that is provisioned."""

from provisioning.admin import people, rules, servers

__all__ = ["people", "rules", "servers"]
