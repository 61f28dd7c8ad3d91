"""`mnist-tui serve`: the app in a browser."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from mnist_tui.commands.headless import EXIT_FAILED, EXIT_INTERRUPTED
from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.visible_text import visible
from mnist_tui.web.address import AddressError, is_local, listen, url

WITHOUT_EXTRA = (
    "The web page needs the extra web, which is not installed: make run EXTRA=web ARGS=serve "
    "installs it and serves the page."
)

WARNING = (
    "Anyone who can reach this address can use mnist-tui on this machine as you do: train, delete "
    "runs, and write files. Nothing that passes between is encrypted."
)


def serve(command: Sequence[str], host: str, port: int, log_file: Path) -> int:
    """Serve the page until Ctrl-C or SIGTERM, which also end every app; the exit code.

    Args:
        command: what starts the app for a tab.
        host: the name or address to serve at.
        port: 0 takes any that is free.
        log_file: where the web server's complaints go.
    """
    write_error = line_writer(sys.stderr)
    if find_spec("aiohttp") is None or find_spec("textual_serve") is None:
        write_error(WITHOUT_EXTRA)
        return EXIT_FAILED
    try:
        listening = listen(host, port)
    except AddressError as error:
        write_error(visible(str(error)))
        return EXIT_FAILED
    logging.basicConfig(handlers=[_LogFile(log_file)], level=logging.WARNING)
    with listening:
        if not is_local(listening):
            write_error(WARNING)
        asyncio.run(_serve(command, listening, host))
    return EXIT_INTERRUPTED


class _LogFile(logging.Handler):
    """Puts what libraries log into the log file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        write_log(self._path, self.format(record))


async def _serve(command: Sequence[str], listening: socket.socket, host: str) -> None:
    # Only here: the extra may be missing.
    from aiohttp import web

    from mnist_tui.web.site import Site

    site = Site(command, host if is_local(listening) else None)
    ending = asyncio.Event()

    def end() -> None:
        if ending.is_set():
            site.kill_apps()
        ending.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup asks to stay when the terminal is closed.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, end)

    runner = web.AppRunner(site.application(), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        line_writer(sys.stdout)(f"mnist-tui is at {url(listening, host)} until Ctrl-C.")
        await ending.wait()
        if site.open_tabs:
            line_writer(sys.stderr)("Ending the apps; runs under way are stopped and kept.")
    finally:
        await runner.cleanup()
