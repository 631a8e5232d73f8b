"""A proxy that cuts connections off: after so many bytes of an answer, wherever that falls.

    with CuttingProxy(server.port, seed=7) as proxy:
        ... f"http://127.0.0.1:{proxy.port}/stream_events" ...
        print(proxy.cuts)

Half of the cuts are resets (the client may lose what it has not read yet), the others are orderly
ends, which look like a stream's own. Where they fall is drawn from the seed, in the order of the
connections: one in ten within the head of the answer, three in ten at the end of a line or a few
bytes behind it, where readers of lines differ, and the others anywhere.

Threads: runs in one of its own. Forwards plain TCP between loopback ports.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading

HEAD_BYTES = 250  # about what the head of a stream's answer has
BEHIND_LINE_BYTES = 12  # "id: 12345", a newline, and what ends the event
CHUNK_BYTES = 4096
JOIN_SECONDS = 10


class _Cut:
    """Where an answer is cut: `left` bytes on; with `behind` that many bytes behind the next end of
    a line from there."""

    def __init__(self, left: int, behind: int | None, reset: bool):
        self.reset = reset
        self._left = left
        self._behind = behind

    def done(self) -> bool:
        return self._left == 0 and self._behind is None

    def taken(self, chunk: bytes) -> bytes:
        """What of the next piece still gets through."""
        through, rest = chunk[: self._left], chunk[self._left :]
        self._left -= len(through)
        if self._behind is not None and (line_end := rest.find(b"\n")) >= 0:
            self._left, self._behind = line_end + 1 + self._behind, None
            return through + self.taken(rest)
        return through if self._behind is None else chunk


class CuttingProxy:
    """`port`, and the number of `cuts` so far. `least` and `most`: bytes of an answer before it is
    cut, drawn so that each power of two is as likely as another."""

    def __init__(self, target_port: int, *, seed: int, least: int = 400, most: int = 100_000):
        self.port = 0
        self.cuts = 0
        self._target_port = target_port
        self._random = random.Random(seed)
        self._range = (least, most)
        self._open: set[asyncio.WriteTransport] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "CuttingProxy":
        self._thread.start()
        if not self._ready.wait(JOIN_SECONDS) or self.port == 0:
            raise RuntimeError("the proxy does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(JOIN_SECONDS)

    # ---- its own thread ----

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        try:
            server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
        finally:
            self._ready.set()
        await self._stop.wait()
        server.close()
        for transport in list(self._open):
            transport.abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.gather(*tasks, return_exceptions=True)

    def _draw(self) -> "_Cut":
        draw = self._random
        least, most = self._range
        place, reset = draw.random(), draw.random() < 0.5
        if place < 0.1:
            return _Cut(draw.randrange(1, HEAD_BYTES), None, reset)
        behind = draw.randint(0, BEHIND_LINE_BYTES) if place < 0.4 else None
        return _Cut(int(least * (most / least) ** draw.random()), behind, reset)

    async def _connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        cut = self._draw()
        with contextlib.ExitStack() as ends:
            self._hold(writer.transport, ends)
            try:
                from_server, to_server = await asyncio.open_connection(
                    "127.0.0.1", self._target_port
                )
            except OSError:
                return
            self._hold(to_server.transport, ends)
            forward = asyncio.ensure_future(self._forward(reader, to_server))
            ends.callback(forward.cancel)
            with contextlib.suppress(OSError):
                await self._answer(from_server, writer, cut)

    def _hold(self, transport: asyncio.WriteTransport, ends: contextlib.ExitStack) -> None:
        self._open.add(transport)
        ends.callback(self._open.discard, transport)
        ends.callback(transport.abort)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: _Cut
    ) -> None:
        while not cut.done() and (chunk := await reader.read(CHUNK_BYTES)):
            writer.write(cut.taken(chunk))
            await writer.drain()
        if cut.done():
            self.cuts += 1
            if cut.reset:
                # Closing with a linger time of 0 is what sends a reset.
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                return
        writer.close()
        await writer.wait_closed()
