"""A web server on the loopback that plays good and bad mirrors, for tests of downloads."""

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class MirrorServer:
    """Serves `files` under addresses whose first part names how they are served.

    good: as they are. unsized: without their length. wrong: with other content of the same size.
    half: half of the promised bytes, then the connection ends. stalled: one byte, then silence
    until the server ends. silent: no answer at all. missing: 404. slow: whole, in 20 pieces. cut:
    the connection is reset after half of the bytes.
    """

    address: str
    files: Mapping[str, bytes]
    requests: list[str] = field(default_factory=list)
    """The paths that were asked for, in order."""
    released: threading.Event = field(default_factory=threading.Event)
    """Ends every silence."""

    def mirror(self, behaviour: str) -> str:
        return f"{self.address}/{behaviour}/"


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[MirrorServer]:
    """A running server; it and its threads are gone at the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mirror.requests.append(self.path)
            _, behaviour, name = self.path.split("/")
            content = files.get(name)
            if behaviour == "silent":
                mirror.released.wait()
            elif behaviour == "missing" or content is None:
                self.send_error(404)
            else:
                self._send(behaviour, content)

        def _send(self, behaviour: str, content: bytes) -> None:
            self.send_response(200)
            if behaviour != "unsized":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            match behaviour:
                case "good" | "unsized":
                    self.wfile.write(content)
                case "wrong":
                    self.wfile.write(bytes(len(content)))
                case "half":
                    self.wfile.write(content[: len(content) // 2])
                case "stalled":
                    self.wfile.write(content[:1])
                    mirror.released.wait()
                case "slow":
                    size = len(content) // 20 + 1
                    for start in range(0, len(content), size):
                        self.wfile.write(content[start : start + size])
                        mirror.released.wait(0.02)
                case "cut":
                    self.wfile.write(content[: len(content) // 2])
                    # Closed so, it sends no end but a reset.
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                case _:
                    raise AssertionError(behaviour)

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mirror = MirrorServer(f"http://127.0.0.1:{server.server_port}", files)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield mirror
    finally:
        mirror.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
