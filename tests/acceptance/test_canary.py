"""No secret is left anywhere: not by hardened containers, not by a build from guarded mirrors, not by any warehouse.

What is searched is searched by tests/support/canary.py, in every form that tests/unit/test_canary_search.py plants.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from floe_images.artifacts.codec import decode
from floe_images.runtime.places import Places
from floe_images.runtime.profile import make_profile
from tests.offline.conftest import Built, Locked
from tests.support.contained import PYTHON
from tests.support.contained_life import Life
from tests.support.https_recorder import Request, Response, https_recorder
from tests.support.mirror import Mirror
from tests.support.mirror_floe import guarded_mirrors
from tests.support.mirror_tiny import floe
from tests.support.mirror_tls import make_tls
from tests.support.netns import island
from tests.support.postgres import Postgres, postgres_server
from tests.support.warehouses import lay_out, run_targets
from tests.support.watched import KEY_NEEDLE, NEEDLE, databases, search, secret

pytestmark = [pytest.mark.acceptance, pytest.mark.network, pytest.mark.timeout(2400)]

_CARELESS = """
import gzip, os
text = open('/run/secrets/warehouse').read()
print(text)
with gzip.open('/var/lib/floe/planted.gz', 'wt') as file:
    file.write(text)
"""


@pytest.mark.engine
def test_containers_leave_none(life: Life, runtime_python: Path, tmp_path: Path) -> None:
    """In what was said and inspected, the state volume, temporary files, telemetry, both databases, and the image."""
    site = life.site
    assert {"webserver.tmp.tar", "webserver.inspect", "pg.err", "state", "image", "collected", "instance"} <= {
        path.name for path in site.left.iterdir()
    }
    headers = {each["headers"].get("x-token") or each["headers"].get("authorization") for each in site.collector.got}
    # They were used: so they could have been left.
    assert {secret("header"), f"Bearer {secret('lineage')}"} == headers
    paths = [site.left, *databases(site.postgres, tmp_path / "dump"), site.project.layout]
    assert search(runtime_python, paths) == []


@pytest.mark.engine
def test_a_careless_container_s_are_found(life: Life, runtime_python: Path) -> None:
    """The control: a secret in a variable, in the log, and packed in the state volume."""
    site = life.site
    flags = ("--entrypoint", PYTHON, "--env", f"PLANTED={secret('planted')}")
    assert site.run("careless", "-c", _CARELESS, flags=flags) == 0
    state = site.left / "state-of-the-careless"
    site.copy_state(state)
    names = ("careless.inspect", "careless.out")
    found = search(runtime_python, [state, *(site.left / name for name in names)])
    assert {Path(where).name for _, _, where in found} == {*names, "planted.gz"}


def test_a_build_from_guarded_mirrors_leaves_none(
    built: Built, locked: Locked, runtime_python: Path, tmp_path: Path
) -> None:
    """Neither in the lock, in layers, in archives, in the cache, in the user's home, nor in what was said, at -v."""
    host, user, password = "mirror.corp.example", "build-bot", secret("mirror")
    tls = make_tls(tmp_path / "tls", host)
    content = locked.ground.mirror.content
    mirror = Mirror(content=content, folders=(locked.ground.index,), user=(user, password), tls=tls, host=host)
    env = built.ground.environment("canary", MIRROR_PASSWORD=password)
    wrong = {**env, "MIRROR_PASSWORD": secret("wrong")}
    with island(host) as land, mirror.serving(land.listen()):
        project = built.ground.project("canary", mirrors=guarded_mirrors(mirror, "corp-ca.pem"))
        (project / "corp-ca.pem").write_bytes(tls.authority.read_bytes())
        refused = land.run(floe("-v", "lock"), cwd=project, env=wrong)
        done = land.run(floe("-v", "build", "--output", "archives"), cwd=project, env=env)
    assert (refused.returncode != 0, done.returncode) == (True, 0), refused.stderr + done.stderr
    assert {asked.user for asked in mirror.asked if asked.status == 200} == {user}
    assert 401 in {asked.status for asked in mirror.asked}  # the wrong password was sent, too
    (project / "said").write_text(refused.stdout + refused.stderr + done.stdout + done.stderr)
    assert list((project / "archives").iterdir())
    paths = [project, Path(env["HOME"]), Path(env["FLOE_CACHE_DIR"])]
    assert search(runtime_python, paths) == []


SNOWFLAKE, BIGQUERY, DATABRICKS = "acc.example.internal", "token.example.internal", "work.example.internal"
_SNOW = f"adapter: snowflake, account: acc, host: {SNOWFLAKE}, user: floe, warehouse: w, database: d, schema: s"
_BRICKS = f"adapter: databricks, host: {DATABRICKS}, http_path: /sql/1.0/warehouses/six, catalog: main, schema: s"
_RED = "adapter: redshift, host: 127.0.0.1, user: guest, database: floe, schema: s, sslmode: disable"
_BIG = "adapter: bigquery, project: six, dataset: one"
LOGINS = {
    "snow": (_SNOW, "method: password, password: {secret: password}"),
    "snow-key": (_SNOW, "method: key_pair, private_key: {secret: pair}, passphrase: {secret: phrase}"),
    "snow-oauth": (_SNOW, "method: oauth, token: {secret: word}, client_id: c, client_secret: {secret: client}"),
    "big": (_BIG, "method: service_account, key: {secret: account}"),
    "red": (_RED, "method: password, password: {secret: password}"),
    "bricks": (_BRICKS, "method: token, token: {secret: word}"),
    "bricks-oauth": (_BRICKS, "method: oauth, client_id: c, client_secret: {secret: client}"),
}


def _refuse(request: Request) -> Response:
    """As each of the services does, once it has been sent a secret."""
    if request.path == "/.well-known/databricks-config":
        return Response.of({"oidc_endpoint": f"https://{DATABRICKS}/oidc"})
    if request.path.startswith("/oidc/.well-known/"):
        base = f"https://{DATABRICKS}/oidc/v1"
        return Response.of({"authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token"})
    if request.host == SNOWFLAKE and "token-request" not in request.path:
        said = {"code": "390100", "message": "Incorrect username or password was specified.", "data": {}}
        return Response.of({"success": False, **said})
    return Response.of({"error": "invalid_client", "error_description": "no"}, status=401)


@pytest.fixture
def md5_postgres() -> Iterator[Postgres]:
    """Who asks for passwords as Redshift does, and knows ``guest`` by another one."""
    readable = Path(tempfile.mkdtemp())  # by the user that PostgreSQL runs as
    readable.chmod(0o755)
    (readable / "pg_hba.conf").write_text("host all all 127.0.0.1/32 md5\n")
    try:
        with postgres_server(f"hba_file = '{readable}/pg_hba.conf'", "password_encryption = md5") as server:
            server.psql("create role guest login password 'another'")
            yield server
    finally:
        shutil.rmtree(readable)


def test_warehouses_that_refuse_leave_none(runtime_python: Path, md5_postgres: Postgres, tmp_path: Path) -> None:
    """Every way to log in to Snowflake, BigQuery, Redshift and Databricks: the profile, and a run that fails by it."""
    plain = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    phrase = f"{NEEDLE} phrase {NEEDLE}"
    key, pair = (
        subprocess.run([*plain, *more], capture_output=True, text=True, check=True).stdout
        for more in ((), ("-aes256", "-pass", f"pass:{phrase}"))
    )
    account = {"type": "service_account", "client_email": "me@six.iam", "private_key": key,
               "private_key_id": secret("id"), "token_uri": f"https://{BIGQUERY}/token"}  # fmt: skip
    secrets = {"password": secret("password"), "client": secret("client"), "word": f"{NEEDLE}-word-{NEEDLE}",
               "phrase": phrase, "pair": pair, "account": json.dumps(account)}  # fmt: skip
    targets = "".join(
        f"  {name}: {{{common}{f', port: {md5_postgres.port}' if name == 'red' else ''}, auth: {{{auth}}}}}\n"
        for name, (common, auth) in LOGINS.items()
    )
    warehouses = lay_out(tmp_path / "home", targets, secrets)
    left = tmp_path / "left"
    left.mkdir()
    artifacts = decode((warehouses.folder / "artifacts.json").read_bytes(), where="artifacts.json")
    for target in artifacts.targets:
        profile = make_profile(artifacts, target, places=Places.of(warehouses.environ), environ={}, memory=None)
        (left / f"{target.name}.profile").write_text(json.dumps(profile.document) + repr(profile))
    hosts = (SNOWFLAKE, BIGQUERY, DATABRICKS)
    tls = make_tls(tmp_path / "tls", *hosts)
    with https_recorder(tls, _refuse) as recorder:
        done = run_targets(
            runtime_python, warehouses, commands=dict.fromkeys(LOGINS, ("build",)), timeout=900,
            ports=dict.fromkeys(hosts, recorder.port), environ={"SSL_CERT_FILE": str(tls.authority)},
        )  # fmt: skip
    assert set(done.codes) == set(LOGINS), done.said
    assert 0 not in done.codes.values(), done.said
    assert {each.host for each in recorder.requests} == set(hosts)
    # What is refused was sent.
    logins = [each.json()["data"] for each in recorder.to(SNOWFLAKE, "/session/v1/login-request")]
    assert {login["PASSWORD"] for login in logins if "PASSWORD" in login} == {secret("password")}
    assert [login for login in logins if login.get("AUTHENTICATOR") == "SNOWFLAKE_JWT"]
    assert {each.form()["grant_type"] for each in recorder.to(BIGQUERY)} == {
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    }
    assert {each.headers["authorization"] for each in recorder.to(DATABRICKS, "/sql/")} == {f"Bearer {secrets['word']}"}
    basic = [each.headers["authorization"].removeprefix("Basic ") for each in recorder.to(DATABRICKS, "/oidc/v1/token")]
    assert {base64.b64decode(each) for each in basic} == {f"c:{secret('client')}".encode()}
    assert 'password authentication failed for user "guest"' in done.said
    (left / "said").write_text(done.said)
    # A key has no room for a needle: a line of it is one.
    lines = [re.findall(r"[A-Za-z0-9]{16,}", text)[3] for text in (key, pair)]
    kept = [path for path in sorted(warehouses.folder.iterdir()) if path.name != "secrets"]
    needles = (NEEDLE, KEY_NEEDLE, *lines)
    assert search(runtime_python, [left, *kept], needles) == []
    assert {needle for needle, _, _ in search(runtime_python, [warehouses.folder / "secrets"], needles)} == {
        NEEDLE, *lines
    }  # fmt: skip
