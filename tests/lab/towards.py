"""mitmproxy addon: connect to one port of the loopback, whatever host is asked for.

So the client's request stays as it is, and no name is looked up. The port stands in ``LAB_PORT``.
"""

import os


def server_connect(data):
    """Send the connection to the next hop."""
    data.server.address = ("127.0.0.1", int(os.environ["LAB_PORT"]))
