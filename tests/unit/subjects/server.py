"""A real OpenAI-compatible server on this machine, with a model behind it and moods in front of it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server:
    """``answer(kind, request) -> text``; ``moods`` are played one per POST before it behaves. A ``modern`` one takes the limit
    on new tokens by its newer name alone."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], str]) -> None:
        self.answer = answer
        self.moods: list[str] = []
        self.modern = False
        self.models: list[dict[str, Any]] | None = [{"id": "acme/chat", "created": 7, "owned_by": "acme"}]
        self.seen: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.delay = 0.0
        self.address = ""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(_Handler):
        behind = server

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, args=(0.02,))
    thread.start()
    server.address = f"http://127.0.0.1:{served.server_port}/v1"
    try:
        yield server
    finally:
        served.shutdown()
        thread.join()
        served.server_close()


class _Handler(BaseHTTPRequestHandler):
    behind: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.behind
        server.paths[self.path] += 1
        server.keys.append(self.headers.get("Authorization"))
        if server.models is None:
            self._send(404, {"error": "no such page"})
        else:
            self._send(200, {"object": "list", "data": server.models})

    def do_POST(self) -> None:
        server = self.behind
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.paths[self.path] += 1
            server.keys.append(self.headers.get("Authorization"))
            server.seen.append(body)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            mood = server.moods.pop(0) if server.moods else "well"
            if server.modern and "max_tokens" in body:
                mood = "modern"
        time.sleep(server.delay)
        with server.lock:  # before the answer goes out: the next request may come in at once
            server.at_once -= 1
        getattr(self, f"_{mood}")(body)

    def _well(self, body: dict[str, Any]) -> None:
        if self.path == "/v1/chat/completions":
            text = self.behind.answer("chat", body)
            self._send(200, {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})
        elif self.path == "/v1/completions":
            self._send(200, {"choices": [{"text": self.behind.answer("plain", body), "finish_reason": "length"}]})
        else:
            self._send(404, {"error": {"message": "no such page"}})

    def _busy(self, body: dict[str, Any]) -> None:
        self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": "3"})

    def _broken(self, body: dict[str, Any]) -> None:
        self._send(500, {"error": "oh"})

    def _garbage(self, body: dict[str, Any]) -> None:
        self._raw(b"<html>gateway</html>")

    def _empty(self, body: dict[str, Any]) -> None:
        self._send(200, {"choices": []})

    def _number(self, body: dict[str, Any]) -> None:
        self._send(200, {"choices": [{"message": {"content": 7}}]})

    def _torn(self, body: dict[str, Any]) -> None:
        self._raw(b'{"choices": [{"message"', promised=4000)

    def _dead(self, body: dict[str, Any]) -> None:
        self.close_connection = True
        self.connection.close()

    def _slow(self, body: dict[str, Any]) -> None:
        time.sleep(0.6)
        self._well(body)

    def _away(self, body: dict[str, Any]) -> None:
        self._send(302, {}, {"Location": "http://elsewhere.example/v1"})

    def _locked(self, body: dict[str, Any]) -> None:
        self._send(401, {"error": {"message": f"wrong key {self.headers.get('Authorization')}\x1b[31m\n::error::x"}})

    def _filtered(self, body: dict[str, Any]) -> None:
        self._send(400, {"error": {"message": "flagged", "code": "content_filter"}})

    def _modern(self, body: dict[str, Any]) -> None:
        self._send(400, {"error": {"message": "Unsupported parameter: use 'max_completion_tokens' instead."}})

    def _refusing(self, body: dict[str, Any]) -> None:
        self._send(200, {"choices": [{"message": {"content": None, "refusal": "I will not."}}]})

    def _parts(self, body: dict[str, Any]) -> None:
        self._send(200, {"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}]})

    def _send(self, code: int, reply: Any, headers: dict[str, str] | None = None) -> None:
        self._raw(json.dumps(reply).encode(), code, headers)

    def _raw(self, body: bytes, code: int = 200, headers: dict[str, str] | None = None, promised: int | None = None) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        self.wfile.write(body)
        if promised is not None:
            self.close_connection = True

    def log_message(self, *words: Any) -> None:
        pass
