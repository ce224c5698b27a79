"""Who makes room where there are too many connections: the oldest ones of the address that has the most."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARE = 10  # one in so many goes at once, so that a flood is not looked through for each that comes


def surplus(addresses: Sequence[str], most: int) -> list[int]:
    """Choose connections, given by their addresses in the order in which they came; none where ``most`` are enough."""
    if len(addresses) <= most:
        return []
    places: dict[str, list[int]] = {}
    for place, address in enumerate(addresses):
        places.setdefault(address, []).append(place)
    return max(places.values(), key=len)[: max(1, most // SHARE)]
