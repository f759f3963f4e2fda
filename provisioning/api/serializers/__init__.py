"""Provisioning as JSON; the models validate."""
