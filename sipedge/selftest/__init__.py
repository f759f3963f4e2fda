"""Plays the guide's examples against a running edge, with users that exist for a moment only."""
