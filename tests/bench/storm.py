"""A storm: many alerts in one evaluation, to a receiver that takes its time for each request.

usage: ./dev bench storm [--alerts 10000] [--delay 0.05] [--seconds 300]

Told twice, to a tierwatch of its own each time: in groups of a hundred (group_by: [service]), and each by itself
(group_by: ['...']). Printed: how many alerts had been delivered by when, how many requests that took, what tierwatch used.
"""
import argparse
import http.server
import json
import os
import threading
import time

from servers import Folder, Process, free_port, run, wait_for

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


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


def storm(options, group_by):
    folder, receiver, port = Folder(), SlowReceiver(options.delay), free_port()
    begin = time.time() + 8
    rules = "".join(f"  - {{alert: Storm, labels: {{n: n{i}, service: s{i // 100}}}, expr: 'vector(time() >= bool {begin:.0f}) == 1'}}\n"
                    for i in range(options.alerts))
    folder.file("rules.yml", "groups:\n- name: storm\n  interval: 1s\n  rules:\n" + rules)
    config = folder.file("tierwatch.yml", f"""
rule_files: [rules.yml]
storage: {{path: "{folder.path}/state"}}
web: {{listen_address: "127.0.0.1:{port}"}}
alerting:
  route: {{receiver: r, group_by: {group_by}, group_wait: 0s, group_interval: 1m, repeat_interval: 4h}}
  receivers: [{{name: r, webhook_configs: [{{url: "{receiver.url}"}}]}}]
""")
    program = os.path.join(folder.path, "tierwatch")
    run(["cp", os.path.join(ROOT, "build/release/tierwatch"), program])
    process = Process("tierwatch", [program, "run", "--config", config], folder)
    wait_for(f"http://127.0.0.1:{port}/-/ready", process)
    before, most = process.rss_mib(), 0.0
    end = begin + options.seconds
    while not receiver.taken and time.time() < end:
        time.sleep(0.02)
    cpu = process.cpu()
    while len(receiver.taken) < options.alerts and time.time() < end:
        most = max(most, process.rss_mib())
        time.sleep(0.1)
    cpu = process.cpu() - cpu
    taken = sorted(receiver.taken.values())
    process.stop()
    start = taken[0] - options.delay
    print(f"\ngroup_by {group_by}: {len(taken):,} of {options.alerts:,} alerts in {receiver.requests:,} requests, at most "
          f"{receiver.most} at once; CPU {cpu:.1f} s; RSS {before:.0f} MiB before, {most:.0f} MiB at most; state.db "
          f"{os.path.getsize(os.path.join(folder.path, 'state', 'state.db')) / 2**20:.1f} MiB\n")
    print("| seconds | delivered |\n|---|---|")
    mark = 0.25
    while mark / 2 < taken[-1] - start:
        print(f"| {mark:g} | {sum(1 for at in taken if at - start <= mark):,} |")
        mark *= 2


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench storm")
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--seconds", type=float, default=300)
    options = parser.parse_args(arguments)
    print(f"{options.alerts:,} alerts in one evaluation, a receiver that takes {options.delay * 1e3:g} ms")
    for group_by in ("[service]", "['...']"):
        storm(options, group_by)
