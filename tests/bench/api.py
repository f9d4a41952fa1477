"""What range queries over HTTP cost: tierwatch beside Debian's Prometheus, the same questions to both.

usage: ./dev bench api [--series 1000] [--steps 1000] [--answers 10]

Both get the same samples by remote write, one each 15 s and series for as many times as there are steps, and are asked
for all of them: as they are, as rates and as a sum of rates. CPU is that of the process, divided by the answers; answers
are not compressed. A last question is a POST of 900 KiB, most of which is no parameter of it.
"""
import argparse
import http.client
import os
import time
import urllib.parse

from remote_write import PROGRAM, Requests, send
from servers import Folder, Process, free_port, wait_for

NAME = "http_requests_0_total"
QUESTIONS = (("samples", NAME), ("rate", f"rate({NAME}[5m])"), ("sum of rates", f"sum by (path) (rate({NAME}[5m]))"))


def ask(port, form):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/api/v1/query_range", form, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"port {port} answered {answer.status}: {text[:300]!r}")
    return text


def measure(process, port, form, answers):
    """(ms of CPU an answer, ms an answer, bytes of an answer)."""
    size = len(ask(port, form))
    cpu, begin = process.cpu(), time.perf_counter()
    for _ in range(answers):
        ask(port, form)
    return (process.cpu() - cpu) / answers * 1e3, (time.perf_counter() - begin) / answers * 1e3, size


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench api", description=__doc__.split("\n", 1)[0])
    for name, value in (("series", 1000), ("steps", 1000), ("answers", 10)):
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args(arguments)
    options.targets, options.series, options.request, options.literal = options.series // 5, 5, 500, False
    folder = Folder()
    requests = Requests(options)
    end = int(time.time() * 1000) // 15000 * 15000
    start = end - options.steps * 15000

    ports = free_port(), free_port()
    config = folder.file("prometheus.yml", "global: {}\n")
    prometheus = Process("prometheus", ["prometheus", f"--config.file={config}", "--web.enable-remote-write-receiver",
                                        f"--storage.tsdb.path={folder.path}/tsdb", "--log.level=warn",
                                        f"--web.listen-address=127.0.0.1:{ports[0]}"], folder)
    config = folder.file("tierwatch.yml", f"storage: {{retention: 7d}}\nweb: {{listen_address: '127.0.0.1:{ports[1]}', "
                                          "remote_write: {enabled: true}}\n")
    tierwatch = Process("tierwatch", [os.path.abspath(PROGRAM), "run", "--config", config], folder)
    servers = (prometheus, ports[0]), (tierwatch, ports[1])
    for (process, port), path in zip(servers, ("/-/ready", "/-/healthy")):
        wait_for(f"http://127.0.0.1:{port}{path}", process)
    for number in range(options.steps):
        bodies = requests.round(number, start)
        for _, port in servers:
            send(port, bodies)

    print(f"{5 * options.targets:,} series, {options.steps:,} steps of 15 s\n")
    print("| | Prometheus 2.42: CPU ms | tierwatch: CPU ms | ratio | ms | ms | MB |\n|---|---|---|---|---|---|---|")
    times = {"start": start / 1000 + 7, "end": start / 1000 + 7 + (options.steps - 1) * 15, "step": 15}
    forms = [(name, urllib.parse.urlencode({"query": query, **times})) for name, query in QUESTIONS]
    forms.append(("sum of rates, 900 KiB asked", forms[-1][1] + "&padding=" + "x" * (900 << 10)))
    for name, form in forms:
        (cpu, waited, size), (our_cpu, our_wait, our_size) = [measure(*s, form, options.answers) for s in servers]
        print(f"| {name} | {cpu:,.1f} | {our_cpu:,.1f} | {our_cpu / cpu:.3f} | {waited:,.1f} | {our_wait:,.1f} "
              f"| {our_size / 1e6:,.1f} ({size / 1e6:,.1f}) |")
