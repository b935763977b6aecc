"""llama.cpp's own HTTP server on loopback, set up as llama.vim's help recommends it.

Usage: python llama_server.py MODEL.gguf THREADS
Prints its base URL (without /v1) on one line when it is ready, and exits when its standard input ends.
"""

import os
import sys

import xllamacpp


def main() -> None:
    """Serve the model named on the command line until standard input ends."""
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    # `llama-server -m MODEL -fa --ubatch-size 512 --batch-size 1024 --ctx-size 0 --cache-reuse 256`; flash attention is
    # automatic by now, the defragmentation of `-dt` is gone, and four slots in one cache are the program's default.
    params.n_ubatch = 512
    params.n_batch = 1024
    params.n_ctx = 0
    params.n_cache_reuse = 256
    params.n_parallel = 4
    params.kv_unified = True
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[2])
    params.endpoint_metrics = True
    params.verbosity = 1
    params.ui = False
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    # The server's threads do not end with the interpreter.
    os._exit(0)


if __name__ == "__main__":
    main()
