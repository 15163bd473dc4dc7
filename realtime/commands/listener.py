"""Whether a command can listen where it was told to: asked before it does, since the answer then is in plain words."""

from __future__ import annotations

import errno
import socket

from realtime.errors import ConfigurationError


def is_free(host: str, port: int) -> bool:
    """False when somebody listens there; raises ``ConfigurationError`` for an address that is not this machine's."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError:
        raise ConfigurationError(f"server.port: {port} is not for plain users", setting="server.port") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise ConfigurationError(f"server.host: {host} is no address of this machine", setting="server.host") from None
    return True


def taken(setting: str, host: str, port: int, whose: str) -> ConfigurationError:
    """The refusal of a port on which somebody listens: what that may be, and what to do."""
    return ConfigurationError(
        f"{setting}: somebody listens on {host} port {port} already, perhaps another {whose}: stop that, or choose "
        "another port with --port (0: any free one)",
        setting=setting,
    )
