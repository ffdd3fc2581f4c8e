"""Where a server is, and whether that is this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from anatomy_r1.errors import AnatomyR1Error


@dataclass(frozen=True, slots=True)
class Address:
    """A server's base URL in parts."""

    base: str
    """Scheme, host, port and path: all of it that is ever stored or shown."""
    host: str
    """Host and, where stated, port."""
    query: tuple[tuple[str, str], ...]
    """Sent with every request, never stored: it may hold a secret."""
    loopback: bool
    """Whether what is sent stays on this machine."""


def read_address(url: str) -> Address:
    """Take a base URL apart.

    Raises:
        AnatomyR1Error: when it is no HTTP address, or holds a password. The message shows neither password nor query.
    """
    try:
        parts = urlsplit(url.strip())
        port, name = parts.port, parts.hostname or ""
    except ValueError as error:
        raise AnatomyR1Error(f"--base-url: not an address ({error}). Cure: such as http://127.0.0.1:8000/v1") from None
    if parts.scheme not in ("http", "https") or not name:
        raise AnatomyR1Error("--base-url: not an address with http or https. Cure: such as http://127.0.0.1:8000/v1")
    host = (f"[{name}]" if ":" in name else name) + (f":{port}" if port else "")
    if parts.username or parts.password:
        raise AnatomyR1Error(
            f"--base-url: the address of {host} holds a name or password, which a list of processes would show. "
            "Cure: leave it out and put the key into the environment variable ANATOMY_R1_API_KEY"
        )
    base = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
    return Address(base, host, tuple(parse_qsl(parts.query, keep_blank_values=True)), _is_loopback(name))


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:  # a name: who knows where it leads
        return False
