"""How many connections does an agent hold open, as the kernel counts them? Those count at its limit of 200 for each client."""

import socket
import struct

ESTABLISHED, CLOSE_WAIT = "01", "08"     # the second: the client has gone, the agent's wait has not


def held(address, port):
    """Connections at the listener's side, whether the client is still there or not."""
    local = f"{struct.unpack('<I', socket.inet_aton(address))[0]:08X}:{port:04X}"
    with open("/proc/net/tcp") as file:
        return sum(1 for line in file if (words := line.split())[1] == local and words[3] in (ESTABLISHED, CLOSE_WAIT))
