"""What every request passes before it reaches the page: who may ask, for what, how much and how often.

The page has no accounts. Against other sites in the same browser: the Host header must be ours (DNS rebinding), writes
must come from our own origin with a header that no form can send, and the cookie goes with no foreign request. Against
other people: off the loopback interface a token is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 64 * 1024
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_READS = ("GET", "HEAD")
_CLIENTS_REMEMBERED = 1024

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True)
class GuardSettings:
    """Who may ask, and how often.

    Attributes:
        token: needed by every request; None = none is needed (loopback only).
        hosts: names (without port) that the Host header may carry.
        any_address: True if it may also be any IP address: the server listens on all of them. No name can be rebound
            to those, for they are none.
        cookie: name of the cookie that carries the proof of the token.
        requests_per_second, burst: of one client address.
    """

    token: str | None = None
    hosts: tuple[str, ...] = LOOPBACK_NAMES
    any_address: bool = False
    cookie: str = "noisette"
    requests_per_second: float = 300.0
    burst: float = 1500.0


class _RefusedError(Exception):
    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Guard:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, settings: GuardSettings) -> None:
        self._app, self._settings = app, settings
        self._rates = _Rates(settings.requests_per_second, settings.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with an error."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            else:  # the page has no web sockets
                await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            if self._check(scope):
                await _answer(send_guarded, 303, {"location": "/", "set-cookie": self._cookie()}, b"")
                return
            body = await _read_body(scope, receive)
            await self._app(scope, _replay(body, receive), send_guarded)
        except _RefusedError as refused:
            if not started:
                await _refuse(send_guarded, scope, refused)

    def _check(self, scope: Scope) -> bool:
        """Check everything but the body; True if the request brings a right token to be made a cookie of."""
        client = scope.get("client")
        if not self._rates.allows(client[0] if client else ""):
            raise _RefusedError(429, "too many requests; wait a second")
        headers = Headers(scope=scope)
        self._check_host(headers)
        is_login = self._check_token(scope, headers)
        self._check_origin(scope, headers)
        return is_login

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        try:
            name = (urlsplit(f"//{hosts[0]}").hostname or "").rstrip(".") if len(hosts) == 1 else ""
        except ValueError:
            name = ""
        if name in self._settings.hosts or (self._settings.any_address and _is_address(name)):
            return
        raise _RefusedError(
            403, "the Host header names another server; open the address that `noisette review` printed"
        )

    def _check_token(self, scope: Scope, headers: Headers) -> bool:
        token = self._settings.token
        if token is None or scope["path"].startswith("/static/"):  # our own files, the same for everybody
            return False
        if scope["method"] == "GET" and scope["path"] == "/":
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
            if given:
                if hmac.compare_digest(given[0].encode("utf-8", "replace"), token.encode()):
                    return True
                raise _RefusedError(401, "the token is wrong; open the address that `noisette review` printed")
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(bearer.encode("utf-8", "replace"), token.encode()):
            return False
        if hmac.compare_digest(_cookie_in(headers, self._settings.cookie).encode("utf-8", "replace"), _proof(token)):
            return False
        raise _RefusedError(401, "a token is needed; open the address that `noisette review` printed")

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        site, method = headers.get("sec-fetch-site"), scope["method"]
        is_page = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if method in _READS:
            if site in ("cross-site", "same-site") and not is_page:
                raise _RefusedError(403, "another site may not ask for this")
            return
        if site not in (None, "same-origin", "none"):
            raise _RefusedError(403, "another site may not write")
        origin = headers.get("origin")
        if origin is not None and origin != f"{scope['scheme']}://{headers.get('host')}":
            raise _RefusedError(403, "another origin may not write")
        if headers.get("x-noisette") != "1":
            raise _RefusedError(403, "a write needs the header X-Noisette: 1")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise _RefusedError(400, "a write must have the content type application/json")

    def _cookie(self) -> str:
        proof = _proof(self._settings.token or "").decode()
        return f"{self._settings.cookie}={proof}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"


class _Rates:
    """A bucket of tokens a client address; addresses not seen the longest are forgotten."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, client: str) -> bool:
        now = time.monotonic()
        left, last = self._buckets.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - last) * self._per_second)
        allowed = left >= 1
        self._buckets[client] = (left - allowed, now)
        if len(self._buckets) > _CLIENTS_REMEMBERED:
            self._buckets.popitem(last=False)
        return allowed


def _proof(token: str) -> bytes:
    """Give what the cookie carries: it shows that the token was known, and is not the token."""
    return hmac.new(token.encode(), b"noisette review cookie", hashlib.sha256).hexdigest().encode()


def _cookie_in(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """Read the whole body, at most 64 KiB of it, whatever its length claims to be."""
    claimed = Headers(scope=scope).get("content-length", "0")
    if not (claimed.isascii() and claimed.isdigit()) or int(claimed[:20]) > MAX_BODY:
        raise _RefusedError(413, f"a request may have {MAX_BODY // 1024} KiB")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise _RefusedError(413, f"a request may have {MAX_BODY // 1024} KiB")
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(send: Send, scope: Scope, refused: _RefusedError) -> None:
    wants_page = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
    headers = {"retry-after": "1"} if refused.status == 429 else {}
    if wants_page:
        from noisette.web.pages import message_page

        body = message_page(refused.status, refused.words).encode()
        await _answer(send, refused.status, headers | {"content-type": "text/html; charset=utf-8"}, body)
        return
    body = json.dumps({"error": refused.words}).encode()
    await _answer(send, refused.status, headers | {"content-type": "application/json"}, body)


async def _answer(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    fields = headers | {"content-length": str(len(body))}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
