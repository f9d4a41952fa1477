"""What many partitions cost: tierwatch beside postgres_exporter that shows every table, on the same server.

usage: ./dev bench partitions [--partitions 10000] [--tables 1] [--scrapes 10] [--interval 10]

One PostgreSQL with range-partitioned tables that share the partitions evenly; nothing else runs on it. Each program is scraped alone, once each interval,
and tierwatch samples as often as it is scraped, its ten largest partitions by name. postgres_exporter has the tables of its
own shipped example: pg_stat_user_tables and pg_statio_user_tables. "server" is what PostgreSQL used. Then four scrapers
read tierwatch's /metrics, 20 times a second each, while it samples each second; in turn with it they ask for /-/healthy, which
answers three bytes: what that takes is the machine's and the scrapers' own.
"""
import argparse
import multiprocessing
import statistics
import time

from scrape import build_table, measure, print_table
from servers import Folder, Postgres, PostgresExporter, Scraper, Tierwatch, quantile

COUNTERS = """seq_scan seq_tup_read idx_scan idx_tup_fetch n_tup_ins n_tup_upd n_tup_del n_tup_hot_upd n_live_tup n_dead_tup
  n_mod_since_analyze vacuum_count autovacuum_count analyze_count autoanalyze_count""".split()
TIMES = "last_vacuum last_autovacuum last_analyze last_autoanalyze".split()
BLOCKS = """heap_blks_read heap_blks_hit idx_blks_read idx_blks_hit toast_blks_read toast_blks_hit tidx_blks_read
  tidx_blks_hit""".split()


def custom_query(view, columns, metrics):
    labels = ["datname", "schemaname", "relname"]
    return (f'{view}:\n  query: "SELECT current_database() datname, schemaname, relname, {", ".join(columns)} FROM {view}"\n'
            "  metrics:\n" + "".join(f"    - {x}: {{usage: LABEL, description: x}}\n" for x in labels)
            + "".join(f"    - {x}: {{usage: GAUGE, description: x}}\n" for x in metrics))


TABLES = (custom_query("pg_stat_user_tables", COUNTERS + [f"COALESCE({x}, '1970-01-01Z') AS {x}" for x in TIMES],
                       COUNTERS + TIMES)
          + custom_query("pg_statio_user_tables", BLOCKS, BLOCKS))


def start_tierwatch(folder, name, server, interval):
    return Tierwatch(name, folder, f"""
global: {{sample_interval: {int(interval * 1000)}ms, sample_timeout: {min(int(interval * 1000), 10000)}ms}}
storage: {{path: ":memory:"}}
collectors: {{partitions: [{{service: db, targets: ["{server.url()}"], top_partitions: 10}}]}}
""")


def scrape_in_turn(urls, begin, end, pause):
    """(time, seconds of each URL's scrape) until `end`; a process of its own, so that no scraper waits for another's turn."""
    scrapers, rows = [Scraper(url) for url in urls], []
    for scraper in scrapers:
        scraper.scrape()  # connect, and have Python load what it needs
    time.sleep(max(0.0, begin - time.time()))
    while time.time() < end:
        at, row = time.time(), []
        for scraper in scrapers:
            row.append(scraper.scrape()[0])
            time.sleep(pause)
        rows.append((at, row))
    return rows


def latency_by_window(urls, scrapers=4, windows=8, seconds=5, pause=0.025):
    """For each URL the p99 in ms of each window, while `scrapers` read all of them side by side, each URL in turn."""
    with multiprocessing.Pool(scrapers) as pool:
        begin = time.time() + 1
        work = [(urls, begin, begin + windows * seconds, pause)] * scrapers
        rows = [row for some in pool.starmap(scrape_in_turn, work, 1) for row in some]
    p99s = [[] for _ in urls]
    for window in range(windows):
        inside = [row for at, row in rows if window <= (at - begin) / seconds < window + 1]
        for url, column in enumerate(zip(*inside)):
            p99s[url].append(quantile(column, 0.99) * 1e3)
    return p99s


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench partitions")
    parser.add_argument("--partitions", type=int, default=10000)
    parser.add_argument("--tables", type=int, default=1)
    parser.add_argument("--scrapes", type=int, default=10)
    parser.add_argument("--interval", type=float, default=10)
    options = parser.parse_args(arguments)
    folder = Folder()
    server = Postgres("primary", folder)
    build_table(server, options.partitions, options.tables)
    rows = []
    process = PostgresExporter(folder, server.url(), TABLES)
    rows.append(measure("postgres_exporter, with tables", [process], [process.url], [server], options.scrapes, options.interval))
    process = start_tierwatch(folder, "tierwatch", server, options.interval)
    rows.append(measure("tierwatch", [process], [process.url + "/metrics"], [server], options.scrapes, options.interval))
    print(f"{options.partitions} partitions of {options.tables} tables, {options.scrapes} scrapes, one each {options.interval:g} s\n")
    print_table(rows)
    peer, own = rows
    for column in ("CPU ms per scrape", "servers' CPU ms per scrape", "series"):
        print(f"\n{column}: 1/{peer[column] / own[column]:.0f} of postgres_exporter's", end="")
    process, paths = start_tierwatch(folder, "tierwatch-busy", server, 1), ("/metrics", "/-/healthy")
    print("\n\np99 ms under 4 scrapers while tierwatch samples each second, 8 windows of 5 s: least, median, most")
    for path, p99s in zip(paths, latency_by_window([process.url + path for path in paths])):
        print(f"{path:11} {min(p99s):.2f} {statistics.median(p99s):.2f} {max(p99s):.2f}")
