"""Which hosts agents may have: a registration must not make the gateway connect to whatever it names."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

Networks: TypeAlias = "tuple[IPv4Network | IPv6Network, ...]"
LOOPBACK: Networks = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200")))
"""Where Amazon, Google and Alibaba answer beside 169.254.169.254, which is link-local."""


class OutOfReach(ValueError):  # noqa: N818 - says where the host is
    """Agents may not have this host or address."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Names of hosts, and networks of addresses, that agents may have; an empty tuple allows all.

    Link-local and multicast addresses and those of clouds' metadata, which give out credentials, are never an agent's.
    """

    hosts: tuple[str, ...] = ()
    networks: Networks = ()

    def allows(self, host: str) -> bool:
        """Whether an agent may register with a host; which addresses a name has is seen when it is dialled."""
        address = _address(host)
        if address is not None:
            if not self.covers(address):
                return False
            if self.networks:
                return True
        return not self.hosts or host.lower() in self.hosts

    def covers(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether an address may be connected to."""
        plain = _plain(address)
        return not _is_nobodys(plain) and (not self.networks or is_within(str(plain), self.networks))

    async def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host, once, to the addresses that may be connected to.

        Raises `OutOfReach` where there are others only, ``OSError`` where there are none.
        """
        if not self.allows(host):
            raise OutOfReach(f"agents may not have the host {host}")
        if _address(host) is not None:  # and it is covered, or it were not allowed
            return [host]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        chosen = dict.fromkeys(str(entry[4][0]) for entry in found)
        if not (near := [text for text in chosen if self.covers(ipaddress.ip_address(text))]):
            raise OutOfReach(f"agents may not have an address of {host}")
        return near


def is_within(remote: str | None, networks: Networks) -> bool:
    """Tell whether an address belongs to one of the networks."""
    address = _address(remote or "")
    return address is not None and any(_plain(address) in network for network in networks)


@lru_cache(maxsize=1024)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _is_nobodys(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is never an agent's."""
    return address.is_link_local or address.is_multicast or address in _METADATA


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address that is written as one of IPv6 is one of IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
