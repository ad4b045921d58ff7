"""Serving the page until somebody stops it."""

from __future__ import annotations

import gc
import ipaddress
import os
import secrets
import socket
from dataclasses import dataclass
from urllib.parse import quote

import uvicorn

from noisette.errors import InvalidInputError, WorkspaceError
from noisette.pipeline.review import ReviewSession
from noisette.web.app import make_app
from noisette.web.guard import LOOPBACK_NAMES, GuardSettings

_GRACE_SECONDS = 3
_BACKLOG = 128
MIN_TOKEN = 8


@dataclass(frozen=True)
class Binding:
    """An open socket, the address to tell people, and who may ask."""

    socket: socket.socket
    url: str
    guard: GuardSettings


def bind(host: str, port: int, token: str | None, hosts: tuple[str, ...] = ()) -> Binding:
    """Open the socket.

    Args:
        host: an address or a name of this machine.
        port: 0 = any free one.
        token: off the loopback interface one is made where none is given.
        hosts: further names by which the page may be reached.

    Raises:
        WorkspaceError: the port is taken, or the address is not this machine's.
        InvalidInputError: the token is too short.
    """
    if token is not None and len(token) < MIN_TOKEN:
        raise InvalidInputError(f"`token` must have at least {MIN_TOKEN} characters; leave it out, and one is made")
    try:
        opened = _listen(host, port)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WorkspaceError(
            f"{host}:{port} cannot be listened on ({reason}); choose another --host or --port"
        ) from error
    bound, number = opened.getsockname()[:2]
    known = ipaddress.ip_address(bound.partition("%")[0])
    if not known.is_loopback:
        token = token or secrets.token_urlsafe(24)
    names = (*LOOPBACK_NAMES, host.lower(), bound, *(name.lower() for name in hosts))
    if known.is_unspecified:
        names += (socket.gethostname().lower(),)
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{number}/" + (f"?token={quote(token, safe='')}" if token else "")
    guard = GuardSettings(token=token, hosts=names, any_address=known.is_unspecified, cookie=f"noisette_{number}")
    return Binding(opened, url, guard)


def _listen(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    # Made with its protocol, which `socket.create_server` leaves out: without it asyncio does not turn off Nagle's
    # algorithm, and every answer on a kept connection takes 40 ms longer.
    opened = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)
    except BaseException:
        opened.close()
        raise
    return opened


def serve(session: ReviewSession, binding: Binding, *, thumbnail_bytes: int) -> None:
    """Serve until Ctrl-C or SIGTERM; requests in flight are answered first."""
    app = make_app(session, binding.guard, thumbnail_bytes=thumbnail_bytes)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses would carry the token
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    gc.collect()
    gc.freeze()  # what was loaded stays: no collection looks through it again while somebody waits for an answer
    try:
        server.run(sockets=[binding.socket])
    except KeyboardInterrupt:
        pass  # uvicorn raises it again after it has stopped in order
    finally:
        binding.socket.close()
