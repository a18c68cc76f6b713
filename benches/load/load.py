"""The program `authlink` under load by wrk: at several numbers of connections, and with stores of several sizes.
Writes its figures into `benches/results.json`, unless it is given other seconds and another largest store to try it."""

import atexit
import hashlib
import json
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
SECONDS, LARGEST = (int(argument) for argument in sys.argv[1:3] or (10, 1_000_000))
# Connections, and milliseconds that each waits between two requests; the first level warms up.
LEVELS = [("256 connections, first", 256, 0), ("1 connection", 1, 0), ("8 connections", 8, 0),
          ("64 connections", 64, 0), ("256 connections", 256, 0), ("about 1,000 a second, 64 connections", 64, 63)]
SIZES = [size for size in (1_000, 100_000, 1_000_000) if size <= LARGEST]
BODY = ('{"merchantId":"demo-shop","businessId":"demo","serialNo":"SERIAL","userId":"user-0123456789abcdef",'
        '"callbackUrl":"https://merchant.example.com/alipay/openid"}')


class Host:
    """The program, with a folder of its own."""

    def __init__(self, folder):
        self.database = folder / "authlink.db"
        ports = ["--port", "0", "--emulator-port", "0", "--merchant-port", "0"]
        self.process = subprocess.Popen(
            [ROOT / "target/release/authlink", "--folder", folder, *ports],
            env={}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        # One that has ended already is left alone.
        atexit.register(self.process.kill)
        origins = (line.split()[1] for line in self.process.stdout if line.startswith("  authlink "))
        self.url = next(origins, None) or sys.exit(f"the host does not start in {folder}")
        self.key = (folder / "parties/merchant-md5-key.txt").read_text()

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def recorded(self):
        with sqlite3.connect(self.database) as database:
            return database.execute("SELECT count(*) FROM authorizations").fetchone()[0]

    def proc(self, path):
        return pathlib.Path(f"/proc/{self.process.pid}/{path}")

    def cpu_nanos(self):
        return sum(int((task / "schedstat").read_text().split()[0]) for task in self.proc("task").iterdir())

    def resident_bytes(self):
        return int(self.proc("statm").read_text().split()[1]) * 4096

    def load(self, series, connections, wait_millis, seconds):
        """Lets wrk send requests that are signed beforehand, with MD5, whose nonces begin with `series`."""
        now, requests = int(time.time() * 1000), self.database.with_suffix(".requests")
        with requests.open("w") as lines:
            for index in range(seconds * (6_000 if connections == 1 else 25_000)):
                nonce = f"{series}-{index:07}"
                text = f"businessId=demo&nonce={nonce}&signType=MD5&timestamp={now}{BODY.replace('SERIAL', nonce)}"
                lines.write(f"{nonce} {now} {hashlib.md5((text + self.key).encode()).hexdigest().upper()}\n")
        cpu = self.cpu_nanos()
        wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", ROOT / "benches/load/requests.lua", self.url]
        output = subprocess.check_output([*wrk, "--", requests, BODY, str(wait_millis)], text=True)
        figures = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
        figures["perSecond"] = figures["requests"] / figures["seconds"]
        return figures | {"cpuMicros": (self.cpu_nanos() - cpu) / 1e3 / figures["requests"]}


def levels(folder):
    host, first = Host(folder / "load"), None
    for place, (name, connections, wait_millis) in enumerate(LEVELS):
        before = host.recorded()
        figures = host.load(f"level-{place}", connections, wait_millis, SECONDS)
        recorded, resident = host.recorded() - before, host.resident_bytes()
        first = first or resident
        lost = figures["errors"] + max(0, figures["requests"] - recorded)
        memory = {"residentBytes": resident, "grownBytes": max(0, resident - first)}
        yield {"name": name, "recorded": recorded, "lost": lost} | memory | figures
    host.stop()


def growth(folder):
    """One connection at every size of the store, in turns."""
    hosts = []
    for size in SIZES:
        host = Host(folder / str(size))
        host.load("fill", 1, 0, 1)
        host.stop()
        with sqlite3.connect(host.database) as database:
            database.execute("CREATE TEMP TABLE one AS SELECT * FROM authorizations LIMIT 1")
            database.execute("DELETE FROM authorizations")
            for _ in range(size):
                database.execute("UPDATE one SET id = lower(hex(randomblob(16))), retain_until = retain_until + 1, "
                                 "state_digest = lower(hex(randomblob(32)))")
                database.execute("INSERT INTO authorizations SELECT * FROM one")
        hosts.append(Host(folder / str(size)))
    rounds = [[host.load(f"round-{turn}", 1, 0, 2) for host in hosts] for turn in range(10)][1:]
    for size, host, runs in zip(SIZES, hosts, zip(*rounds)):
        host.stop()
        own, base = ([turn[place]["cpuMicros"] for turn in rounds] for place in (SIZES.index(size), 0))
        ratio = min(statistics.median(a / b for a, b in zip(own, base)), min(own) / min(base))
        medians = {name: statistics.median(run[name] for run in runs) for name in ("cpuMicros", "p50Millis", "p99Millis")}
        yield {"name": str(size), "cpuToSmallest": ratio} | medians


with tempfile.TemporaryDirectory(dir=ROOT / "target") as place:
    measured = {"load": list(levels(pathlib.Path(place))), "growth": list(growth(pathlib.Path(place)))}
print(json.dumps(measured, indent=1))
if len(sys.argv) == 1:
    file = ROOT / "benches/results.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | measured))
