"""Where a webhook may go: a URL that was registered, at addresses that are looked up once and checked."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orderfsm.errors import NotDelivered

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Target", "is_public", "target"]

TRANSLATED = IPv6Network("64:ff9b::/96")
"""Addresses that a gateway translates: the last four bytes are one of IPv4."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts. `origin` is what errors show: the path and the query may hold what is nobody's business."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme and host, and the port unless it is the usual one."""
        usual = {"https": 443, "http": 80}[self.scheme]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == usual else f":{self.port}")

    def addresses(self, allow: Collection[str]) -> list[str]:
        """The addresses of the host, looked up now; raises NotDelivered when one of them is not for webhooks.

        Public ones are; with "private" in `allow` all are, with "loopback" this host's own are as well. Plain HTTP
        that only "loopback" allows goes to this host alone.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NotDelivered(f"{self.origin}: its address was not found ({type(error).__name__})") from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        for address in addresses:
            self._verify(address, allow)
        return addresses

    def _verify(self, address: str, allow: Collection[str]) -> None:
        if "loopback" in allow and ip_address(address.partition("%")[0]).is_loopback:
            return
        if "private" not in allow and not is_public(address):
            raise NotDelivered(f"{self.origin}: {address} is not a public address; allow it if it is meant")
        if self.scheme == "http" and "http" not in allow:
            raise NotDelivered(f"{self.origin}: {address} is not for plain HTTP, which is allowed on this host alone")


def target(url: str, allow: Collection[str]) -> Target:
    """The parts of a URL that messages may be sent to; raises ValueError, without the URL's path, for any other."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("a webhook's URL has no spaces, control characters, backslashes or other letters than ASCII's")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"a webhook's URL cannot be read: {error}") from None
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not {"http", "loopback"} & set(allow)):
        raise ValueError(f"a webhook's URL begins with https, not {parts.scheme or 'nothing'}; http has to be allowed")
    if not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise ValueError("a webhook's URL has a host, and neither credentials nor a fragment")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port or {"https": 443, "http": 80}[parts.scheme], path)


def is_public(address: str) -> bool:
    """Whether an address is one that anybody on the internet may have, also where it wraps one of IPv4."""
    found = ip_address(address.partition("%")[0])
    inner = _wrapped(found) if isinstance(found, IPv6Address) else None
    return found.is_global and not found.is_multicast and (inner is None or is_public(str(inner)))


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
