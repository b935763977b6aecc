"""Runs the LiteLLM proxy on loopback: the gateway that many teams have, from an environment of its own.

Usage: python litellm_server.py LITELLM CONFIG
Prints its base URL (without /v1) on one line when it is ready, and exits when its standard input ends.
"""

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    """Serve until standard input ends."""
    program, config = sys.argv[1:]
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        # Otherwise it fetches its list of prices from the network.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
    }
    command = [program, "--config", config, "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(
        command,
        env=environment,
        cwd=Path(config).parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as proxy:
        try:
            while proxy.poll() is None and not alive(port):
                time.sleep(0.2)
            print(f"http://127.0.0.1:{port}", flush=True)
            sys.stdin.read()
        finally:
            proxy.terminate()


def alive(port: int) -> bool:
    """Whether the proxy answers."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/health/liveliness")
        return connection.getresponse().status == 200
    except OSError:
        return False


if __name__ == "__main__":
    main()
