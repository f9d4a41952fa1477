"""A storm: many alerts in one evaluation, to a receiver that takes its time for each request.

usage: ./dev bench storm [--alerts 10000] [--delay 0.05] [--seconds 900] [--concurrency 1,2,4,8,16]

Told by a tierwatch of its own each time: in groups of a hundred (group_by: [service]) as the default is, and each by itself
(group_by: ['...']) with as many requests at once as a receiver's `concurrency` lets it make. Printed: how soon the alerts were
delivered and what tierwatch used from when they fired until then, the evaluation of their rules each 10 s included.
"""
import argparse
import http.server
import json
import os
import threading
import time

from servers import Folder, Tierwatch


class SlowReceiver:
    """Takes `delay` for each request, any number at once; notes when each alert had been taken."""

    def __init__(self, delay):
        self.taken, self.requests, self.most, self.busy = {}, 0, 0, 0
        receiver, lock = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    receiver.busy += 1
                    receiver.most = max(receiver.most, receiver.busy)
                time.sleep(delay)
                with lock:
                    receiver.busy -= 1
                    receiver.requests += 1
                    for alert in body["alerts"]:
                        receiver.taken.setdefault(alert["labels"]["n"], time.monotonic())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def storm(options, group_by, concurrency):
    folder, receiver = Folder(), SlowReceiver(options.delay)
    begin = time.time() + 8
    rules = "".join(f"  - {{alert: Storm, labels: {{n: n{i}, service: s{i // 100}}}, expr: 'vector(time() >= bool {begin:.0f}) == 1'}}\n"
                    for i in range(options.alerts))
    folder.file("rules.yml", "groups:\n- name: storm\n  interval: 10s\n  rules:\n" + rules)
    at_once = f"concurrency: {concurrency}, " if concurrency else ""
    process = Tierwatch("tierwatch", folder, f"""
rule_files: [rules.yml]
storage: {{path: "{folder.path}/state"}}
alerting:
  route: {{receiver: r, group_by: {group_by}, group_wait: 0s, group_interval: 1m, repeat_interval: 4h}}
  receivers: [{{name: r, {at_once}webhook_configs: [{{url: "{receiver.url}"}}]}}]
""", "/-/ready")
    time.sleep(max(0, begin - time.time()))
    before, most, cpu = process.rss_mib(), 0.0, process.cpu()
    end = begin + options.seconds
    while len(receiver.taken) < options.alerts and time.time() < end:
        most = max(most, process.rss_mib())
        time.sleep(0.1)
    cpu = process.cpu() - cpu
    taken = sorted(receiver.taken.values())
    process.stop()
    start = taken[0] - options.delay
    half, last = (taken[i] - start for i in ((len(taken) - 1) // 2, -1))
    state = os.path.getsize(os.path.join(folder.path, "state", "state.db")) / 2**20
    print(f"| {group_by} | {receiver.most} | {receiver.requests:,} | {len(taken):,} | {half:.1f} | {last:.1f} | "
          f"{receiver.requests / last:,.0f} | {cpu:.1f} | {before:.0f}; {most:.0f} | {state:.1f} |", flush=True)


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench storm")
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--concurrency", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2, 4, 8, 16])
    options = parser.parse_args(arguments)
    print(f"{options.alerts:,} alerts in one evaluation, a receiver that takes {options.delay * 1e3:g} ms\n\n"
          "| group_by | at once | requests | alerts told | s until half | s until all | requests per s | CPU s | "
          "RSS MiB before; at most | state.db MiB |\n|---|---|---|---|---|---|---|---|---|---|")
    storm(options, "[service]", None)
    for concurrency in options.concurrency:
        storm(options, "['...']", concurrency)
