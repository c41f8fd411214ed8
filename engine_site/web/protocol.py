"""Connections: a request's head must come in time and stay small."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 15.0  # from the connection, or the first byte after an answer, to the end of the head
HEAD_BYTES = 65_536


class Connection(HttpToolsProtocol):
    """uvicorn's, which by itself waits for a head without end: connections that send half of one would pile up."""

    head_timer: asyncio.TimerHandle | None = None
    head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:  # a request is being answered
            self._head_is_there()
            return
        self.head_bytes += len(data)
        if self.head_bytes > HEAD_BYTES:
            self.close()
        elif self.head_timer is None:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self.head_timer = self.loop.call_later(HEAD_S, self.close)

    def _head_is_there(self) -> None:
        self.head_bytes = 0
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
