"""What taking remote writes costs: tierwatch beside Debian's Prometheus, the same requests to both.

usage: ./dev bench remote_write [--targets 100] [--series 500] [--rounds 40] [--request 500] [--literal]

A round is a scrape of every target: targets * series samples of 10 labels each, in requests of --request samples of
remote write 1.0, cut as a Prometheus cuts them: a scrape may begin in one request and end in the next. Half of the
values are counters that move, the others gauges. The requests are made beforehand and sent by one connection after the
other; with --literal they are not compressed, so that each sample sends all of its labels. CPU is that of the process;
the first round, which makes the series, is told apart.
"""
import argparse
import http.client
import struct
import time

from servers import Folder, Prometheus, Tierwatch


def varint(number):
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


SAMPLE = 18  # bytes of a sample as the field of its series


def literal(data):
    return bytes([61 << 2]) + struct.pack("<H", len(data) - 1) + data


def delta(before, labels):
    """The labels of a series as Snappy's copies from the series before it, where that is as long, and literals."""
    if len(before) != len(labels):
        return literal(labels)
    distance = struct.pack("<H", len(record(labels, b"\0" * SAMPLE)))
    out, at, end = [], 0, len(labels)
    while at < end:
        same = at
        while same < end and before[same] == labels[same]:
            same += 1
        for begin in range(at, same, 64):
            out.append(bytes([min(64, same - begin) - 1 << 2 | 2]) + distance)
        other = same
        while other < end and before[other] != labels[other]:
            other += 1
        if other > same:
            out.append(literal(labels[same:other]))
        at = other
    return b"".join(out)


def record(labels, sample):
    return field(1, labels + sample)


def labels_of(target, i):
    """Families of 5 series."""
    labels = {"__name__": f"http_requests_{i // 5}_total", "cluster": "eu-1", "env": "production",
              "instance": f"10.0.{target // 250}.{target % 250}:9100", "job": "orgs-api", "method": "GET",
              "namespace": "orgs", "path": f"/v1/orgs/{i % 5}", "region": "north", "status": "200"}
    return b"".join(field(1, field(1, n.encode()) + field(2, v.encode())) for n, v in sorted(labels.items()))


class Requests:
    def __init__(self, options):
        self.options = options
        self.labels = [labels_of(t, i) for t in range(options.targets) for i in range(options.series)]
        self.deltas = [delta(b, l) for b, l in zip([b""] + self.labels, self.labels)]

    def round(self, number, start_ms):
        """Bodies of one round; targets are scraped one after the other within 15 s."""
        bodies, request, size = [], [], 0
        for index, labels in enumerate(self.labels):
            target = index // self.options.series
            at = start_ms + number * 15000 + target * 15000 // self.options.targets
            value = float(index % 7 * number + index) if index % 2 else index * 0.25
            sample = field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at))
            whole = record(labels, sample)
            size += len(whole)
            head = whole[:len(whole) - len(labels) - SAMPLE]
            request += [literal(head), self.deltas[index] if request and not self.options.literal else literal(labels), literal(sample)]
            # An odd size, so that requests cut other families each time.
            if len(request) == 3 * (self.options.request - number % 3) or index == len(self.labels) - 1:
                bodies.append(varint(size) + b"".join(request))
                request, size = [], 0
        return bodies


def send(port, bodies):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
               "X-Prometheus-Remote-Write-Version": "0.1.0"}
    for body in bodies:
        connection.request("POST", "/api/v1/write", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status // 100 != 2:
            raise SystemExit(f"port {port} answered {answer.status}: {text[:300]!r}")


def measure(process, rounds, samples):
    """(µs of CPU a sample in the first round, in the others; samples a second; RSS in MiB)."""
    before = process.cpu()
    send(process.port, rounds[0])
    first = process.cpu()
    begin = time.perf_counter()
    for bodies in rounds[1:]:
        send(process.port, bodies)
    seconds = time.perf_counter() - begin
    steady, count = process.cpu() - first, samples * (len(rounds) - 1)
    return (first - before) / samples * 1e6, steady / count * 1e6, count / seconds, process.rss_mib()


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench remote_write", description=__doc__.split("\n", 1)[0])
    for name, value in (("targets", 100), ("series", 500), ("rounds", 40), ("request", 500)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--literal", action="store_true")
    options = parser.parse_args(arguments)
    folder = Folder()
    requests = Requests(options)
    start = int(time.time() * 1000) - options.rounds * 15000
    rounds = [requests.round(number, start) for number in range(options.rounds)]
    samples = options.targets * options.series

    prometheus = Prometheus(folder)
    tierwatch = Tierwatch("tierwatch", folder, "", web="remote_write: {enabled: true}")
    results = [measure(server, rounds, samples) for server in (prometheus, tierwatch)]
    print(f"{samples:,} series, {options.rounds} rounds, requests of {options.request} samples\n")
    print("| | Prometheus 2.42 | tierwatch | ratio |\n|---|---|---|---|")
    names = "CPU µs a sample, first round", "CPU µs a sample", "samples a second, one sender", "RSS MiB"
    for name, theirs, ours in zip(names, *results):
        print(f"| {name} | {theirs:,.2f} | {ours:,.2f} | {ours / theirs:.3f} |")
