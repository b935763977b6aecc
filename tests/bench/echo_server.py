"""Answers every frame on a Unix socket with one small frame, and ends with its first client.

Usage: python echo_server.py SOCKET
Prints a line when it listens.
"""

import asyncio
import sys

from turnout.worker import wire

ANSWER = wire.encode({"t": "chunk", "id": 1, "text": "_from_fake"})


async def main() -> None:
    """Serve one client."""
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = wire.HEADER.unpack(await reader.readexactly(wire.HEADER.size))
                await reader.readexactly(length)
                writer.write(ANSWER)
        except asyncio.IncompleteReadError:
            writer.close()
            over.set()

    server = await asyncio.start_unix_server(answer, sys.argv[1])
    print("ready", flush=True)
    await over.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
