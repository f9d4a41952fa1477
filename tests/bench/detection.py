"""How long it takes from a Redis that is killed to the webhook: tierwatch beside Prometheus and Alertmanager.

usage: ./dev bench detection [--runs 20]

One Redis for each run. All are watched by all of the systems, which judge `up == 0` without `for` and without group_wait,
and are killed one after the other, at random moments. tierwatch samples and evaluates each 15 s, its default; redis_exporter,
Prometheus and Alertmanager work each 1 s in one set and each 15 s in the other. Also told: the CPU that each took meanwhile.
"""
import argparse
import http.server
import json
import random
import re
import threading
import time

from servers import Folder, Process, Tierwatch, free_port, quantile, wait_for


class Receiver:
    """Notes when it was first told of each Redis, by its port."""

    def __init__(self):
        self.told = {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                now = time.monotonic()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in body["alerts"]:
                    if alert["status"] == "firing":
                        port = int(re.search(r"\d+$", alert["labels"]["redis"]).group())
                        receiver.told.setdefault(port, now)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def start_redis(folder, number):
    port = free_port()
    redis = Process(f"redis-{number}", ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""], folder)
    redis.port = port
    return redis


def start_tierwatch(folder, ports, receiver):
    folder.file("rules.yml", "groups: [{name: g, rules: [{alert: Down, expr: tierwatch_redis_up == 0, "
                             "labels: {redis: '{{ $labels.target }}'}}]}]")
    targets = ", ".join(f'"redis://127.0.0.1:{p}"' for p in ports)
    return [Tierwatch("tierwatch", folder, f"""
global: {{sample_interval: 15s, evaluation_interval: 15s}}
storage: {{path: "{folder.path}/state"}}
collectors: {{redis: [{{service: cache, targets: [{targets}]}}]}}
rule_files: [rules.yml]
alerting:
  route: {{receiver: r, group_by: ['...'], group_wait: 0s, group_interval: 1s}}
  receivers: [{{name: r, webhook_configs: [{{url: "{receiver.url}"}}]}}]
""", "/-/ready")]


def start_prometheus(folder, ports, receiver, interval):
    exporter_port, alertmanager_port, prometheus_port = free_port(), free_port(), free_port()
    exporter = Process("redis_exporter" + interval, ["prometheus-redis-exporter", "-web.listen-address",
                                                     f"127.0.0.1:{exporter_port}", "-redis.addr", ""], folder)
    wait_for(f"http://127.0.0.1:{exporter_port}/metrics", exporter)
    alertmanager = Process("alertmanager" + interval, [
        "prometheus-alertmanager", "--cluster.listen-address=", f"--storage.path={folder.path}/am{interval}",
        f"--web.listen-address=127.0.0.1:{alertmanager_port}", "--config.file=" + folder.file(f"am{interval}.yml", f"""
route: {{receiver: r, group_by: ['...'], group_wait: 0s, group_interval: 1s}}
receivers: [{{name: r, webhook_configs: [{{url: "{receiver.url}"}}]}}]
""")], folder)
    wait_for(f"http://127.0.0.1:{alertmanager_port}/-/ready", alertmanager)
    rules = folder.file(f"prometheus-rules{interval}.yml",
                        "groups: [{name: g, rules: [{alert: Down, expr: redis_up == 0, "
                        "labels: {redis: '{{ $labels.instance }}'}}]}]")
    targets = ", ".join(f"'redis://127.0.0.1:{p}'" for p in ports)
    prometheus = Process("prometheus" + interval, [
        "prometheus", f"--storage.tsdb.path={folder.path}/tsdb{interval}",
        f"--web.listen-address=127.0.0.1:{prometheus_port}",
        "--config.file=" + folder.file(f"prometheus{interval}.yml", f"""
global: {{scrape_interval: {interval}, scrape_timeout: 1s, evaluation_interval: {interval}}}
rule_files: ['{rules}']
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager_port}']}}]}}]}}
scrape_configs:
- job_name: redis
  metrics_path: /scrape
  static_configs: [{{targets: [{targets}]}}]
  relabel_configs:
  - {{source_labels: [__address__], target_label: __param_target}}
  - {{source_labels: [__param_target], target_label: instance}}
  - {{target_label: __address__, replacement: '127.0.0.1:{exporter_port}'}}
""")], folder)
    wait_for(f"http://127.0.0.1:{prometheus_port}/-/ready", prometheus)
    return [exporter, alertmanager, prometheus]


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench detection")
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args(arguments)
    folder = Folder()
    servers = [start_redis(folder, number) for number in range(options.runs)]
    ports = [redis.port for redis in servers]
    time.sleep(1)
    sets = {}
    for name, start in (("tierwatch, each 15 s", start_tierwatch),
                        ("Prometheus + Alertmanager, each 1 s", lambda *a: start_prometheus(*a, "1s")),
                        ("Prometheus + Alertmanager, each 15 s", lambda *a: start_prometheus(*a, "15s"))):
        receiver = Receiver()
        sets[name] = (receiver, start(folder, ports, receiver))
    time.sleep(32)  # everybody has seen every Redis twice
    if any(receiver.told for receiver, _ in sets.values()):
        raise SystemExit("a Redis that lives was paged")
    begin = time.monotonic()
    cpu = {name: sum(p.cpu() for p in processes) for name, (_, processes) in sets.items()}
    killed = {}
    for redis in servers:
        time.sleep(random.uniform(1, 3))
        killed[redis.port] = time.monotonic()
        redis.child.kill()
        redis.child.wait()
    end = time.monotonic() + 60
    while time.monotonic() < end and any(len(receiver.told) < len(killed) for receiver, _ in sets.values()):
        time.sleep(0.2)
    seconds = time.monotonic() - begin
    print(f"{options.runs} Redis killed at random moments; milliseconds until the webhook was received\n")
    print("| set | paged | min | p50 | p99 | CPU ms per s |\n|---|---|---|---|---|---|")
    for name, (receiver, processes) in sets.items():
        took = [(receiver.told[port] - at) * 1e3 for port, at in killed.items() if port in receiver.told]
        used = (sum(p.cpu() for p in processes) - cpu[name]) / seconds * 1e3
        print(f"| {name} | {len(took)} of {len(killed)} | {quantile(took, 0):.1f} | {quantile(took, 0.5):.1f} | "
              f"{quantile(took, 0.99):.1f} | {used:.1f} |")
