"""Who may ask the server for anything: the pages it served itself, and no other site's.

Any page that a browser shows can send requests to 127.0.0.1, open WebSockets included, and a name
that its owner points at 127.0.0.1 makes them look like this server's own ("DNS rebinding").
"""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host of that name or address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def refusal(host: str, origin: str | None, local_name: str | None) -> str:
    """Why a request is refused, as a sentence; empty: it is not.

    Args:
        host: its header Host.
        origin: its header Origin, if it has one; browsers send it with every WebSocket.
        local_name: the name or address at which only this machine reaches the server; None if
            others do, under names that the server cannot know.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        source = urlsplit(origin).netloc if origin is not None else host
    except ValueError:
        return "The request's Host or Origin is no address."
    if local_name is not None and name != local_name.lower() and not is_loopback(name):
        return f"This server is reached as {local_name} only."
    if source.lower() != host.lower():
        return "Pages of other sites may not use this server."
    return ""
