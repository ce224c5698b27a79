"""Whose request it is, where nothing but the network says so: a page, or a proxy, may ask for somebody else."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BY_A_PROXY: Final = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")


def is_of_another_page(headers: Mapping[str, str], origins: Sequence[str] = ()) -> bool:
    """Whether a browser sends this for a page of another host that ``origins`` does not name.

    A browser writes ``Origin`` into all by which such a page could read or change anything (Fetch standard, section
    3.2); programs write none. Ports do not matter: our own page has one of its own.
    """
    origin = headers.get("Origin", "")
    if not origin or origin in origins:
        return False
    page, host = _host_of(origin), _host_of(f"//{headers.get('Host', '')}")
    return page != host and not (_cannot_be_pointed(page) and _cannot_be_pointed(host))


def is_from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether what comes from this very machine was asked for elsewhere.

    A proxy says so, or it cannot be told from a program here. A page whose own name was made to point here (DNS
    rebinding) still asks by that name.
    """
    named = headers.get("Host", "")
    return any(name in headers for name in _BY_A_PROXY) or not _cannot_be_pointed(_host_of(f"//{named}"))


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _cannot_be_pointed(host: str) -> bool:
    """Whether it is no name of the public DNS: a name of one word, or this machine's own address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(".localhost"))
