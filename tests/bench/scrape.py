"""What a scrape costs: tierwatch beside redis_exporter and two postgres_exporters, on the same servers.

usage: ./dev bench scrape [--partitions 1000] [--scrapes 200] [--interval 0.25]

One Redis, a PostgreSQL primary with a streaming replica, one range-partitioned table. Each set is scraped alone, at one
pace, over kept connections with gzip. CPU is everything that the processes used meanwhile, divided by the scrapes:
tierwatch's sampling is in it. `tierwatch` samples each 15 s, as configured by default; `tierwatch, each scrape` samples
as often as it is scraped, which is what the exporters do. "servers" is what Redis and both PostgreSQL used.
"""
import argparse
import gzip
import time

from servers import Folder, Postgres, Process, Scraper, Tierwatch, free_port, quantile, run, wait_for

TABLES = """pg_stat_user_tables:
  query: "SELECT schemaname, relname, seq_scan, idx_scan, n_tup_ins, n_tup_upd, n_tup_del, n_live_tup, n_dead_tup
    FROM pg_stat_user_tables"
  metrics:
    - schemaname: {usage: LABEL, description: schema}
    - relname: {usage: LABEL, description: table}
""" + "".join("    - %s: {usage: COUNTER, description: x}\n" % name for name in
              "seq_scan idx_scan n_tup_ins n_tup_upd n_tup_del n_live_tup n_dead_tup".split())


def build_table(primary, partitions, tables=1):
    """Partitions of a day each, of `tables` tables in turn, with ten rows each."""
    primary.sql("create database tw")
    names = ["events"] if tables == 1 else [f"events{i}" for i in range(tables)]
    for name in names:
        primary.sql(f"create table {name}(at timestamptz not null, id bigint not null, primary key(at, id)) "
                    "partition by range(at)", "tw")
    day = "(timestamptz '2024-01-01' + interval '{} days')"
    for first in range(0, partitions, 100):
        statements = ["begin;"]
        for i in range(first, min(first + 100, partitions)):
            table, turn = names[i % tables], i // tables
            leaf = f"{table}_{turn:05d}"
            statements.append(
                "do $$ begin execute format('create table {0} partition of {1} for values from (%L) to (%L)', "
                "{2}, {3}); end $$;".format(leaf, table, day.format(turn), day.format(turn + 1)))
            statements.append(f"insert into {leaf} select {day.format(turn)}, g from generate_series(1, 10) g;")
        primary.sql("\n".join(statements) + "commit;", "tw")
    primary.sql("analyze; checkpoint", "tw")


def start_redis(folder):
    port = free_port()
    redis = Process("redis", ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                              folder.path], folder)
    time.sleep(0.5)
    run(["redis-benchmark", "-p", str(port), "-t", "set,get", "-n", "20000", "-r", "10000", "-q"])
    redis.port = port
    return redis


def start_tierwatch(folder, name, redis, primary, replica, interval):
    return Tierwatch(name, folder, f"""
global: {{sample_interval: {interval}}}
storage: {{path: ":memory:"}}
collectors:
  redis: [{{service: cache, targets: ["redis://127.0.0.1:{redis.port}"]}}]
  replicas: [{{service: db, primary: "{primary.url()}", replicas: ["{replica.url()}"]}}]
  partitions: [{{service: db, targets: ["{primary.url()}"]}}]
""")


def start_exporters(folder, name, redis, servers, arguments=()):
    processes, urls = [], []

    def add(program, command, environment=None):
        port = free_port()
        process = Process(f"{name}-{len(processes)}", [program, *(x.format(port=port) for x in command)], folder, environment)
        processes.append(process)
        urls.append(f"http://127.0.0.1:{port}/metrics")
        wait_for(urls[-1], process)

    add("prometheus-redis-exporter", ["-redis.addr", f"redis://127.0.0.1:{redis.port}", "-web.listen-address",
                                      "127.0.0.1:{port}"])
    for server in servers:
        add("prometheus-postgres-exporter", ["--web.listen-address=127.0.0.1:{port}", *arguments],
            {"DATA_SOURCE_NAME": server.url() + "?sslmode=disable"})
    return processes, urls


def measure(name, processes, urls, servers, scrapes, interval):
    scrapers = [Scraper(url) for url in urls]
    for _ in range(3):
        bodies = [scraper.scrape()[1] for scraper in scrapers]
        time.sleep(interval)
    series = sum(sum(1 for line in gzip.decompress(body).splitlines() if line and not line.startswith(b"#"))
                 for body in bodies)
    cpu, server_cpu = sum(p.cpu() for p in processes), sum(s.cpu() for s in servers)
    latencies = []
    next_scrape = time.monotonic()
    for _ in range(scrapes):
        latencies.append(sum(scraper.scrape()[0] for scraper in scrapers))
        next_scrape += interval
        time.sleep(max(0.0, next_scrape - time.monotonic()))
    cpu, server_cpu = sum(p.cpu() for p in processes) - cpu, sum(s.cpu() for s in servers) - server_cpu
    row = {"set": name, "series": series, "kB on the wire": sum(len(b) for b in bodies) / 1e3,
           "CPU ms per scrape": cpu / scrapes * 1e3, "servers' CPU ms per scrape": server_cpu / scrapes * 1e3,
           "p50 ms": quantile(latencies, 0.5) * 1e3, "p99 ms": quantile(latencies, 0.99) * 1e3,
           "RSS MiB": sum(p.rss_mib() for p in processes)}
    for process in processes:
        process.stop()
    return row


def print_table(rows):
    print("| " + " | ".join(rows[0]) + " |\n|" + "-|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(x if isinstance(x, str) else f"{x:.3g}" if x < 1000 else f"{x:.0f}" for x in row.values()) + " |")


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench scrape")
    parser.add_argument("--partitions", type=int, default=1000)
    parser.add_argument("--scrapes", type=int, default=200)
    parser.add_argument("--interval", type=float, default=0.25)
    options = parser.parse_args(arguments)
    folder = Folder()
    redis = start_redis(folder)
    primary = Postgres("primary", folder)
    build_table(primary, options.partitions)
    replica = Postgres("replica", folder, primary)
    servers = [redis, primary, replica]
    tables = folder.file("tables.yaml", TABLES)
    sets = [
        ("exporters, default", lambda: start_exporters(folder, "peers", redis, [primary, replica])),
        ("exporters, with tables", lambda: start_exporters(folder, "tables", redis, [primary, replica],
                                                           ["--extend.query-path=" + tables])),
        ("tierwatch", lambda: tierwatch("15s", "slow")),
        ("tierwatch, each scrape", lambda: tierwatch(f"{int(options.interval * 1000)}ms", "fast")),
    ]

    def tierwatch(interval, name):
        process = start_tierwatch(folder, "tierwatch-" + name, redis, primary, replica, interval)
        return [process], [process.url + "/metrics"]

    rows = []
    for name, start in sets:
        processes, urls = start()
        rows.append(measure(name, processes, urls, servers, options.scrapes, options.interval))
    print(f"{options.partitions} partitions, {options.scrapes} scrapes, one each {options.interval} s\n")
    print_table(rows)
    base = rows[0]["CPU ms per scrape"]
    for row in rows[2:]:
        print(f"\n{row['set']}: CPU per scrape 1/{base / row['CPU ms per scrape']:.1f} of the exporters' (default)", end="")
    print()
