"""Serve the double: ``python -m tests.support.polaris``. Its first line on stdout is the port, as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys

from tests.support.polaris.server import Double
from tests.support.polaris.state import State


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--store", choices=("in-memory", "relational-jdbc"), default="in-memory")
    parser.add_argument("--answers-as", default="1.4.1", metavar="VERSION", help="1.4.1 was seen, later ones were read")
    parser.add_argument("--authentication", choices=("oauth2", "none"), default="oauth2")
    parser.add_argument("--file-storage", action="store_true", help="the settings that FILE needs are set")
    parser.add_argument("--controls", action="store_true", help="take faults on wish at /double/faults")
    options = parser.parse_args()
    # Polaris' own variable: REALM,CLIENT_ID,SECRET
    realm, client_id, secret = os.environ["POLARIS_BOOTSTRAP_CREDENTIALS"].split(",")
    version = tuple(int(part) for part in options.answers_as.split("."))
    state = State(store=options.store, version=version, file_storage=options.file_storage)
    server = Double(
        (options.host, options.port),
        state,
        root=(client_id, secret),
        realm=realm,
        authentication=options.authentication,
        controls=options.controls,
    )
    sys.stdout.write(json.dumps({"port": server.server_address[1]}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
