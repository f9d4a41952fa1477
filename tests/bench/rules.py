"""What judging costs: tierwatch's store and rules beside Debian's Prometheus, on the same samples and rules.

usage: ./dev bench rules [--quick] [--series 100000] [--targets 100] [--rules 1000] [--broad 100] [--large 1000000]

Both sides see the same synthetic targets (workload.h), both evaluate the same rule file: four shapes in equal parts
(gauge threshold, rate threshold, 95th percentile of a histogram by tier, hit ratio), each rule on one instance
("narrow") or on all ("broad"). About one element in a hundred fires. Time is compressed: a sample each --scrape seconds
stands for one each 15 s (values move accordingly), the window holds 20 samples as 5m do.

CPU per round is what evaluating every rule once costs. Prometheus: CPU of the process while the rules run less that of
as long a time without rules. tierwatch: CPU of the thread that evaluates, rules in their slots between samplings, in
real time; "replay": the same on a clock of its own, a round after every sampling of all targets.
RSS: both processes when their series have equally many samples. Bytes per sample: Prometheus's chunks of at least
120 samples a series; tierwatch's whole store after 2 h at 15 s, less what it holds after one sample.
"""
import argparse
import glob
import json
import os
import re
import time
import urllib.request

from servers import Folder, Process, free_port, run, wait_for

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build/release/tests/bench_rules")


def rules_text(count, scope, instances, window, interval, speed):
    """`count` alerting rules in groups of 100; every expression is another one."""
    lines = ["groups:"]
    for i in range(count):
        if i % 100 == 0:
            lines += [f"- name: g{i // 100}", f"  interval: {interval}s", "  rules:"]
        narrow = scope == "narrow"
        s = f'{{instance="i{i // 4 % instances:05d}"}}' if narrow else ""
        y = 1 + (i // 4 // instances if narrow else i // 4) * 1e-6
        w = f"{s}[{window}s]"
        expr = [f"error_rate{s} > {0.01 * y:.9f}",
                f"rate(x_total{w}) > {20 * speed * y:.6f}",
                f"histogram_quantile(0.95, sum by (le, tier) (rate(b_bucket{w}))) > {0.5 * y:.7f}",
                f"sum by (instance) (rate(hits{w})) / (sum by (instance) (rate(hits{w})) + "
                f"sum by (instance) (rate(misses{w}))) < {0.6 * y:.7f}"][i % 4]
        lines += [f"  - alert: A{i}", f"    expr: '{expr}'", "    for: 30s", "    labels: {severity: page}"]
    return "\n".join(lines) + "\n"


class Sides:
    """What both sides are given, and how each is measured."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.window, self.speed = 20 * options.scrape, 15 / options.scrape
        self.instances = max(1, options.series // 68)
        self.program = os.path.join(folder.path, "bench_rules")
        run(["cp", PROGRAM, self.program])

    def rules(self, count, scope, replay=False, instances=None):
        window, interval, speed = (300, 15, 1) if replay else (self.window, self.options.interval, self.speed)
        name = f"{'replay-' if replay else ''}{scope}-{count}.yml"
        return self.folder.file(name, rules_text(count, scope, instances or self.instances, window, interval, speed))

    def tierwatch(self, command, **options):
        """Runs bench_rules to its end; gives what it said."""
        words = [self.program, command, *(f"{k}={v}" for k, v in options.items())]
        process = Process("tierwatch", words, self.folder)
        status = process.child.wait()
        with open(process.log, encoding="utf-8") as log:
            said = log.read()
        os.remove(process.log)
        if status:
            raise SystemExit(f"{' '.join(words)} failed:\n{said[-2000:]}")
        return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", said, re.M)}

    def judge(self, count, scope, samples):
        options = self.options
        got = self.tierwatch("judge", rules=self.rules(count, scope), series=options.series, targets=options.targets,
                             speed=self.speed, scrape_ms=int(options.scrape * 1000), samples=samples,
                             interval_ms=int(options.interval * 1000), rounds=options.rounds)
        return got, row("tierwatch", options.series, count, scope, "in its slots", got)

    def replay(self, count, scope, series, samples, rounds, changes=0):
        got = self.tierwatch("replay", rules=self.rules(count, scope, True, max(1, series // 68)), series=series,
                             targets=self.options.targets, samples=samples, rounds=rounds, changes=changes)
        return got, row("tierwatch", series, count, scope, f"replay, {samples} samples a series", got)


def row(side, series, rules, scope, how, got):
    return {"side": side, "series": f"{series:,}", "rules": f"{rules:,}", "scope": scope, "how": how,
            "CPU ms per round": got["cpu_s_round"] * 1e3, "µs per rule": got["cpu_s_round"] / rules * 1e6,
            "RSS MiB": got["rss_mib"], "alerts": got["alerts"]}


class Prometheus:
    """Debian's Prometheus, which scrapes the workload."""

    def __init__(self, sides):
        self.sides, options = sides, sides.options
        target = free_port()
        self.workload = Process("workload", [sides.program, "serve", f"port={target}", f"series={options.series}",
                                             f"targets={options.targets}", f"speed={sides.speed}"], sides.folder)
        wait_for(f"http://127.0.0.1:{target}/metrics", self.workload)
        self.rule_file = sides.folder.file("rules.yml", "groups: []\n")
        names = ", ".join(f"t{i:03d}" for i in range(options.targets))
        config = sides.folder.file("prometheus.yml", f"""
global: {{scrape_interval: {options.scrape}s, scrape_timeout: {options.scrape}s, evaluation_interval: {options.interval}s}}
rule_files: ['{self.rule_file}']
scrape_configs:
- job_name: bench
  honor_labels: true
  static_configs: [{{targets: [{names}]}}]
  relabel_configs:
  - {{source_labels: [__address__], target_label: instance}}
  - {{source_labels: [__address__], target_label: __param_target}}
  - {{target_label: __address__, replacement: '127.0.0.1:{target}'}}
""")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = Process("prometheus", ["prometheus", "--config.file=" + config, "--storage.tsdb.path=data",
                                              f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle",
                                              "--web.enable-admin-api"], sides.folder)
        wait_for(self.url + "/metrics", self.process)
        self.idle = 0.0  # CPU seconds a second without rules

    def metrics(self):
        """Values of /metrics by name, summed over labels."""
        sums = {}
        with urllib.request.urlopen(self.url + "/metrics", timeout=60) as page:
            for name, value in re.findall(r"^(\w+)(?:\{.*\})? (\S+)$", page.read().decode(), re.M):
                sums[name] = sums.get(name, 0.0) + float(value)
        return sums

    def samples(self):
        """Samples that a series has by now."""
        got = self.metrics()
        return got.get("prometheus_tsdb_head_samples_appended_total", 0.0) / max(got["prometheus_tsdb_head_series"], 1)

    def wait_for_samples(self, count):
        while self.samples() < count:
            time.sleep(1)

    def measure_idle(self):
        cpu, begin = self.process.cpu(), time.monotonic()
        time.sleep(max(12, 2 * self.sides.options.interval))
        self.idle = (self.process.cpu() - cpu) / (time.monotonic() - begin)

    def alerts(self):
        with urllib.request.urlopen(self.url + "/api/v1/query?query=count(ALERTS)", timeout=60) as reply:
            count = re.search(r'"value":\[[^,]+,"(\d+)"\]', reply.read().decode())
        return float(count[1]) if count else 0.0

    def judge(self, count, scope):
        options = self.sides.options
        os.replace(self.sides.rules(count, scope), self.rule_file)
        urllib.request.urlopen(urllib.request.Request(self.url + "/-/reload", method="POST"), timeout=120).close()
        time.sleep(2 * options.interval)  # every group has begun
        evaluations = "prometheus_rule_evaluations_total"
        before, cpu, begin = self.metrics().get(evaluations, 0.0), self.process.cpu(), time.monotonic()
        rounds = 0.0
        while time.monotonic() - begin < options.rounds * options.interval or rounds < 1:
            time.sleep(0.5)
            rounds = (self.metrics()[evaluations] - before) / count
        used = self.process.cpu() - cpu - self.idle * (time.monotonic() - begin)
        got = {"cpu_s_round": used / rounds, "rss_mib": self.process.rss_mib(), "alerts": self.alerts(),
               "samples": round(self.samples())}
        return got, row("Prometheus", options.series, count, scope, "in its slots", got)

    def bytes_per_sample(self):
        """Of a snapshot's chunk files, which are the head's chunks as they are."""
        url = self.url + "/api/v1/admin/tsdb/snapshot"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=120) as reply:
            block = glob.glob(f"{self.sides.folder.path}/data/snapshots/{json.load(reply)['data']['name']}/0*")[0]
        with open(block + "/meta.json", encoding="utf-8") as meta:
            samples = json.load(meta)["stats"]["numSamples"]
        return sum(os.path.getsize(path) for path in glob.glob(block + "/chunks/*")) / samples


def text(value):
    return value if isinstance(value, str) else f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def table(rows):
    print("\n| " + " | ".join(rows[0]) + " |\n|" + "-|" * len(rows[0]))
    for line in rows:
        print("| " + " | ".join(text(x) for x in line.values()) + " |")


def summary(name, peer, ours, target):
    return {"": name, "Prometheus": peer, "tierwatch": ours, "ratio": f"1/{peer / max(ours, 1e-9):.3g}", "target": target}


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench rules")
    parser.add_argument("--quick", action="store_true", help="20,000 series, fewer rules; under three minutes")
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--rules", type=int, default=1000, help="narrow rules; ten times as many on the curve")
    parser.add_argument("--broad", type=int, default=100, help="Prometheus misses rounds at 100,000 series already")
    parser.add_argument("--large", type=int, default=1_000_000, help="series of the curve's end, tierwatch alone; 0: none")
    parser.add_argument("--scrape", type=int, default=3)
    parser.add_argument("--interval", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    if options.quick:
        options.series, options.broad, options.large = 20_000, 40, 0
        options.scrape, options.interval, options.rounds = 1, 2, 4
    sides = Sides(options, Folder())
    measured = compare(sides)
    curve(sides, measured)


def compare(sides):
    options = sides.options
    prometheus = Prometheus(sides)
    prometheus.wait_for_samples(21)
    prometheus.measure_idle()
    rows, lines = [], []
    for count, scope in [(options.broad, "broad"), (10 * options.rules, "narrow"), (options.rules, "narrow")]:
        if options.quick and count > options.rules:
            continue
        peer, peer_row = prometheus.judge(count, scope)
        ours, our_row = sides.judge(count, scope, peer["samples"])
        rows += [peer_row, our_row]
        lines.append(summary(f"CPU ms per round, {count:,} {scope} rules", peer["cpu_s_round"] * 1e3,
                             ours["cpu_s_round"] * 1e3, "≤ 1/50, goal 1/100"))
    lines.append(summary(f"RSS MiB, {options.rules:,} narrow rules, {peer['samples']} samples a series", peer["rss_mib"],
                         ours["rss_mib"], "≤ 1/4"))
    full, full_row = sides.replay(options.rules, "narrow", options.series, 480, options.rounds, options.rounds)
    rows.append(full_row)
    prometheus.wait_for_samples(120)
    on_disk = prometheus.bytes_per_sample()
    lines.append(summary("bytes per sample, packed", on_disk, full["packed_bytes_per_sample"], "≤ 0.8"))
    lines.append(summary("bytes per sample, 2 h with the rows that lie open", on_disk, full["bytes_per_sample"], ""))
    for name, words in [("target_added", "a target was added"), ("target_removed", "a target was removed"),
                        ("series_added", "a target has a new series")]:
        lines.append({"": f"first round after {words}, in rounds", "Prometheus": "-", "tierwatch": full[name],
                      "ratio": "-", "target": "≤ 2"})
    prometheus.process.stop()
    prometheus.workload.stop()
    print(f"{options.series:,} series of {options.targets} targets, a sample each {options.scrape} s, rules each "
          f"{options.interval} s\n")
    table(lines)
    return rows


def curve(sides, rows):
    options = sides.options
    if not options.quick:
        rows.append(sides.replay(10 * options.rules, "narrow", options.series, 40, 2)[1])
        rows.append(sides.replay(10 * options.broad, "broad", options.series, 40, 2)[1])
    if options.large:
        rows.append(sides.replay(options.rules, "narrow", options.large, 40, 2)[1])
        rows.append(sides.replay(options.broad, "broad", options.large, 40, 2)[1])
    table(rows)
