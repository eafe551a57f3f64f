"""How many connections does an agent hold open, as counted by the kernel? These count for its limit of 200 for each client."""

import socket
import struct

ESTABLISHED, CLOSE_WAIT = "01", "08"     # CLOSE_WAIT: the client closed the connection, the agent still waits


def held(address, port):
    """Connections at the listener's side, even if the client has closed them."""
    local = f"{struct.unpack('<I', socket.inet_aton(address))[0]:08X}:{port:04X}"
    with open("/proc/net/tcp") as file:
        return sum(1 for line in file if (words := line.split())[1] == local and words[3] in (ESTABLISHED, CLOSE_WAIT))
