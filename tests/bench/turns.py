"""turns.py: rnnd and nginx by many short turns of the same requests at 16
connections, in another order each time, beside two programs that answer them
with rnnd's own bytes: what the kernel alone takes (bare_http.c), which no
server can take less than, and what libmicrohttpd alone takes (mhd_http.c).

Two measurements of a second do not tell apart what is close: their noise is
larger.  The ratios of many turns of a tenth, one after the other, do.
"""

import itertools
import os
import re
import socket
import subprocess

import gaps
import loads
import place
import samples
import servers

CONNECTIONS = 16
TURN_MS = 100
ROUNDS = {False: 40, True: 10}  # whether quick
LOADS = {
    "livez": loads.Load("/livez"),
    **{f"seed {mode}": loads.rnnd("seed", mode) for mode in loads.MODES},
}
# Programs of their own for each load.
LIMIT, GIVEN = "bare", "libmicrohttpd"
PROGRAMS = {LIMIT: "bare_http", GIVEN: "mhd_http"}
SERVERS = ("rnnd", "nginx", LIMIT, GIVEN)


def raw(load, number):
    """The bytes of a request, for the session of this number."""
    number = str(loads.FIRST_ID + number)
    first = str(loads.FIRST_ID)
    body = load.body or b""
    lines = [
        f"{'POST' if body else 'GET'} {load.path} HTTP/1.1",
        "Host: localhost",
        *(f"{name}: {value}" for name, value in load.headers.items()),
        *([f"Content-Length: {len(body)}"] if body else []),
    ]
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.replace(first, number).encode() + body.replace(
        first.encode(), number.encode()
    )


def answer(port, request):
    """The bytes of a server's answer."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        got = b""
        while True:
            got += connection.recv(1 << 16)
            head, end, body = got.partition(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            if end and len(body) >= int(length[1]):
                return got


def written(name, content):
    """The path of a file with this content."""
    folder = os.path.join(place.RESULTS, "turns")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name.replace(" ", "-"))
    with open(path, "wb") as file:
        file.write(content)
    return path


class Asker:
    """ask_http.c at one server with one load."""

    def __init__(self, options, server, load, requests):
        self.server, self.load = server, load
        count = max(LOADS[load].sessions, 1)
        self.process = subprocess.Popen(
            place.pinned(
                place.ASKER_CORE,
                os.path.join(options.build, "tests", "bench", "ask_http"),
                *(str(server.port), requests, str(count), str(CONNECTIONS)),
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn(self):
        """Figures as loads.run_wrk()'s."""
        before = self.server.cpu_ns()
        self.process.stdin.write(f"{TURN_MS}\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if not words:
            raise RuntimeError(f"{self.server.name}: no answer to {self.load}")
        spent = self.server.cpu_ns() - before
        count, ns, median, slow = map(int, words)
        return {
            "rate": round(count / ns * 1e9),
            "p50_us": median / 1e3,
            "p99_us": slow / 1e3,
            "cpu_us": round(spent / 1e3 / count, 3),
        }

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class Turns:
    """The servers that are asked: two that others have started, and the
    programs, one of each for every load, which sleep until they are asked."""

    def __init__(self, options, running):
        self.options, self.table, self.taken = options, {}, []
        self.known = {server.name: server for server in running}
        self.files, self.programs = {}, {}
        try:
            for load, request in LOADS.items():
                self.write(load, request)
                for name in PROGRAMS:
                    self.start(name, load)
        except BaseException:
            self.stop()
            raise

    def write(self, load, request):
        """The requests of a load and rnnd's answer to the first of them."""
        content = b"".join(
            raw(request, number) for number in range(max(request.sessions, 1))
        )
        said = answer(self.known["rnnd"].port, raw(request, 0))
        self.files[load] = (
            written(f"{load}.requests", content),
            written(f"{load}.answer", said),
        )

    def start(self, name, load):
        port = servers.free_port()
        folder = os.path.join(self.options.build, "tests", "bench")
        program = os.path.join(folder, PROGRAMS[name])
        self.programs[name, load] = servers.Server(
            name,
            [program, str(port), self.files[load][1]],
            port,
            servers.LIVEZ,
        )

    def ask_one(self, load, name):
        server = self.programs.get((name, load)) or self.known.get(name)
        return server and Asker(
            self.options, server, load, self.files[load][0]
        )

    def take(self, rounds):
        """So many rounds: each load at each server, and before each load a
        loop that does nothing."""
        askers = {load: [] for load in LOADS}
        try:
            for load, name in itertools.product(LOADS, SERVERS):
                asker = self.ask_one(load, name)
                askers[load] += [asker] if asker else []
            for number in range(rounds):
                for which, load in enumerate(LOADS):
                    self.taken.append(gaps.measure())
                    self.measure(askers[load], number, which)
        finally:
            for asker in itertools.chain(*askers.values()):
                asker.stop()

    def measure(self, askers, number, which):
        """A turn of each, in an order that changes."""
        order = samples.rotated(askers, number + which)
        for asker in reversed(order) if number % 2 else order:
            key = (asker.load, asker.server.name)
            samples.add(self.table, key, **asker.turn())

    def result(self):
        return {
            "turns": samples.as_rows(self.table, ("load", "server")),
            "gaps": self.taken,
        }

    def stop(self):
        for program in self.programs.values():
            program.stop()
