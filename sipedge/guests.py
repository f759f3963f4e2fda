"""Whom the proxy lets in without a challenge (D-22): by address, host name, or domain.

A host name stands for its addresses, a domain for those of its SIP servers (RFC 3263) and for certificates that speak
for it or for a host in it. Names are looked up now and then, not for a request: a stranger cannot make us ask.
"""

import asyncio
from collections.abc import Callable

from provisioning.policy import AccessEntry, Policy, plain_address
from sipedge.locate import Locator

REFRESH = 5.0
"Seconds between two looks, which cost little: between two questions lies the time that name servers give."


class Guests:
    """The access list, with the addresses of its names."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._addresses: dict[str, AccessEntry] = {}
        self._changed = asyncio.Event()

    def admits(self, policy: Policy, address: str, names: frozenset[str]) -> AccessEntry | None:
        """The entry that lets a peer in; `names` are the domains in its certificate."""
        entry = policy.admits(address)
        if entry is not None or not (policy.access_names or policy.access_domains):
            return entry
        for name in names:
            found = policy.access_names.get(name) or _covering(policy, name)
            if found is not None:
                return found
        return self._addresses.get(plain_address(address))

    def look_again(self) -> None:
        """The access list has changed."""
        self._changed.set()

    async def keep(self, policy: Callable[[], Policy]) -> None:
        """Keep the addresses up to date."""
        while True:
            self._changed.clear()
            self._addresses = await self._look_up(policy())
            try:
                await asyncio.wait_for(self._changed.wait(), REFRESH)
            except TimeoutError:
                pass

    async def _look_up(self, policy: Policy) -> dict[str, AccessEntry]:
        found: dict[str, AccessEntry] = {}
        for domain, entry in policy.access_domains.items():
            for hop in await self._locator.locate(domain):
                found[hop.address[0]] = entry
        for name, entry in policy.access_names.items():  # one host says more than a domain
            for address in await self._locator.lookup.addresses(name):
                found[address] = entry
        return found


def _covering(policy: Policy, name: str) -> AccessEntry | None:
    """The entry of the narrowest domain that a name is in."""
    parts = name.split(".")
    domains = (".".join(parts[start:]) for start in range(len(parts)))
    return next((entry for one in domains if (entry := policy.access_domains.get(one)) is not None), None)
