# ruff: noqa: E501  (a finding stands on one line, as it is printed)
"""Each fault of a floe.yaml → exactly these findings."""

from __future__ import annotations

import pytest

from tests.support.findings import GOOD, findings_of, replaced


def test_the_good_one_has_no_findings() -> None:
    assert findings_of(GOOD) == []


QUOTES = "is a number here, and must be a text in quotes"
SECRET = "a secret is only ever {env: NAME} or {secret: name}"
ADAPTERS = "duckdb, postgres, snowflake, bigquery, redshift, databricks"

# name → (what is replaced in GOOD, by what, the findings)
CHANGES: dict[str, tuple[str, str, list[str]]] = {
    "number for python": ('"3.11"', "3.11", [f'floe.yaml:3:17: image.python: {QUOTES} (write python: "3.11")']),
    "another number for python": ('"3.11"', "3.10", [f'floe.yaml:3:17: image.python: {QUOTES} (write python: "3.11")']),
    "another python": (
        '"3.11"',
        '"3.12"',
        [
            'floe.yaml:3:17: image.python: must be "3.11", the Python that Debian bookworm carries (python: Python\'s version: what the Debian suite carries)'
        ],
    ),
    "number for version": ('"1.0"', "1.0", [f'floe.yaml:1:10: version: {QUOTES} (write version: "1.0")']),
    "no version": ('version: "1.0"\n', "", ['floe.yaml:1:1: version: is missing (add version: "1.0")']),
    "unknown key": (
        "default_target: dev",
        "default_target: dev\ndefalt_target: dev",
        ["floe.yaml:8:1: defalt_target: is not a key here (did you mean default_target?)"],
    ),
    "unknown key, nothing near": (
        '{python: "3.11"}',
        '{python: "3.11", mirrors: {zzz: 1}}',
        [
            "floe.yaml:3:35: image.mirrors.zzz: is not a key here "
            "(one of: python, debian, debian_security, snapshot, registries, ca_certificates)"
        ],
    ),
    "unknown key in a target": (
        "f.duckdb}",
        "f.duckdb, pth: 1}",
        ["floe.yaml:6:56: targets.dev.pth: is not a key here (did you mean path?)"],
    ),
    "unknown word": (
        "[duckdb]",
        "[duckdb, postgre]",
        ["floe.yaml:4:20: adapters[1]: is not known (did you mean postgres?)"],
    ),
    "unknown adapter of a target": (
        "adapter: duckdb,",
        "adapter: oracle,",
        [f"floe.yaml:6:18: targets.dev.adapter: is not known (one of: {ADAPTERS})"],
    ),
    "adapter of a target is missing": (
        "{adapter: duckdb, path: /var/lib/floe/f.duckdb}",
        "{path: /tmp/f}",
        [f"floe.yaml:6:3: targets.dev.adapter: is missing (one of: {ADAPTERS})"],
    ),
    "adapter not listed": (
        "[duckdb]",
        "[postgres]",
        ["floe.yaml:6:18: targets.dev.adapter: is not one of adapters (add duckdb to adapters)"],
    ),
    "default target not there": (
        "default_target: dev",
        "default_target: prod",
        ["floe.yaml:7:17: default_target: is not one of targets (one of: dev)"],
    ),
    "path elsewhere": (
        "/var/lib/floe/f.duckdb",
        "/var/lib/floe/../f.duckdb",
        [
            "floe.yaml:6:32: targets.dev.path: must lie under /var/lib/floe or /tmp (path: The database file, under /var/lib/floe (kept) or /tmp (lost at the end))"
        ],
    ),
    "transform outside": (
        "path: transform",
        "path: ../transform",
        [
            "floe.yaml:8:32: transforms[0].path: must be a path inside the project, relative to floe.yaml (path: Folder of the dbt project, relative to floe.yaml)"
        ],
    ),
    "transform absolute": (
        "path: transform",
        "path: /transform",
        [
            "floe.yaml:8:32: transforms[0].path: must be a path inside the project, relative to floe.yaml (path: Folder of the dbt project, relative to floe.yaml)"
        ],
    ),
    **{
        f"transform {path}": (
            "path: transform",
            f"path: {path}",
            [
                "floe.yaml:8:32: transforms[0].path: must be a folder of its own, below the one that floe.yaml lies in (path: Folder of the dbt project, relative to floe.yaml)"
            ],
        )
        for path in (".", "./", "./.")
    },
    "half a character": (
        "name: flights",
        'name: "\\ud800"',
        ["floe.yaml:2:7: name: must be a text of whole characters (name: Name of the project)"],
    ),
    "empty list": (
        "[duckdb]",
        "[]",
        ["floe.yaml:4:11: adapters: must not be empty (adapters: dbt adapters that the image carries)"],
    ),
    "empty value": ("[duckdb]", "", ["floe.yaml:4:10: adapters: is empty (give it a value, or remove the key)"]),
    "list for a mapping": (
        '{python: "3.11"}',
        "[]",
        ["floe.yaml:3:8: image: must be a mapping (write {key: value}, or each key on an indented line of its own)"],
    ),
    "text for a list": (
        "[duckdb]",
        "duckdb",
        ["floe.yaml:4:11: adapters: must be a list (write [item, …], or each item on a line that begins with -)"],
    ),
    "same adapter twice": (
        "[duckdb]",
        "[duckdb, duckdb]",
        ["floe.yaml:4:20: adapters[1]: is the same as adapters[0] (keep one of the two)"],
    ),
    "bad name": (
        "name: flights",
        "name: Flights",
        [
            "floe.yaml:2:7: name: must be lower-case letters and digits, with single _ or - between (name: Name of the project)"
        ],
    ),
    "name with a line end": (
        "name: flights",
        'name: "flights\\n"',
        [
            "floe.yaml:2:7: name: must be lower-case letters and digits, with single _ or - between (name: Name of the project)"
        ],
    ),
    "number for a name": ("name: flights", "name: 42", ["floe.yaml:2:7: name: must be a text (put it in quotes)"]),
    "bad key of a target": (
        "  dev: ",
        "  my dev: ",
        [
            'floe.yaml:6:3: targets."my dev": must be a name of letters, digits, _ and -, beginning with a letter (targets: Where dbt\'s SQL runs, by name)',
            'floe.yaml:7:17: default_target: is not one of targets (one of: "my dev")',
        ],
    ),
    "size": (
        '{python: "3.11"}',
        "{max_size: 2 goats}",
        [
            "floe.yaml:3:19: image.max_size: must be a size such as 2GB or 500MB (max_size: Most that the uncompressed layers of one platform may sum up to; 1 GB is 10⁹ bytes)"
        ],
    ),
    "size zero": (
        '{python: "3.11"}',
        "{max_size: 0}",
        [
            "floe.yaml:3:19: image.max_size: must be more than 0 (max_size: Most that the uncompressed layers of one platform may sum up to; 1 GB is 10⁹ bytes)"
        ],
    ),
    "platform": (
        '{python: "3.11"}',
        "{platforms: [linux/amd46]}",
        ["floe.yaml:3:21: image.platforms[0]: is not known (did you mean linux/amd64?)"],
    ),
    "boolean as a word": (
        '{python: "3.11"}',
        "{debug: yes}",
        [
            "floe.yaml:3:16: image.debug: must be true or false (debug: Make a second image, with a shell, under its own name)"
        ],
    ),
    "requirement by address": (
        '{python: "3.11"}',
        '{python_packages: ["x @ https://h.test/x.whl"]}',
        [
            "floe.yaml:3:27: image.python_packages[0]: must name a package of the index; "
            "an address or a path cannot be locked by its name (python_packages: More requirements (PEP 508), by name)"
        ],
    ),
    "requirement of a shell": (
        '{python: "3.11"}',
        '{python_packages: ["curl; rm -rf /"]}',
        [
            "floe.yaml:3:27: image.python_packages[0]: is not a requirement such as requests>=2.32 (PEP 508) (python_packages: More requirements (PEP 508), by name)"
        ],
    ),
    "debian package of a shell": (
        '{python: "3.11"}',
        '{debian_packages: ["curl; rm -rf /"]}',
        [
            "floe.yaml:3:27: image.debian_packages[0]: must be the name of a Debian package (debian_packages: More Debian packages)"
        ],
    ),
    "delta on databricks": (
        "[duckdb]\ntargets:",
        "[duckdb, databricks]\ntargets:\n"
        "  b: {adapter: databricks, host: h, http_path: /x, auth: {method: token, token: {env: T}}, "
        "schema: s, table_format: delta}",
        [
            "floe.yaml:6:117: targets.b.table_format: must be iceberg "
            "(Delta tables cannot be read through the Iceberg catalogs that floe uses)"
        ],
    ),
    "cron": (
        "default_target: dev",
        'default_target: dev\norchestration: {schedules: [{name: n, cron: "0 25 * * *", timezone: Mars/Base}]}',
        [
            "floe.yaml:8:45: orchestration.schedules[0].cron: the field hour is not a cron field from 0 to 23 (cron: Minute, hour, day of month, month, day of week; or @hourly, @daily, and so on)",
            "floe.yaml:8:69: orchestration.schedules[0].timezone: "
            "is not an IANA time zone such as America/New_York or UTC (timezone: IANA time zone, such as America/New_York)",
        ],
    ),
    "catalog of a target not there": (
        "{adapter: duckdb, path: /var/lib/floe/f.duckdb}",
        "{adapter: duckdb, path: /var/lib/floe/f.duckdb, schema: shop, catalog: lake}",
        ["floe.yaml:6:79: targets.dev.catalog: is not one of catalogs"],
    ),
    "catalog with DuckDB's own schema": (
        "{adapter: duckdb, path: /var/lib/floe/f.duckdb}",
        "{adapter: duckdb, path: /var/lib/floe/f.duckdb, catalog: lake}\n"
        "catalogs: {lake: {type: local, warehouse: /var/lib/floe/lake}}",
        [
            "floe.yaml:6:65: targets.dev.catalog: needs another schema than main, which is DuckDB's own "
            "(give the target a schema: the Iceberg namespace of its tables)"
        ],
    ),
    "catalog of the file's name": (
        "{adapter: duckdb, path: /var/lib/floe/f.duckdb}",
        "{adapter: duckdb, path: /var/lib/floe/lake.duckdb, schema: shop, catalog: lake}\n"
        "catalogs: {lake: {type: local, warehouse: /var/lib/floe/lake}}",
        [
            "floe.yaml:6:82: targets.dev.catalog: has the name of a database of DuckDB's, which the file's name gives "
            "(rename the catalog, or the target's file)"
        ],
    ),
    "exports": (
        "default_target: dev",
        "default_target: dev\n"
        "exports:\n"
        "  - {model: a, catalog: lake, namespace: b}\n"
        "  - {model: x, catalog: no, namespace: b}\n"
        "  - {model: c, catalog: lake, namespace: b, table: a, partition_by: [week(d)]}\n"
        "catalogs: {lake: {type: local, warehouse: /var/lib/floe/lake}}",
        [
            "floe.yaml:10:25: exports[1].catalog: is not one of catalogs (one of: lake)",
            "floe.yaml:11:5: exports[2]: writes the same table as exports[0] (give one of the two another table)",
            "floe.yaml:11:70: exports[2].partition_by[0]: must be a column, year(c), month(c), day(c), hour(c), "
            "bucket(16, c) or truncate(10, c) (partition_by: How the table is partitioned)",
        ],
    ),
    "maintenance": (
        "default_target: dev",
        "default_target: dev\n"
        "orchestration:\n"
        "  schedules: [{name: maintenance, cron: '@daily'}]\n"
        "  maintenance: {cron: '@daily', catalogs: [no], orphans: 3h}",
        [
            "floe.yaml:9:22: orchestration.schedules[0].name: is the name of the schedule of "
            "orchestration.maintenance (give it another)",
            "floe.yaml:10:16: orchestration.maintenance: has nothing to look after "
            "(name Iceberg catalogs in catalogs, or leave it out)",
            "floe.yaml:10:44: orchestration.maintenance.catalogs[0]: is not one of catalogs",
            "floe.yaml:10:58: orchestration.maintenance.orphans: must be at least 86400 (orphans: Age in seconds (or 3d) from which files that nothing refers to go; a day at least)",
        ],
    ),
    "sensor after an unknown schedule": (
        "default_target: dev",
        "default_target: dev\n"
        "orchestration: {sensors: [{type: run_status, name: s, status: success, schedule: n, target: p}]}",
        [
            "floe.yaml:8:82: orchestration.sensors[0].schedule: is not one of orchestration.schedules",
            "floe.yaml:8:93: orchestration.sensors[0].target: is not one of targets (one of: dev)",
        ],
    ),
    "on for off": (
        "default_target: dev",
        "default_target: dev\nobservability: {traces: on}",
        [
            "floe.yaml:8:25: observability.traces: must be off, or a mapping that names an endpoint (traces: OpenTelemetry: off, or an endpoint)"
        ],
    ),
    "data in data": (
        "transforms:",
        'data: [{name: a, package: "p==1", member: m, place: a.csv}, {name: b, package: "p==1", member: m, place: a.csv/b},\n'
        '  {name: c, package: "p==1", member: m, place: /opt/floe/data/a.csv}]\ntransforms:',
        [
            "floe.yaml:8:106: data[1].place: lies in data[0].place, which is a file (choose another place)",
            "floe.yaml:9:48: data[2].place: is the same as data[0].place (choose another place)",
        ],
    ),
    "data elsewhere": (
        "default_target: dev",
        "default_target: dev\n"
        "data: [{name: d, package: p, member: m, place: /etc/passwd}, {name: d, package: p, member: m, place: d}]",
        [
            "floe.yaml:8:48: data[0].place: must lie under /opt/floe/data (place: Path in the image, under /opt/floe/data)",
            "floe.yaml:8:69: data[1].name: is the same as data[0] (keep one of the two)",
        ],
    ),
    "data from outside of the package": (
        "default_target: dev",
        "default_target: dev\n"
        "data: [{name: a, package: p, member: ../../x, place: a}, {name: b, package: p, member: /abs, place: b},\n"
        "  {name: c, package: p, member: x.zip!../y, place: c}, {name: d, package: p, member: x.zip!, place: d}]",
        [
            f"floe.yaml:{at}: data[{index}].member: must be a path in the package's file, relative and without . and .. (member: Path in the package's file; ! leads into an archive in it (data/flights.zip!flights.csv))"
            for index, at in enumerate(("8:38", "8:88", "9:33", "9:86"))
        ],
    ),
    "a time that never comes": (
        "default_target: dev",
        'default_target: dev\norchestration: {schedules: [{name: n, cron: "0 0 30 2 *"}]}',
        [
            "floe.yaml:8:45: orchestration.schedules[0].cron: never comes: no such month has that day (cron: Minute, hour, day of month, month, day of week; or @hourly, @daily, and so on)"
        ],
    ),
    "credentials in an address": (
        '{python: "3.11"}',
        "{mirrors: {python: https://user:hunter2@mirror.test/simple}}",
        [
            "floe.yaml:3:27: image.mirrors.python: an address may not carry a user name, a password, ? or # (python: Python index (Simple API))"
        ],
    ),
    "anchor and alias": (
        "[duckdb]",
        "&a [duckdb]\ndata: *a",
        [
            "floe.yaml:4:11: adapters: anchors are not part of floe.yaml (write the value out where it is used)",
            "floe.yaml:5:7: data: aliases are not part of floe.yaml (write the value out)",
        ],
    ),
    "tag": (
        "name: flights",
        "name: !!str flights",
        ["floe.yaml:2:7: name: tags are not part of floe.yaml (remove the word that begins with !)"],
    ),
    "python object": (
        "name: flights",
        "name: !!python/object/apply:os.system [id]",
        ["floe.yaml:2:7: name: tags are not part of floe.yaml (remove the word that begins with !)"],
    ),
    "duplicate key": (
        "name: flights",
        "name: flights\nname: other",
        ["floe.yaml:3:1: name: this key is there already (it is first on line 2; keep one of the two)"],
    ),
    "number as a key": (
        "name: flights",
        "name: flights\n1: x",
        ["floe.yaml:3:1: a key must be a text (put it in quotes)"],
    ),
    "list as a key": ("name: flights", "name: flights\n[a]: x", ["floe.yaml:3:1: a key must be a text"]),
}


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES.values(), ids=list(CHANGES))
def test_change(old: str, new: str, expected: list[str]) -> None:
    assert findings_of(replaced(old, new)) == expected


DOCUMENTS: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": ("", ["floe.yaml:1:1: is empty (`floe init` writes one to start from)"]),
    "only a comment": ("# nothing\n", ["floe.yaml:1:1: is empty (`floe init` writes one to start from)"]),
    "a list": ("- a\n", ["floe.yaml:1:1: must be a mapping of keys and values (`floe init` writes one to start from)"]),
    "an alias": ("*a\n", ["floe.yaml:1:1: aliases are not part of floe.yaml (write the value out)"]),
    "two documents": (
        GOOD + "---\n" + GOOD,
        ["floe.yaml:9:1: a second document begins here (keep one document in the file)"],
    ),
    "YAML 1.1": ("%YAML 1.1\n---\n" + GOOD, ["floe.yaml:1:1: floe.yaml is YAML 1.2 (remove the %YAML line)"]),
    "byte order mark": (
        b"\xef\xbb\xbf" + GOOD.encode(),
        ["floe.yaml:1:1: begins with a byte order mark (save it as UTF-8 without BOM)"],
    ),
    "UTF-16": (GOOD.encode("utf-16"), ["floe.yaml:1:1: begins with a byte order mark (save it as UTF-8 without BOM)"]),
    "latin-1": (b"version: x\nname: caf\xe9\n", ["floe.yaml:2:10: is not UTF-8 (save it as UTF-8)"]),
    "control character": (
        "version: x\nna\x00me: y\n",
        ["floe.yaml:2:3: a control character is not allowed in YAML (remove it)"],
    ),
    "not closed": (
        "a: [1, 2\nb: 3\n",
        [
            "floe.yaml:2:2: is not YAML: expected ',' or ']', but got ':' (check quotes, brackets, colons and the indentation around there)"
        ],
    ),
    "tab": ("a:\n\tb: 1\n", ["floe.yaml:2:1: a tab is not allowed here (YAML is indented with spaces)"]),
    "deep": ("[" * 5000, ["floe.yaml:1:34: is nested more than 32 levels deep (no key of floe.yaml is)"]),
    "deep blocks": ("- " * 5000, ["floe.yaml:1:67: is nested more than 32 levels deep (no key of floe.yaml is)"]),
    "large": (
        "# " + "x" * 300_000,
        ["floe.yaml:1:1: is larger than 256 KiB (take out what is no setting: a large one has 10 KiB)"],
    ),
    "another version": (
        'version: "2.0"\nnmae: flights\n',
        ['floe.yaml:1:10: version: this floe does not read that version (supported: "1.0")'],
    ),
    "nothing but a version": (
        'version: "1.0"\n',
        [
            "floe.yaml:1:1: adapters: is missing (add adapters: dbt adapters that the image carries)",
            "floe.yaml:1:1: default_target: is missing "
            "(add default_target: The target that is used unless another is asked for)",
            "floe.yaml:1:1: name: is missing (add name: Name of the project)",
            "floe.yaml:1:1: targets: is missing (add targets: Where dbt's SQL runs, by name)",
            "floe.yaml:1:1: transforms: is missing (add transforms: dbt projects)",
        ],
    ),
    "a key for a terminal": (
        '"\\e[31mred": 1\n' + GOOD,
        [
            'floe.yaml:1:1: "\\x1b[31mred": is not a key here (one of: version, name, image, adapters, targets, '
            "default_target, catalogs, services, transforms, exports, data, orchestration, observability)"
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), DOCUMENTS.values(), ids=list(DOCUMENTS))
def test_document(text: str | bytes, expected: list[str]) -> None:
    assert findings_of(text) == expected


LAUGHS = "a: &a [lol, lol]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_a_billion_laughs_stay_small() -> None:
    found = findings_of(LAUGHS)
    assert sum("aliases are not part of floe.yaml" in finding for finding in found) == 72
    assert sum("anchors are not part of floe.yaml" in finding for finding in found) == 9


def test_all_findings_come_at_once_and_from_the_top_down() -> None:
    text = GOOD.replace('"3.11"', "3.11").replace("name: flights", "name: F").replace("path: transform", "pth: t")
    found = findings_of(text)
    assert [finding.split(": ")[0] for finding in found] == [
        "floe.yaml:2:7",
        "floe.yaml:3:17",
        "floe.yaml:8:14",
        "floe.yaml:8:26",
    ]
