"""Real servers and what they cost: started on free loopback ports below a temporary folder, stopped by pid at exit."""
import atexit
import contextlib
import glob
import http.client
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from urllib.parse import urlsplit

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BIN = "/usr/lib/postgresql/15/bin"
TICK = os.sysconf("SC_CLK_TCK")
_started = []


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def unprivileged():
    """Popen arguments that leave root behind: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Folder:
    """A temporary folder that the servers' user may write to."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="tierwatch-bench-")
        os.chmod(self.path, 0o755)
        if os.getuid() == 0:
            shutil.chown(self.path, "postgres", "postgres")
        atexit.register(shutil.rmtree, self.path, ignore_errors=True)

    def file(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, 0o644)
        return path


class Process:
    """A child process; `cpu()` counts itself, its live children and those that it has reaped."""

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self.command, self.folder, self.environment = command, folder, environment or {}
        self.log = os.path.join(folder.path, name + ".log")
        self.start()
        _started.append(self)

    def start(self):
        """Starts it, or starts it again after it ended."""
        clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder.path,
                                          env={**clean, **self.environment, "HOME": self.folder.path}, **unprivileged())

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    @staticmethod
    def _seconds(pid):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            text = stat.read()
        fields = text[text.rindex(")") + 2:].split()
        user, system, reaped_user, reaped_system = (int(x) for x in fields[11:15])
        precise = 0
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):  # finer than ticks, but only of live threads
            with contextlib.suppress(OSError), open(path, encoding="utf-8") as sched:
                precise += int(sched.read().split()[0])
        return max((user + system) / TICK, precise / 1e9) + (reaped_user + reaped_system) / TICK

    def cpu(self):
        total = self._seconds(self.child.pid)
        for path in glob.glob(f"/proc/{self.child.pid}/task/*/children"):
            with contextlib.suppress(OSError), open(path, encoding="utf-8") as children:
                for pid in children.read().split():
                    with contextlib.suppress(OSError):
                        total += self._seconds(pid)
        return total

    def rss_mib(self):
        with open(f"/proc/{self.child.pid}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        return float("nan")


@atexit.register
def _stop_all():
    for process in reversed(_started):
        process.stop()


class Scraper:
    """Scrapes one URL over a kept connection, gzip as Prometheus asks for it."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.path = parts.path
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def _answer(self):
        self.connection.request("GET", self.path, headers={"Accept-Encoding": "gzip"})
        return self.connection.getresponse()

    def scrape(self):
        """Seconds that one scrape took, and the bytes on the wire."""
        begin = time.perf_counter()
        try:
            answer = self._answer()
        except http.client.RemoteDisconnected:  # it idled for longer than the server keeps it
            answer = self._answer()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self.path}: HTTP {answer.status}")
        return time.perf_counter() - begin, body


def wait_for(url, process, seconds=60):
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException, RuntimeError):
            Scraper(url).scrape()
            return
        if process.child.poll() is not None or time.monotonic() > end:
            with open(process.log, encoding="utf-8", errors="replace") as log:
                raise SystemExit(f"{process.name} does not answer at {url}:\n{log.read()[-2000:]}")
        time.sleep(0.1)


def values(page, metric):
    """The values of all series of a metric of a page."""
    return [float(value) for value in re.findall(rf"^{metric}(?:{{.*}})? (\S+)$", page, re.MULTILINE)]


def quantile(numbers, share):
    """The number that `share` of all lie below; NaN of none."""
    return sorted(numbers)[min(len(numbers) - 1, int(len(numbers) * share))] if numbers else float("nan")


def run(command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/tmp",
                   env={"PATH": BIN + ":/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, **unprivileged())


class Tierwatch(Process):
    """The program, which the servers' user gets a copy of, on a free port; answers `path` already. `config` has no `web:` but
    what of it is in `web`, as YAML's flow style has it."""

    def __init__(self, name, folder, config, path="/metrics", web=""):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        program = os.path.join(folder.path, "tierwatch")
        if not os.path.exists(program):
            run(["cp", os.path.join(ROOT, "build/release/tierwatch"), program])
        file = folder.file(name + ".yml", f'{config}\nweb: {{listen_address: "127.0.0.1:{self.port}", {web}}}\n')
        super().__init__(name, [program, "run", "--config", file], folder)
        wait_for(self.url + path, self)


class PostgresExporter(Process):
    """Debian's postgres_exporter of the server at `source`, which asks `queries` besides, on a free port; answers already."""

    def __init__(self, folder, source, queries):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/metrics"
        super().__init__("postgres_exporter", ["prometheus-postgres-exporter", f"--web.listen-address=127.0.0.1:{port}",
                                               "--extend.query-path=" + folder.file("queries.yaml", queries)], folder,
                         {"DATA_SOURCE_NAME": source + "?sslmode=disable"})
        wait_for(self.url, self, 120)


class Prometheus(Process):
    """Debian's Prometheus on a free port, which takes remote write; answers already."""

    def __init__(self, folder, config="global: {}"):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__("prometheus", ["prometheus", "--config.file=" + folder.file("prometheus.yml", config + "\n"),
                                        "--web.enable-remote-write-receiver", "--web.enable-lifecycle", "--log.level=warn",
                                        f"--storage.tsdb.path={folder.path}/tsdb",
                                        f"--web.listen-address=127.0.0.1:{self.port}"], folder)
        wait_for(self.url + "/-/ready", self)


class Postgres(Process):
    """PostgreSQL 15: a primary, or with `primary` its streaming replica."""

    def __init__(self, name, folder, primary=None):
        self.port = free_port()
        data = os.path.join(folder.path, name)
        if primary:
            run([BIN + "/pg_basebackup", "-d", f"host=127.0.0.1 port={primary.port} user=tw application_name={name}",
                 "-D", data, "-R", "-C", "-S", name, "-X", "stream", "-c", "fast", "--no-sync"])
        else:
            run([BIN + "/initdb", "-D", data, "-U", "tw", "-A", "trust", "--no-sync", "--no-instructions", "-E", "UTF8",
                 "--locale=C"])
        with open(os.path.join(data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write(f"\nlisten_addresses='127.0.0.1'\nport={self.port}\nunix_socket_directories='{folder.path}'\n"
                       "fsync=off\nautovacuum=off\nshared_buffers=64MB\nmax_locks_per_transaction=1024\n")
        super().__init__(name, [BIN + "/postgres", "-D", data], folder)
        for _ in range(200):
            with contextlib.suppress(subprocess.CalledProcessError):
                run([BIN + "/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)])
                return
            time.sleep(0.1)
        raise SystemExit(f"{name} did not start; see {self.log}")

    def sql(self, text, database="postgres"):
        subprocess.run([BIN + "/psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tw",
                        "-d", database], input=text.encode(), check=True, stdout=subprocess.DEVNULL, cwd="/tmp")

    def url(self, database="tw"):
        return f"postgresql://tw@127.0.0.1:{self.port}/{database}"
