"""Redshift's driver with floe's profiles against a real PostgreSQL, as far as that goes, and AWS' API recorded."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.support.https_recorder import Request, Response, https_recorder
from tests.support.mirror_tls import make_tls
from tests.support.postgres import postgres_server
from tests.support.warehouses import CONNECT, lay_out, run_targets

AWS = "redshift.eu-west-1.amazonaws.com"
CLUSTER = "six.abc.eu-west-1.redshift.amazonaws.com"
PASSWORD = "p\"a'ss {{ word }} \\ \nand more"
TARGETS = """\
  password:
    {{adapter: redshift, host: 127.0.0.1, port: {port}, user: floe_nasty, database: floe, schema: one, sslmode: disable,
     auth: {{method: password, password: {{secret: password}}}}}}
  wrong:
    {{adapter: redshift, host: 127.0.0.1, port: {port}, user: floe_nasty, database: floe, schema: one, sslmode: disable,
     auth: {{method: password, password: {{secret: wrong}}}}}}
  iam:
    {{adapter: redshift, host: six.abc.eu-west-1.redshift.amazonaws.com, port: 5439, user: floe_iam,
     database: floe, schema: one, auth: {{method: iam, cluster_id: six, region: eu-west-1}}}}
"""
_CREDENTIALS = """<GetClusterCredentialsResponse xmlns="http://redshift.amazonaws.com/doc/2012-12-01/">
<GetClusterCredentialsResult><DbUser>floe_iam</DbUser><DbPassword>of-an-hour</DbPassword>
<Expiration>2099-01-01T00:00:00Z</Expiration></GetClusterCredentialsResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetClusterCredentialsResponse>"""
_CLUSTERS = """<DescribeClustersResponse xmlns="http://redshift.amazonaws.com/doc/2012-12-01/">
<DescribeClustersResult><Clusters><Cluster><ClusterIdentifier>six</ClusterIdentifier><Endpoint>
<Address>127.0.0.1</Address><Port>{port}</Port></Endpoint></Cluster></Clusters></DescribeClustersResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></DescribeClustersResponse>"""


def test_a_password_opens_a_connection_and_a_temporary_one_is_asked_for(runtime_python: Path, tmp_path: Path) -> None:
    # The driver speaks MD5 and Redshift's own ways; what it has of SCRAM does not do with PostgreSQL's.
    readable = Path(tempfile.mkdtemp())  # by the user that PostgreSQL runs as
    readable.chmod(0o755)
    (readable / "pg_hba.conf").write_text("host all all 127.0.0.1/32 md5\n")
    lines = (f"hba_file = '{readable}/pg_hba.conf'", "password_encryption = md5")
    tls = make_tls(tmp_path / "tls", AWS)
    quoted = PASSWORD.replace("'", "''").replace("\\", "\\\\")
    with postgres_server(*lines) as postgres:
        postgres.psql(f"create role floe_nasty login password E'{quoted}'")
        postgres.psql("create role floe_iam login password 'of-an-hour'")
        secrets = {"password": PASSWORD, "wrong": "wr0ng-c4n4ry"}
        warehouses = lay_out(tmp_path / "home", TARGETS.format(port=postgres.port), secrets)

        def answer(request: Request) -> Response:
            describe = request.form()["Action"] == "DescribeClusters"
            text = _CLUSTERS.format(port=postgres.port) if describe else _CREDENTIALS
            return Response(body=text.encode(), type="text/xml")

        with https_recorder(tls, answer) as recorder:
            done = run_targets(
                runtime_python,
                warehouses,
                commands={"password": CONNECT, "iam": CONNECT, "wrong": CONNECT},
                ports={AWS: recorder.port, CLUSTER: postgres.port},
                environ={
                    "SSL_CERT_FILE": str(tls.authority),
                    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                    "AWS_SECRET_ACCESS_KEY": "aws-c4n4ry",
                },
            )
    shutil.rmtree(readable)
    # PostgreSQL lets the right password in, and then does not know a setting that the driver asks Redshift for.
    right, iam, wrong = done.said.split("1 check failed:")[1:]
    assert 'unrecognized configuration parameter "client_protocol_version"' in right
    assert 'password authentication failed for user "floe_nasty"' in wrong
    # With IAM the driver wants TLS of a certificate of Amazon's: it comes as far as that.
    assert "SSL" in iam
    asked = [each for each in recorder.requests if each.form()["Action"] == "GetClusterCredentials"]
    assert {(each.form()["DbUser"], each.form()["ClusterIdentifier"]) for each in asked} == {("floe_iam", "six")}
    assert all("Credential=AKIDEXAMPLE/" in each.headers["authorization"] for each in asked)
    assert done.names() == {AWS, CLUSTER}
    assert done.addresses() == {"127.0.0.1"}
    for secret in ("and more", "wr0ng-c4n4ry", "aws-c4n4ry", "of-an-hour"):
        assert secret not in done.said
