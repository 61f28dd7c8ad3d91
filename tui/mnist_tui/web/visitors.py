"""Who may use the web server: under which names it is asked, and by whose pages."""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Reach:
    """From where the server is reached, and under which names.

    Any page that a browser shows can send requests to any address, open WebSockets included, and a
    name that its owner points at this machine makes them look like the server's own ("DNS
    rebinding"). So a name counts only if it is known here. An address cannot be pointed elsewhere.
    """

    host: str
    """The name or address that it serves at, as the user gave it."""
    is_local: bool
    """Whether nobody but this machine can reach it."""
    names: frozenset[str] = frozenset()
    """Further names and addresses, as `plain_name` writes them."""

    @classmethod
    def of(cls, host: str, allowed: Iterable[str], *, is_local: bool) -> Self:
        """The names that the user allows, and the machine's own where others reach it."""
        names = {plain_name(name) for name in allowed}
        return cls(host, is_local, frozenset(names if is_local else names | own_names()))

    def has(self, name: str) -> bool:
        """Whether the server may be asked under this name or address."""
        name = plain_name(name)
        if name in {"localhost", plain_name(self.host)} | self.names or is_loopback(name):
            return True
        return not self.is_local and _is_address(name)


def plain_name(name: str) -> str:
    """A name as requests have it: in small letters, ASCII, and without the root's dot.

    One that cannot be a name stays as it is.
    """
    try:
        return name.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError:
        return name


def is_name(text: str) -> bool:
    """Whether it is the name or the address of a machine, without a scheme or a port."""
    return _NAME.fullmatch(plain_name(text)) is not None or _is_address(text)


def own_names() -> frozenset[str]:
    """What this machine is called: by itself, by the name service, and in the local network."""
    given = plain_name(socket.gethostname())
    short = given.partition(".")[0]
    names = {given, short, f"{short}.local", plain_name(socket.getfqdn())}
    return frozenset(name for name in names if is_name(name))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host of that name or address."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def refusal(host: str, origin: str | None, reach: Reach) -> str:
    """Why a request is refused, as a sentence; empty: it is not.

    Args:
        host: its header Host.
        origin: its header Origin, if it has one; browsers send it with every WebSocket.
        reach: under which names the server may be asked.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        source = urlsplit(origin).netloc if origin is not None else host
    except ValueError:
        return "The request's Host or Origin is no address."
    if not reach.has(name):
        known = reach.host if reach.is_local else "its address or a name of this machine"
        return f"This server is reached as {known} only. Other names need --allow-host NAME."
    if source.lower() != host.lower():
        return "Pages of other sites may not use this server."
    return ""
