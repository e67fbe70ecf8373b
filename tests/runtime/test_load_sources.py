"""The flights example's own models on a few flights: DuckDB reads the CSV files, PostgreSQL is given them, once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.dbt_world import Run, World
from tests.support.flights import ROOT
from tests.support.postgres import Postgres
from tests.support.runtime import run_inside

EXAMPLE = ROOT / "examples" / "flights" / "transform"
LOAD = ROOT / "tests" / "runtime" / "inside" / "load_files.py"
TABLES = ROOT / "tests" / "support" / "inside" / "tables.py"
PG = {"target": "pg", "exclude": ["every_flight_is_there"]}
LOADED = [f"{name}.csv was loaded into raw.{name}: {rows} rows"
          for name, rows in (("airlines", 2), ("airports", 3), ("flights", 600), ("planes", 2))]  # fmt: skip

SMALL = {
    "airlines": 'carrier,name\nAA,"American, Inc."\nUA,United Air Lines\n',
    "airports": "faa,name,lat,lon,alt,tz,dst,tzone\nATL,Hartsfield,33.636719,-84.428067,1026,-5,A,America/New_York\n"
    "DTT,,42.1,-83.3,1,-5,A,NA\nMIA,\"Miami \"\"Intl\"\"\",25.79325,-80.290556,8,-5,A,America/New_York\n",
    "planes": "tailnum,year,type,manufacturer,model,engines,seats,speed,engine\nN1,1999,F,ÆRO,X,2,100,NA,T\n"
    "N2,NA,F,BOEING,Y,2,200,NA,T\n",
}  # fmt: skip


def flight(number: int) -> str:
    """Delays whose means are ties of two decimals: 600 flights, some cancelled."""
    gone = number % 50 == 0
    delay = "NA" if gone else str(number % 7 - 2)
    carrier, origin, plane = (
        ("AA", "UA")[number % 2],
        ("EWR", "JFK", "LGA")[number % 3],
        ("N1", "N2", "NA", "N9")[number % 4],
    )
    destination = ("ATL", "MIA", "SJU")[number % 3]
    departed = "NA" if gone else "517"
    return (f"2013,1,{1 + number % 3},{departed},515,{delay},830,819,{delay},{carrier},{number},{plane},{origin},"
            f"{destination},{'NA' if gone else 100 + number % 9},1400,5,15,2013-01-01T10:00:00Z\n")  # fmt: skip


def lay_out(world: World) -> None:
    data = world.folder / "home" / "data"
    data.mkdir()
    head = ("year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
            "origin,dest,air_time,distance,hour,minute,time_hour\n")  # fmt: skip
    for name, text in {**SMALL, "flights": head + "".join(map(flight, range(600)))}.items():
        (data / f"{name}.csv").write_text(text)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, runtime_python: Path) -> World:
    made = World.make(tmp_path_factory.mktemp("load") / "w", runtime_python, {})
    shutil.copytree(EXAMPLE, made.project, dirs_exist_ok=True)
    lay_out(made)
    return made


def loads(run: Run) -> list[str]:
    return [text for text in run.said if "was loaded into" in text]


def variables(postgres: Postgres, database: str) -> dict[str, str]:
    return {"PGHOST": postgres.host, "PGPORT": str(postgres.port), "PGUSER": postgres.user, "PGDATABASE": database,
            "PGPASSWORD": postgres.password}  # fmt: skip


def test_the_same_rows_in_both(world: World, postgres: Postgres) -> None:
    with postgres.new_database("same") as name:
        duckdb, pg = world.on(postgres, name).run({"exclude": PG["exclude"]}, PG)
        assert (duckdb.end.outcome, pg.end.outcome) == ("success", "success"), (duckdb.end, pg.end)
        assert (loads(duckdb), loads(pg)) == ([], LOADED)
        postgres.psql("alter schema public rename to flights", database=name)
        script = [str(TABLES), str(world.database)]
        here = json.loads(run_inside(world.python, script, env={}).stdout)
        there = json.loads(run_inside(world.python, script[:1], env=variables(postgres, name)).stdout)
    assert len(here["stg_flights"]) == 601
    assert there == here
    assert postgres.password not in "".join(pg.said)


def test_a_file_is_loaded_once_and_whole_or_not_at_all(
    tmp_path: Path, runtime_python: Path, postgres: Postgres
) -> None:
    with postgres.new_database("once") as name:
        environ = {**os.environ, **variables(postgres, name), "PYTHONPATH": str(ROOT),
                   "DBT_ENV_SECRET_FLOE_0": postgres.password}  # fmt: skip
        command = [str(runtime_python), str(LOAD), str(tmp_path)]
        airlines = tmp_path / "airlines.csv"

        def start(*names: str) -> subprocess.Popen[str]:
            return subprocess.Popen([*command, *names], stdout=subprocess.PIPE, text=True, env=environ)

        def load() -> str:
            return start("airlines").communicate(timeout=120)[0].strip()

        def rows() -> list[tuple[str, ...]]:
            return postgres.psql("select carrier, coalesce(name, '-') from raw.airlines order by 1", database=name)

        airlines.write_text(SMALL["airlines"] + "XX,NA\n")
        # Two that start at the same time on an empty database: one of them loads.
        both = [process.communicate(timeout=120)[0] for process in [start("airlines"), start("airlines")]]
        assert sorted(both) == ["", "airlines.csv was loaded into raw.airlines: 3 rows\n"]
        assert rows() == [("AA", "American, Inc."), ("UA", "United Air Lines"), ("XX", "-")]
        postgres.psql("create view on_it as select * from raw.airlines", database=name)

        airlines.write_text(SMALL["airlines"])
        assert load() == "airlines.csv was loaded into raw.airlines: 2 rows"
        assert load() == ""
        before = rows()
        assert [carrier for carrier, _ in before] == ["AA", "UA"]

        airlines.write_text("carrier,name\nZZ,First\nUA,United,too much\n")
        assert load().startswith("ProjectError: data files cannot be loaded: extra data after last expected column")
        airlines.write_text("carrier,name,more\nZZ,First,1\n")
        assert load() == "ProjectError: raw.airlines has other columns than airlines.csv"
        airlines.unlink()
        assert load() == f"ProjectError: {airlines}: raw.airlines needs airlines.csv, which is not there"
        airlines.write_text(SMALL["airlines"] + "B6,JetBlue\n")
        postgres.psql("comment on table raw.airlines is 'mine'", database=name)
        assert load() == "ProjectError: raw.airlines is there, and floe did not make it"
        assert rows() == before
