"""Processes that the tests start, and end by their ids."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
Found = TypeVar("Found")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(look: Callable[[], Found | None], within: float, wanted: str, every: float = 0.05) -> Found:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within} s: {wanted}"
        time.sleep(every)
    return found


class Process:
    """A program in the background, with its output in a file."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.child = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def await_line(self, text: str, within: float) -> str:
        """The first line of its output that has `text`."""

        def look() -> str | None:
            assert self.child.poll() is None, f"it ended by itself:\n{self.output()[-4000:]}"
            return next((line for line in self.output().splitlines() if text in line), None)

        return eventually(look, within, f"{text!r} in {self.log}")

    def await_port(self, port: int, within: float) -> None:
        """Until it takes connections there."""

        def look() -> bool:
            assert self.child.poll() is None, f"it ended by itself:\n{self.output()[-4000:]}"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(look, within, f"port {port} of {self.log}")

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Politely, then not; with whatever it has started itself."""
        started = descendants(self.child.pid)
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        for pid in started:
            kill(pid)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def descendants(pid: int) -> list[int]:
    """The children of a process, theirs, and so on."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [pid]
    for known in found:
        found.extend(child for child, parent in parents.items() if parent == known)
    return found[1:]


def variable(pid: int, name: str) -> str | None:
    """What a process's environment was at its start."""
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    prefix = f"{name}=".encode()
    return next((pair[len(prefix) :].decode() for pair in pairs if pair.startswith(prefix)), None)


def listening_addresses(pids: list[int]) -> set[str]:
    """The local addresses at which these processes take TCP connections, in the kernel's hexadecimal form."""
    inodes = set()
    for pid in pids:
        try:
            targets = [os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        inodes.update(target[8:-1] for target in targets if target.startswith("socket:["))
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:
                addresses.add(columns[1].partition(":")[0])
    return addresses
