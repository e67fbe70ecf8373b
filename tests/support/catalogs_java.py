"""Catalogs that are Java programs: Apache Iceberg's own REST server, and a Hive metastore on Derby.

Both listen on every interface, so as root each is in a network namespace of its own, with a door on the loopback.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.flights import ROOT
from tests.support.jars import jars
from tests.support.locked import file_lock
from tests.support.netns import island

_JAVA = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
_PATIENCE = 90  # seconds; a busy machine
_METASTORE = "org.apache.hadoop.hive.metastore.HiveMetaStore"


@contextmanager
def iceberg_rest(folder: Path) -> Iterator[str]:
    """Its address; it asks nobody who they are, and tables lie in ``folder``."""
    classes = str(jars("iceberg-rest") / "*")
    settings = {
        "CATALOG_REST_PORT": "8181",
        "CATALOG_WAREHOUSE": f"file://{folder}/tables",
        "CATALOG_URI": f"jdbc:sqlite:{folder}/catalog.sqlite",
        "CATALOG_IO__IMPL": "org.apache.iceberg.hadoop.HadoopFileIO",
    }
    command = [*_JAVA, "-cp", classes, "org.apache.iceberg.rest.RESTCatalogServer"]
    with _served(command, folder, 8181, settings) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def hive(folder: Path) -> Iterator[str]:
    """Its address; databases lie in ``folder``."""
    shutil.copytree(_metastore(), folder / "db")
    with _served(_hive_command(folder), folder, 9083, {}) as port:
        yield f"thrift://127.0.0.1:{port}"


def _metastore() -> Path:
    """A database of the metastore's as its first start leaves it, with tables of locks; made once and kept."""
    classes = jars("hive-metastore")
    kept = classes.parent / "db"
    with file_lock(classes.parent / "db.lock"):
        if not (classes.parent / "db.ready").exists():
            made = classes.parent / "made"
            for each in (made, kept):
                shutil.rmtree(each, ignore_errors=True)
            made.mkdir()
            sql = ROOT / "requirements" / "hive-metastore" / "locks.sql"
            url = f"jdbc:derby:;databaseName={made}/db;create=true"
            command = [*_JAVA, "-cp", f"{classes}/*", "sqlline.SqlLine", "--silent=true", "-u", url, "-n", "APP",
                       "-p", "none", "-d", "org.apache.derby.jdbc.EmbeddedDriver",
                       "--isolation=TRANSACTION_READ_COMMITTED", "-f", str(sql)]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, cwd=made)
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
            with _served(_hive_command(made), made, 9083, {}):
                pass
            (made / "db").rename(kept)
            (classes.parent / "db.ready").touch()
    return kept


def _hive_command(folder: Path) -> Sequence[str]:
    settings = {
        "javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder}/db",
        "javax.jdo.option.ConnectionDriverName": "org.apache.derby.jdbc.EmbeddedDriver",
        "datanucleus.schema.autoCreateAll": "true",
        "metastore.schema.verification": "false",
        "metastore.warehouse.dir": f"file://{folder}/warehouse",
        "metastore.expression.proxy": "org.apache.hadoop.hive.metastore.DefaultPartitionExpressionProxy",
        "metastore.task.threads.always": "org.apache.hadoop.hive.metastore.events.EventCleanerTask",
    }
    properties = "".join(f"<property><name>{k}</name><value>{v}</value></property>" for k, v in settings.items())
    (folder / "metastore-site.xml").write_text(f"<configuration>{properties}</configuration>")
    return [*_JAVA, "-cp", f"{folder}:{jars('hive-metastore')}/*", _METASTORE, "-p", "9083"]


@contextmanager
def _served(command: Sequence[str], folder: Path, port: int, settings: Mapping[str, str]) -> Iterator[int]:
    """The port of the loopback that leads to it."""
    log = folder / "server.log"
    with ExitStack() as stack:
        door = port
        if os.geteuid() == 0:
            inside = stack.enter_context(island("server", socket.gethostname()))
            command, door = ["ip", "netns", "exec", inside.name, *command], inside.door(port)
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, env={**os.environ, **settings})
        stack.callback(process.wait)
        stack.callback(process.terminate)
        _answers(process, door, log)
        yield door


def _answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """A door takes whoever comes, and closes at once where nobody is behind it."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as asked:
                asked.settimeout(0.5)
                if asked.recv(1) != b"":
                    return
        except TimeoutError:
            return  # it waits for the first word
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"nobody answers: {log.read_text()[-3000:]}")
