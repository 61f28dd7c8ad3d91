"""The address that the page is served at, and who may ask the server for anything.

Any page that a browser shows can send requests to 127.0.0.1, open WebSockets included, and a name
that its owner points at 127.0.0.1 makes them look like this server's own ("DNS rebinding").
"""

import errno
import socket
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


class AddressError(Exception):
    """The address cannot be served at; the message is for the user."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at this address; port 0 takes any that is free.

    Raises:
        AddressError: it cannot.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise AddressError(f"No address is known for {host!r}.") from error
    family, _, _, _, address = found[0]
    try:
        return socket.create_server((str(address[0]), port), family=family)
    except OSError as error:
        raise AddressError(_sentence(error, host, port)) from error


def _sentence(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} of {host} is in use. Choose another with --port, or any that is "
                "free with --port 0."
            )
        case errno.EACCES:
            return f"This user may not serve at port {port}. Choose one above 1023 with --port."
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine. Choose one with --host."
        case _:
            return f"{host} cannot be served at: {error.strerror}."


def is_local(listening: socket.socket) -> bool:
    """Whether nobody but this machine can reach the socket."""
    return is_loopback(listening.getsockname()[0])


def url(listening: socket.socket, host: str) -> str:
    """Where a browser finds the page; a host that stands for all addresses gets a name."""
    address, port = listening.getsockname()[:2]
    name = socket.gethostname() if address in ("0.0.0.0", "::") else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"
