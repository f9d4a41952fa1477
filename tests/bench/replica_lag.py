"""How far off a replica's lag in seconds is: tierwatch and postgres_exporter beside a true lag known to the test.

usage: ./dev bench replica_lag [--interval 1] [--seconds 20]

A PostgreSQL primary and its streaming replica. A writer commits five times a second and notes each commit's log position
and time, so the true lag of any moment is the age of the oldest commit that the replica has not replayed, asked of the
replica ten times a second. In turn: writes that are replayed at once; an idle primary; replay paused; catching up; the
replica cut off; catching up. tierwatch samples each interval; its error is taken at the times of its samples, that of
postgres_exporter (on the replica) at its scrapes. Fails where tierwatch is off by an interval or more.
"""
import argparse
import bisect
import gzip
import subprocess
import threading
import time

from servers import BIN, Folder, Postgres, PostgresExporter, Scraper, Tierwatch


class Psql:
    """One session of psql; each statement gives one line."""

    def __init__(self, server):
        self.child = subprocess.Popen([BIN + "/psql", "-qAtX", "-h", "127.0.0.1", "-p", str(server.port), "-U", "tw", "-d",
                                       "postgres"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/tmp")

    def line(self, sql):
        self.child.stdin.write(sql + ";\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def position(lsn):
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


class Truth:
    """The true lag of every moment, while the writer and the looker run."""

    def __init__(self, primary, replica):
        self.primary, self.replica = primary, replica
        self.writing, self.stop = threading.Event(), threading.Event()
        self.commits = []  # (position, time)
        self.lags = []     # (time, lag)
        self.threads = [threading.Thread(target=self.write), threading.Thread(target=self.look)]
        for thread in self.threads:
            thread.start()

    def write(self):
        session = Psql(self.primary)
        while not self.stop.wait(0.2):
            if not self.writing.is_set():
                continue
            at = time.time()
            lsn = session.line("WITH w AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT pg_current_wal_insert_lsn() FROM w")
            self.commits.append((position(lsn), at))
        session.close()

    def look(self):
        session = Psql(self.replica)
        while not self.stop.wait(0.1):
            replayed = position(session.line("SELECT pg_last_wal_replay_lsn()"))
            now = time.time()
            at = bisect.bisect_right(self.commits, (replayed, float("inf")))
            self.lags.append((now, max(0.0, now - self.commits[at][1]) if at < len(self.commits) else 0.0))
        session.close()

    def at(self, when):
        """The lag at a time, and the moments before and after it when somebody looked."""
        i = bisect.bisect_left(self.lags, (when, 0))
        near = self.lags[max(0, i - 2):i + 2]
        return [lag + (when - then if lag > 0 else 0) for then, lag in near]

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def value_of(body, name):
    for line in gzip.decompress(body).decode().splitlines():
        if line.startswith(name) and 'collector="' not in line.replace('collector="replicas"', ""):
            return float(line.rsplit(" ", 1)[1])
    return None


def start_tierwatch(folder, primary, replica, interval):
    process = Tierwatch("tierwatch", folder, f"""
global: {{sample_interval: {int(interval * 1000)}ms, sample_timeout: {int(interval * 1000)}ms}}
storage: {{path: ":memory:"}}
collectors: {{replicas: [{{service: db, primary: "{primary.url('postgres')}", replicas: ["{replica.url('postgres')}"]}}]}}
""")
    return Scraper(process.url + "/metrics")


# What its shipped example asks; without it this version tells no lag.
LAG = """
pg_replication:
  query: "SELECT CASE WHEN pg_is_in_recovery() THEN GREATEST(0, EXTRACT(EPOCH FROM now() - pg_last_xact_replay_timestamp())) ELSE 0 END AS lag"
  metrics: [{lag: {usage: GAUGE, description: x}}]
"""


def watch(truth, own, peer, seconds):
    """Errors of both, (true lag, figure) of the peer's worst, and the largest true lag."""
    end = time.time() + seconds
    seen, own_errors, peer_figures = set(), [], []
    while time.time() < end:
        body = own.scrape()[1]
        when = value_of(body, "tierwatch_target_last_success_timestamp_seconds")
        lag = value_of(body, "tierwatch_replica_lag_seconds")
        figure, scraped = value_of(peer.scrape()[1], "pg_replication_lag"), time.time()
        time.sleep(0.3)
        if when not in seen and when and lag is not None and when > truth.lags[0][0]:
            seen.add(when)
            own_errors.append(min(abs(lag - true) for true in truth.at(when)))
        if figure is not None:
            true = min(truth.at(scraped), key=lambda lag: abs(lag - figure))
            peer_figures.append((abs(figure - true), true, figure))
    started = end - seconds
    return own_errors, max(peer_figures), max(lag for then, lag in truth.lags if then >= started)


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench replica_lag")
    parser.add_argument("--interval", type=float, default=1)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args(arguments)
    folder = Folder()
    primary = Postgres("primary", folder)
    primary.sql("create table t (n int)")
    replica = Postgres("replica", folder, primary)
    truth = Truth(primary, replica)
    truth.writing.set()
    own = start_tierwatch(folder, primary, replica, options.interval)
    peer = Scraper(PostgresExporter(folder, replica.url("postgres"), LAG).url)
    time.sleep(3 * options.interval)
    conninfo = subprocess.run([BIN + "/psql", "-qAtX", replica.url("postgres"), "-c",
                               "SELECT quote_literal(current_setting('primary_conninfo'))"], check=True, text=True,
                              capture_output=True, cwd="/tmp").stdout.strip()
    steps = [("replayed at once", lambda: None),
             ("primary idle", truth.writing.clear),
             ("replay paused", lambda: (truth.writing.set(), replica.sql("select pg_wal_replay_pause()"))),
             ("catching up", lambda: replica.sql("select pg_wal_replay_resume()")),
             ("replica cut off", lambda: replica.sql("alter system set primary_conninfo = ''; select pg_reload_conf()")),
             ("catching up", lambda: replica.sql(f"alter system set primary_conninfo = {conninfo}; select pg_reload_conf()"))]
    print(f"sampled each {options.interval:g} s; seconds\n\n| while | true lag up to | tierwatch's worst error | "
          "postgres_exporter's worst error | (it said, when it was) |\n|-|-|-|-|-|")
    worst = 0.0
    try:
        for name, begin in steps:
            begin()
            errors, (peer_error, true, figure), most = watch(truth, own, peer, options.seconds)
            worst = max([worst, *errors])
            print(f"| {name} | {most:.2f} | {max(errors):.2f} of {len(errors)} samples | {peer_error:.2f} | "
                  f"{figure:.2f}, {true:.2f} |", flush=True)
    finally:
        truth.end()
    if worst >= options.interval:
        raise SystemExit(f"tierwatch was off by {worst:.2f} s: an interval or more")
