"""What the hub tells systemd, by sd_notify(3): one datagram to the socket that NOTIFY_SOCKET names."""

import logging
import os
import socket

log = logging.getLogger(__name__)


def notify(state: str) -> None:
    """Send `READY=1`, `WATCHDOG=1` or `STATUS=...`; without a service manager nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.connect(name)
            sock.send(state.encode())
    except OSError as error:
        log.warning("systemd was not told %s: %s", state, error)
