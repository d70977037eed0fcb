"""redis_server.py: a Redis for the sessions of a daemon."""

import shutil
import socket
import subprocess
import time

import servers


class Redis:
    """Not measured itself: what sessions are kept in."""

    def __init__(self, folder):
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError("redis-server is not installed")
        self.port = servers.free_port()
        self.process = subprocess.Popen(
            [
                program,
                *("--port", str(self.port), "--bind", "127.0.0.1"),
                *("--dir", folder, "--save", ""),
                *("--appendonly", "yes", "--appendfsync", "everysec"),
            ],
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + 10
        while not self.answers():
            if time.monotonic() > end:
                self.stop()
                raise RuntimeError("redis-server does not answer")
            time.sleep(0.05)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as link:
                link.sendall(b"PING\r\n")
                return link.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait()
