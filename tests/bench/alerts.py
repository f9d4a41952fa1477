"""What many alerts cost that fire: tierwatch beside Debian's Prometheus, the same rules and samples to both.

usage: ./dev bench alerts [--alerts 10000] [--interval 5] [--rounds 12]

As many rules as alerts, in groups of 100: each looks at one series, which has another value each round (remote write),
waits for one interval and tells the value in an annotation. One server at a time:

  quiet      all alerts fire, none changes
  changing   each round another 1 % of the series cross the threshold, to either side
  restart    all alerts fire; kill -9; the time from the new process's start until /api/v1/alerts has all of them firing

CPU per round is that of the process less what it uses without rules. Written: all bytes that the process gave to
write(2) less those without rules, so state.db and its WAL; Prometheus keeps alerts as samples in its own WAL.
"""
import argparse
import http.client
import random
import re
import struct
import threading
import time
import urllib.request

from remote_write import field, literal, record, send, varint
from servers import Folder, Prometheus, Tierwatch, values

NO_RULES = "groups: []\n"


def rules_text(count, interval):
    lines = ["groups:"]
    for i in range(count):
        if i % 100 == 0:
            lines += [f"- name: g{i // 100}", f"  interval: {interval}s", "  rules:"]
        lines += [f"  - alert: A{i}", f"    expr: 'level{{tank=\"t{i}\"}} > 10'", f"    for: {interval}s",
                  "    labels: {severity: page}", "    annotations: {summary: '{{ $labels.tank }} is at {{ $value }}'}"]
    return "\n".join(lines) + "\n"


class Feed:
    """Writes a sample of each series to the server each interval: 11 to 12 where it is high, 1 to 2 where not."""

    def __init__(self, port, options):
        names = [{"__name__": "level", "site": "north", "tank": f"t{i}"} for i in range(options.alerts)]
        self.labels = [b"".join(field(1, field(1, n.encode()) + field(2, v.encode())) for n, v in one.items()) for one in names]
        self.high, self.change, self.round = [True] * options.alerts, 0, 0
        self.port, self.options, self.ended = port, options, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        due = time.time()
        while not self.ended.is_set():
            for i in random.sample(range(len(self.high)), self.change):
                self.high[i] = not self.high[i]
            self.round += 1
            send(self.port, self.bodies(int(time.time() * 1000)))
            due += self.options.interval
            self.ended.wait(max(0, due - time.time()))

    def bodies(self, now):
        for begin in range(0, len(self.labels), 2000):
            records = []
            for i in range(begin, min(begin + 2000, len(self.labels))):
                value = (11 if self.high[i] else 1) + (self.round * 7 + i) % 100 / 100
                records.append(record(self.labels[i], field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(now))))
            yield varint(sum(map(len, records))) + b"".join(map(literal, records))

    def stop(self):
        self.ended.set()
        self.thread.join()


class Server:
    """A tierwatch or Prometheus that is fed, with rules that can be changed."""

    def __init__(self, name, options):
        self.name, self.options, self.folder = name, options, Folder()
        rules = f"rule_files: ['{self.folder.file('rules.yml', NO_RULES)}']"
        if name == "Prometheus":
            self.process = Prometheus(self.folder, rules)
        else:
            self.process = Tierwatch("tierwatch", self.folder, f"{rules}\nstorage: {{path: '{self.folder.path}/state'}}",
                                     web="remote_write: {enabled: true}")
        self.feed = Feed(self.process.port, options)

    def replace_rules(self, text):
        self.folder.file("rules.yml", text)
        request = urllib.request.Request(self.process.url + "/-/reload", method="POST")
        urllib.request.urlopen(request, timeout=120).close()

    def metric(self, name):
        """The sum of the metric's series."""
        with urllib.request.urlopen(self.process.url + "/metrics", timeout=60) as page:
            return sum(values(page.read().decode(), name))

    def firing(self):
        try:
            with urllib.request.urlopen(self.process.url + "/api/v1/alerts", timeout=60) as reply:
                return len(re.findall(rb'"state":\s*"firing"', reply.read()))
        except (OSError, http.client.HTTPException):
            return 0

    def wait_until_all_fire(self, look_each=0.5):
        while self.firing() < self.options.alerts:
            if self.process.child.poll() is not None:
                raise SystemExit(f"{self.name} ended: see {self.process.log}")
            time.sleep(look_each)

    def written(self):
        with open(f"/proc/{self.process.child.pid}/io", encoding="ascii") as io:
            return int(re.search(r"^wchar: (\d+)", io.read(), re.M)[1])

    def use(self):
        """CPU seconds, bytes written and rounds by now; a Prometheus may miss rounds."""
        rounds = time.monotonic() / self.options.interval
        if self.name == "Prometheus":
            rounds = self.metric("prometheus_rule_evaluations_total") / self.options.alerts
        return self.process.cpu(), self.written(), rounds

    def measure(self):
        """What --rounds rounds use, and how many seconds they took."""
        before, begin = self.use(), time.monotonic()
        time.sleep(self.options.rounds * self.options.interval)
        return [b - a for a, b in zip(before, self.use())], time.monotonic() - begin


def judge(name, options):
    server = Server(name, options)
    time.sleep(2 * options.interval)
    idle, idle_seconds = server.measure()
    rows = {}

    def phase(title):
        used, seconds = server.measure()
        cpu, written = [(u - i * seconds / idle_seconds) / used[2] for u, i in zip(used[:2], idle)]
        rows[f"CPU ms per round, {title}"] = cpu * 1e3
        rows[f"KiB written per round, {title}"] = written / 1024

    server.replace_rules(rules_text(options.alerts, options.interval))
    server.wait_until_all_fire()
    time.sleep(2 * options.interval)
    phase("quiet")
    rows["RSS MiB"] = server.process.rss_mib()
    server.feed.change = options.alerts // 100
    time.sleep(2 * options.interval)
    phase("changing")
    server.feed.change, server.feed.high = 0, [True] * options.alerts
    server.wait_until_all_fire()
    server.feed.stop()
    server.process.child.kill()
    server.process.child.wait()
    begin = time.monotonic()
    server.process.start()
    server.wait_until_all_fire(0.02)
    rows["s from the start after kill -9 until all fire"] = time.monotonic() - begin
    server.process.stop()
    return rows


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench alerts", description=__doc__.split("\n", 1)[0])
    for name, value in (("alerts", 10_000), ("interval", 5), ("rounds", 12)):
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args(arguments)
    theirs, ours = judge("Prometheus", options), judge("tierwatch", options)
    print(f"{options.alerts:,} rules with an alert each that fires, a round each {options.interval} s\n")
    print("| | Prometheus 2.42 | tierwatch | ratio |\n|---|---|---|---|")
    for row, ours_is in ours.items():
        print(f"| {row} | {theirs[row]:,.3g} | {ours_is:,.3g} | {ours_is / theirs[row]:.3f} |")
