"""Runs llama.cpp's own HTTP server on loopback: a provider that nobody here wrote, in both wire formats.

Usage: python llama_server.py MODEL.gguf ['{"n_parallel": 4}']
The second argument are parameters of llama.cpp that are to differ from those here, as JSON.
Prints its base URL (without /v1) on one line when it is ready, and exits when its standard input ends.
"""

import json
import os
import sys

import xllamacpp


def main() -> None:
    """Serve the model named on the command line until standard input ends."""
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 16384  # half of it for each of the two slots
    params.n_parallel = 2
    params.n_gpu_layers = 0
    params.n_threads_http = 4
    params.warmup = False
    params.ui = False
    others = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = others.pop("n_threads", 2)
    for name, value in others.items():
        setattr(params, name, value)
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    # The server's threads do not end with the interpreter.
    os._exit(0)


if __name__ == "__main__":
    main()
