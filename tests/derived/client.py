# SPDX-License-Identifier: Apache-2.0
"""HTTP as the tests need it: connections that stay open, paths and headers sent exactly as given."""
import http.client
import json
import socket


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None

    @property
    def text(self):
        return self.body.decode(errors="replace")


class Client:
    """One connection. A request that the peer cut off is an Answer of status 0."""

    def __init__(self, listen, timeout=60):
        self.host, self.port = listen.rsplit(":", 1)
        self.timeout = timeout
        self.connection = None
        self.sent = 0

    def send(self, method, path, token=None, body=None, headers=(), media="application/json"):
        """'body': bytes as they are, else JSON; 'headers': pairs, sent as often as they are given."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        lines = [("Accept", "application/json")] + ([("X-Auth-Token", token)] if token else [])
        if data is not None:
            lines += [("Content-Length", str(len(data)))] + ([("Content-Type", media)] if media else [])
        self.sent += 1
        for again in (True, False):
            fresh = self.connection is None
            try:
                return self._exchange(method, path, lines + list(headers), data)
            except (http.client.HTTPException, OSError) as error:
                self.close()
                if fresh or not again:
                    return Answer(0, {}, repr(error).encode())
        return None

    def _exchange(self, method, path, lines, data):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, int(self.port), timeout=self.timeout)
            self.connection.connect()
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # putrequest refuses what a hostile client would send
        self.connection._validate_path = self.connection._validate_method = lambda text: None
        self.connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in lines:
            self.connection._buffer.append(name.encode() + b": " + value.encode("utf-8", "surrogateescape"))
        cut = None
        try:
            self.connection.endheaders(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            cut = error             # refused before all was read: the answer is there all the same
        answer = self.connection.getresponse()
        body = answer.read()
        if cut or answer.will_close:
            self.close()
        return Answer(answer.status, answer.headers, body)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None
