"""many.py: a great many sessions, made over one connection.

Requests are written some at a time before their answers are read (HTTP's own
pipelining), so that a million takes seconds; bounded by the count asked for.
"""

import json
import socket

AT_ONCE = 64
ID = "session-{:024d}"  # 32 characters
LUA_ID = "session-%024d"


def session_id(number):
    return ID.format(number)


def request(number):
    body = json.dumps({"id": session_id(number), "ttl": "0"}).encode()
    return (
        b"POST /sessions HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: "
        + str(len(body)).encode()
        + b"\r\n\r\n"
        + body
    )


class Answers:
    """Counts the answers of a connection, each of which must be a 201."""

    def __init__(self, connection):
        self.connection, self.bytes = connection, b""

    def line_end(self, mark):
        while (at := self.bytes.find(mark)) < 0:
            more = self.connection.recv(1 << 16)
            if not more:
                raise RuntimeError("the server closed the connection")
            self.bytes += more
        return at + len(mark)

    def take(self):
        end = self.line_end(b"\r\n\r\n")
        head = self.bytes[:end].lower()
        if b" 201 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"no session was made: {self.bytes[:400]!r}")
        at = head.index(b"content-length:") + len(b"content-length:")
        end += int(head[at : head.index(b"\r\n", at)])
        while len(self.bytes) < end:
            self.bytes += self.connection.recv(1 << 16)
        self.bytes = self.bytes[end:]


def make_sessions(port, begin, end):
    """Sessions begin .. end - 1 of the first model."""
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        answers = Answers(connection)
        for at in range(begin, end, AT_ONCE):
            numbers = range(at, min(at + AT_ONCE, end))
            connection.sendall(b"".join(map(request, numbers)))
            for _ in numbers:
                answers.take()
