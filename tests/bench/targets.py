"""What many targets cost: tierwatch beside redis_exporter and blackbox_exporter, on the same servers.

usage: ./dev bench targets [--sets 50/10,150/30,500/100] [--seconds 60] [--interval 5]

Each set is so many backends (cache_health) and so many Redis, sampled each interval; /metrics is scraped as often. They are
real addresses of the loopback network: one small server answers as all the backends, and each Redis as ten. The peers
are asked for the same targets at the same pace: redis_exporter by /scrape, blackbox_exporter by /probe of the same URL, which
only tells whether it answers; Debian has no json_exporter. Fails where tierwatch missed a slot or a target is down.
"""
import argparse
import gzip
import os
import threading
import time
from urllib.parse import quote

from scrape import print_table
from servers import ROOT, Folder, Process, Scraper, Tierwatch, free_port, run, values, wait_for

HEALTH = """
import asyncio, sys
body = open(sys.argv[2], "rb").read()
answer = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body
class Backend(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        if data.endswith(b"\\r\\n\\r\\n"): self.transport.write(answer)
async def main():
    server = await asyncio.get_running_loop().create_server(Backend, sys.argv[3:], int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""
REDIS_ADDRESSES = 10  # of one server


def addresses(network, count):
    return [f"127.{network}.{i // 250}.{i % 250 + 1}" for i in range(count)]


def start_backends(folder, count):
    port, hosts = free_port(), addresses(1, count)
    with open(os.path.join(ROOT, "tests/fixtures/cache_health/per_tier/1.json"), encoding="utf-8") as reply:
        answer = folder.file("health.json", reply.read())
    process = Process("backends", ["/usr/bin/python3", "-c", HEALTH, str(port), answer, *hosts], folder)
    wait_for(f"http://{hosts[-1]}:{port}/cache/health", process)
    return [f"http://{host}:{port}" for host in hosts]


def start_redis(folder, count):
    port, hosts = free_port(), addresses(2, count)
    for first in range(0, count, REDIS_ADDRESSES):
        Process(f"redis-{first}", ["redis-server", "--port", str(port), "--save", "", "--dir", folder.path, "--bind",
                                   *hosts[first:first + REDIS_ADDRESSES]], folder)
    time.sleep(1)
    for host in hosts[::REDIS_ADDRESSES]:
        run(["redis-benchmark", "-h", host, "-p", str(port), "-t", "set,get", "-n", "5000", "-r", "1000", "-q"])
    return [f"redis://{host}:{port}" for host in hosts]


def start_tierwatch(folder, name, backends, redis, interval):
    targets = [", ".join(f'"{url}"' for url in urls) for urls in (backends, redis)]
    return Tierwatch(name, folder, f"""
global: {{sample_interval: {int(interval * 1000)}ms, sample_timeout: {int(interval * 1000)}ms}}
storage: {{path: ":memory:"}}
collectors:
  cache_health: [{{service: api, targets: [{targets[0]}]}}]
  redis: [{{service: cache, targets: [{targets[1]}]}}]
""")


def check(page, targets, interval):
    up = sum(values(page, "tierwatch_target_up"))
    skipped = sum(values(page, "tierwatch_target_skipped_samplings_total"))
    oldest = time.time() - min(values(page, "tierwatch_target_last_success_timestamp_seconds"))
    if up != targets or skipped or oldest > 2 * interval:
        raise SystemExit(f"{up:g} of {targets} targets are up, {skipped:g} slots were missed, the oldest sample is {oldest:.1f} s old")


def row(name, backends, redis, series, process, cpu, seconds, samples):
    return {"set": name, "backends": str(backends), "Redis": str(redis), "series": series,
            "CPU µs per sample": cpu / samples * 1e6, "% of a core": cpu / seconds * 100, "RSS MiB": process.rss_mib()}


def measure_tierwatch(folder, backends, redis, options):
    process = start_tierwatch(folder, f"tierwatch-{len(backends)}", backends, redis, options.interval)
    scraper = Scraper(process.url + "/metrics")
    time.sleep(2 * options.interval)
    begin, cpu = time.monotonic(), process.cpu()
    while time.monotonic() - begin < options.seconds:
        time.sleep(options.interval)
        body = scraper.scrape()[1]
    seconds, cpu = time.monotonic() - begin, process.cpu() - cpu
    page = gzip.decompress(body).decode()
    targets = len(backends) + len(redis)
    check(page, targets, options.interval)
    series = sum(1 for line in page.splitlines() if not line.startswith("#"))
    result = row("tierwatch", len(backends), len(redis), series, process, cpu, seconds, targets * seconds / options.interval)
    process.stop()
    return result


def measure_peer(name, process, port, paths, counts, options):
    """Asks for each path once an interval, spread over it, by four clients."""
    wait_for(f"http://127.0.0.1:{port}/metrics", process)
    series, errors, clients = [0] * len(paths), [], 4

    def ask(first):
        try:
            scraper, rounds = Scraper(f"http://127.0.0.1:{port}/"), int(options.seconds / options.interval)
            begin = time.monotonic()
            for turn in range(rounds):
                for i in range(first, len(paths), clients):
                    scraper.path = paths[i]
                    body = scraper.scrape()[1]
                    if turn == 0:
                        series[i] = sum(1 for line in gzip.decompress(body).splitlines() if not line.startswith(b"#"))
                    due = begin + (turn + (i + 1) / len(paths)) * options.interval
                    time.sleep(max(0.0, due - time.monotonic()))
        except Exception as error:  # pylint: disable=broad-except # told by the thread that waits
            errors.append(error)

    begin, cpu = time.monotonic(), process.cpu()
    threads = [threading.Thread(target=ask, args=(first,)) for first in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    seconds, cpu = time.monotonic() - begin, process.cpu() - cpu
    samples = len(paths) * int(options.seconds / options.interval)
    result = row(name, *counts, sum(series), process, cpu, seconds, samples)
    process.stop()
    return result


def measure_peers(folder, backends, redis, options):
    port = free_port()
    exporter = Process("redis_exporter", ["prometheus-redis-exporter", "-redis.addr", "", "-web.listen-address",
                                          f"127.0.0.1:{port}"], folder)
    yield measure_peer("redis_exporter", exporter, port, [f"/scrape?target={quote(url, '')}" for url in redis],
                       (0, len(redis)), options)
    config = folder.file("blackbox.yml", "modules: {health: {prober: http, timeout: 5s, http: "
                         "{fail_if_body_not_matches_regexp: ['\"status\"']}}}\n")
    port = free_port()
    exporter = Process("blackbox_exporter", ["prometheus-blackbox-exporter", f"--config.file={config}",
                                             f"--web.listen-address=127.0.0.1:{port}"], folder)
    paths = [f"/probe?module=health&target={quote(url + '/cache/health', '')}" for url in backends]
    yield measure_peer("blackbox_exporter", exporter, port, paths, (len(backends), 0), options)


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench targets")
    parser.add_argument("--sets", default="50/10,150/30,500/100")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--interval", type=float, default=5)
    options = parser.parse_args(arguments)
    sets = [tuple(int(count) for count in one.split("/")) for one in options.sets.split(",")]
    folder = Folder()
    backends, redis = start_backends(folder, max(a for a, _ in sets)), start_redis(folder, max(b for _, b in sets))
    rows = [measure_tierwatch(folder, backends[:a], redis[:b], options) for a, b in sets]
    rows += measure_peers(folder, backends, redis, options)
    print(f"sampled each {options.interval:g} s for {options.seconds:g} s\n")
    print_table(rows)
