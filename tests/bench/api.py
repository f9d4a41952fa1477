"""What range queries over HTTP cost: tierwatch beside Debian's Prometheus, the same questions to both.

usage: ./dev bench api [--series 1000] [--steps 1000] [--answers 10]

Both get the same samples by remote write, one each 15 s and series for as many times as there are steps, and are asked
for all of them: as they are, as rates and as a sum of rates. CPU is that of the process, divided by the answers; answers
are not compressed. A last question is a POST of 900 KiB, most of which is no parameter of it.
"""
import argparse
import http.client
import time
import urllib.parse

from remote_write import Requests, send
from servers import Folder, Prometheus, Tierwatch

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


def measure(process, form, answers):
    """(ms of CPU an answer, ms an answer, bytes of an answer)."""
    size = len(ask(process.port, form))
    cpu, begin = process.cpu(), time.perf_counter()
    for _ in range(answers):
        ask(process.port, form)
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

    prometheus = Prometheus(folder)
    tierwatch = Tierwatch("tierwatch", folder, "storage: {retention: 7d}", web="remote_write: {enabled: true}")
    for number in range(options.steps):
        bodies = requests.round(number, start)
        for server in (prometheus, tierwatch):
            send(server.port, bodies)

    print(f"{5 * options.targets:,} series, {options.steps:,} steps of 15 s\n")
    print("| | Prometheus 2.42: CPU ms | tierwatch: CPU ms | ratio | ms | ms | MB |\n|---|---|---|---|---|---|---|")
    times = {"start": start / 1000 + 7, "end": start / 1000 + 7 + (options.steps - 1) * 15, "step": 15}
    forms = [(name, urllib.parse.urlencode({"query": query, **times})) for name, query in QUESTIONS]
    forms.append(("sum of rates, 900 KiB asked", forms[-1][1] + "&padding=" + "x" * (900 << 10)))
    for name, form in forms:
        (cpu, waited, size), (our_cpu, our_wait, our_size) = [measure(s, form, options.answers) for s in (prometheus, tierwatch)]
        print(f"| {name} | {cpu:,.1f} | {our_cpu:,.1f} | {our_cpu / cpu:.3f} | {waited:,.1f} | {our_wait:,.1f} "
              f"| {our_size / 1e6:,.1f} ({size / 1e6:,.1f}) |")
