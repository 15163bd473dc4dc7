"""The doctor's look at the upstream: is it there, does it take the key, does it speak the Realtime API?"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from realtime.commands.trouble import Trouble
from realtime.protocol import json
from realtime.session.upstream import realtime_url
from realtime.settings import UpstreamSettings
from transports.errors import ConnectFailed, LinkClosed
from transports.link import MessageLink
from transports.websocket import connect

_KEY = "put a key that is valid there into upstream.api_key_file, or into OPENAI_API_KEY"
_ADDRESS = "see upstream.base_url: the Realtime API's address up to and with /v1"
_NETWORK = "see upstream.base_url, and whether this machine reaches it (names, firewall, VPN)"
_CLOCK = "see this machine's clock and its root certificates, and upstream.base_url"
_REFUSED_KEY = ("invalid_api_key", "account_deactivated")
_NO_QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "credit_balance_exhausted")


async def look_at_upstream(settings: UpstreamSettings) -> str:
    """Open a session as a call would, hear its first word, and leave; raises ``Trouble``."""
    if settings.embedded:
        return "embedded voice model: no key needed"
    key = settings.key()
    host = urlsplit(settings.base_url).netloc.rpartition("@")[2]
    if key is not None and not (key.isascii() and key.isprintable()):
        raise Trouble("the API key holds a character that no key has, such as a line break", _KEY)
    url = realtime_url(settings.base_url, version=settings.version, model=settings.model)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    timeout_s = settings.connect_timeout_s
    try:
        link = await connect(url, headers=headers, connect_timeout=timeout_s)
    except ConnectFailed as error:
        raise _not_connected(error, host, has_key=key is not None) from None
    try:
        async with asyncio.timeout(timeout_s):
            await _first_word(link, host, settings.model)
    except TimeoutError:
        raise Trouble(f"{host} opens a session and says nothing within {timeout_s:g} s", _ADDRESS) from None
    finally:
        await link.close()
    taken = "takes the key" if key else "wants no key"
    return f"{host} answers, {taken}, and opens sessions with {settings.model}"


async def _first_word(link: MessageLink, host: str, model: str) -> None:
    """It is ``session.created``, or the error that refuses the session."""
    try:
        event = json.decode_object(await link.receive())
    except LinkClosed as closed:
        raise Trouble(f"{host} takes the connection and closes it: {closed}", f"{_ADDRESS}, and the key") from None
    except ValueError:
        raise Trouble(f"{host} does not speak the Realtime API", _ADDRESS) from None
    if event.get("type") != "error":
        return
    fault = event.get("error")
    code = str(fault.get("code") if isinstance(fault, dict) else "") or "no code"
    if code in _REFUSED_KEY:
        raise Trouble(f"{host} refuses the API key ({code})", _KEY)
    if code in _NO_QUOTA:
        raise Trouble(f"{host} takes the key, but its account has no quota ({code})", "see the account's billing")
    if code == "model_not_found":
        raise Trouble(f"{host} has no model {model} for this key", "see upstream.model")
    raise Trouble(f"{host} refuses the session ({code[:80]})", "see upstream.model and the key's permissions")


def _not_connected(error: ConnectFailed, host: str, *, has_key: bool) -> Trouble:
    match error.status:
        case 401 | 403 if has_key:
            return Trouble(f"{host} refuses the API key (status {error.status})", _KEY)
        case 401 | 403:
            return Trouble(f"{host} wants an API key, and none is set (status {error.status})", _KEY)
        case 404 | 405 | 426:
            return Trouble(f"{host} answers, but not as a Realtime API there (status {error.status})", _ADDRESS)
        case 429:
            return Trouble(f"{host} is asked too often, or the key has no quota (status 429)", "wait, or see billing")
        case int() as status if status >= 500:
            return Trouble(f"{host} fails at the moment (status {status})", "try again later")
        case int() as status:
            return Trouble(f"{host} refuses the connection (status {status})", f"{_ADDRESS}, and upstream.model")
    # nobody answered with a status: the transport's text says how far it came
    certain = "certificate" in str(error) or "TLS" in str(error)
    return Trouble(f"{host} is not reached: {error}", _CLOCK if certain else _NETWORK)
