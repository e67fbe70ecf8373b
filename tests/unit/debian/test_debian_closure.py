"""Which packages a set of roots needs: the rules one by one, and the base's closure on recorded stanzas."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.engine.resolve.debian_closure import closure
from floe_images.engine.resolve.debian_control import Relation, relations
from floe_images.engine.resolve.debian_packages import PackagesFile, Universe
from floe_images.errors import MirrorContentError, ResolveError
from floe_images.lock.base_recipe import Omission, base_recipe
from tests.support.debian_archive import packages_text, stanza

GOLDEN = Path(__file__).parent / "golden"


def _universe(*files: tuple[str, ...]) -> Universe:
    return Universe([_file(*stanzas) for stanzas in files])


def _file(*stanzas: str) -> PackagesFile:
    return PackagesFile(packages_text(*stanzas).encode(), archive="debian", where="Packages")


def _names(universe: Universe, *roots: str, **options: object) -> list[str]:
    return [package.name for package in closure(universe, roots, architecture="amd64", **options)]  # type: ignore[arg-type]


def _recorded() -> Universe:
    archives = {"bookworm": "debian", "bookworm-updates": "debian", "bookworm-security": "debian-security"}
    return Universe(
        [
            PackagesFile((GOLDEN / f"{suite}.amd64.Packages").read_bytes(), archive=archive, where=suite)
            for suite, archive in archives.items()
        ]
    )


def test_relations_are_read() -> None:
    assert relations("libc6 (>= 2.34), media-types | mime-support, perl:any (<< 5.37)") == (
        (Relation(name="libc6", operator=">=", version="2.34"),),
        (Relation(name="media-types"), Relation(name="mime-support")),
        (Relation(name="perl", qualifier="any", operator="<<", version="5.37"),),
    )
    for bad in ("libc6 (> 2)", "a b", "$(x)", "UPPER", "a (>= 1", "a || b"):
        with pytest.raises(ValueError, match="relation"):
            relations(bad)


def test_depends_and_pre_depends_are_followed_and_cycles_end() -> None:
    universe = _universe(
        (
            stanza("app", depends="lib-a, lib-b"),
            stanza("lib-a", pre_depends="lib-c"),
            stanza("lib-b", depends="app"),
            stanza("lib-c"),
            stanza("other"),
        )
    )
    assert _names(universe, "app") == ["app", "lib-a", "lib-b", "lib-c"]


def test_the_first_alternative_that_can_be_had_unless_one_is_there() -> None:
    stanzas = (stanza("app", depends="x (>= 2) | y | z"), stanza("x", "1.0"), stanza("y"), stanza("z"))
    assert _names(_universe(stanzas), "app") == ["app", "y"]
    assert _names(_universe(stanzas), "app", "z") == ["app", "z"]


def test_a_virtual_package_takes_its_first_provider_by_name() -> None:
    stanzas = (stanza("app", depends="awk"), stanza("mawk", provides="awk"), stanza("gawk", provides="awk, x"))
    assert _names(_universe(stanzas), "app") == ["app", "gawk"]
    assert _names(_universe(stanzas), "app", "mawk") == ["app", "mawk"]


def test_a_version_is_provided_only_where_the_provider_says_so() -> None:
    app = stanza("app", depends="libgcc1 (>= 1:4)")
    assert _names(_universe((app, stanza("libgcc-s1", provides="libgcc1 (= 1:12.2)"))), "app") == ["app", "libgcc-s1"]
    for provides in ("libgcc1", "libgcc1 (= 1:3)"):
        with pytest.raises(ResolveError):
            _names(_universe((app, stanza("libgcc-s1", provides=provides))), "app")


def test_the_newest_version_wins_and_the_first_file_a_tie() -> None:
    main = _file(stanza("a", "1.0"), stanza("b", "1.0"))
    security = PackagesFile(
        packages_text(stanza("a", "1.0+deb12u1"), stanza("b", "1.0")).encode(), archive="debian-security", where="x"
    )
    chosen = closure(Universe([main, security]), ["a", "b"], architecture="amd64")
    assert [(p.name, p.version, p.archive) for p in chosen] == [
        ("a", "1.0+deb12u1", "debian-security"),
        ("b", "1.0", "debian"),
    ]


def test_architecture_qualifiers() -> None:
    stanzas = (stanza("app", depends="perl:any, x:amd64"), stanza("perl"), stanza("x"))
    assert _names(_universe(stanzas), "app") == ["app", "perl", "x"]
    with pytest.raises(ResolveError, match="needs x:amd64"):
        closure(_universe(stanzas), ["app"], architecture="arm64")


def test_what_nothing_fulfils_names_the_chain() -> None:
    stanzas = (stanza("app", depends="mid"), stanza("mid", "2", depends="leaf (>= 3) | gone"), stanza("leaf", "2.9"))
    with pytest.raises(ResolveError) as caught:
        _names(_universe(stanzas), "app")
    assert str(caught.value) == (
        "app → mid: mid 2 needs leaf (>= 3) | gone: no suite has it for amd64; on offer: leaf 2.9"
    )
    assert caught.value.exit_code == 13


def test_unknown_packages_are_all_named_with_what_may_be_meant() -> None:
    universe = _universe((stanza("base"), stanza("libpq5"), stanza("git"), stanza("mawk", provides="awk")))
    with pytest.raises(ResolveError) as caught:
        _names(universe, "base", asked=["lib-pq5", "gti", "awk", "zzzzzz"])
    assert str(caught.value) == "image.debian_packages: no such Debian package: awk, gti, lib-pq5, zzzzzz"
    assert caught.value.hint == "awk is virtual, choose one of: mawk; did you mean git?; did you mean libpq5?"


def test_an_omission_is_of_one_edge() -> None:
    stanzas = (
        stanza("base-files", pre_depends="awk"),
        stanza("gawk", provides="awk"),
        stanza("app", depends="awk, debconf (>= 0.5) | debconf-2.0"),
        stanza("debconf"),
    )
    omissions = [
        Omission(package="awk", dependents=("base-files",), reason="r"),
        Omission(package="debconf", dependents=("*",), reason="r"),
    ]
    assert _names(_universe(stanzas), "base-files", omissions=omissions) == ["base-files"]
    assert _names(_universe(stanzas), "app", omissions=omissions) == ["app", "gawk"]


def test_a_shell_is_refused_with_the_chain_and_avoided_where_there_is_another_way() -> None:
    stanzas = (stanza("app", depends="tool"), stanza("tool", depends="bash | perl"), stanza("bash"), stanza("perl"))
    forbidden = {"bash": "is a shell"}
    assert _names(_universe(stanzas), "app", forbidden=forbidden) == ["app", "perl", "tool"]
    with pytest.raises(ResolveError) as caught:
        _names(_universe(stanzas[:3]), asked=["app"], forbidden=forbidden)
    assert str(caught.value) == "app → tool → bash: bash is a shell, and no image has one"
    assert _names(_universe(stanzas), "bash", forbidden=forbidden) == ["bash"]  # a root of the recipe


def test_conflicts_are_refused() -> None:
    stanzas = (stanza("a", breaks="b (<< 2)"), stanza("b", "1"), stanza("c", conflicts="mta", provides="mta"))
    with pytest.raises(ResolveError, match=r"a 1\.0 conflicts with b 1"):
        _names(_universe(stanzas), "a", "b")
    assert _names(_universe(stanzas), "c") == ["c"]
    assert _names(_universe((stanzas[0], stanza("b", "2"))), "a", "b") == ["a", "b"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Filename", "../../etc/passwd"),
        ("Filename", "pool/main/a/../../../x.deb"),
        ("Filename", "pool/main/a/a_1_amd64.deb?x=1"),
        ("Filename", "https://elsewhere.example/pool/main/a/a.deb"),
        ("SHA256", "abc"),
        ("Size", "many"),
        ("Size", "-1"),
        ("Version", "1 0"),
        ("Architecture", "riscv64"),
        ("Depends", "a || b"),
    ],
)
def test_a_stanza_that_no_archive_has_is_refused(field: str, value: str) -> None:
    text = stanza("a", depends="b")
    lines = [f"{field}: {value}" if line.startswith(f"{field}:") else line for line in text.splitlines()]
    file = PackagesFile("\n".join(lines).encode(), archive="debian", where="Packages")
    with pytest.raises(MirrorContentError):
        file.named("a")


def test_the_base_on_recorded_stanzas() -> None:
    recipe = base_recipe()
    chosen = closure(
        _recorded(),
        recipe.roots,
        architecture="amd64",
        omissions=recipe.omissions,
        forbidden=dict(recipe.forbidden),
    )
    assert [package.name for package in chosen] == [
        *("base-files", "ca-certificates", "gcc-12-base", "libbz2-1.0", "libc-bin", "libc6", "libcrypt1", "libdb5.3"),
        *("libexpat1", "libffi8", "libgcc-s1", "liblzma5", "libncursesw6", "libpython3.11-minimal"),
        *("libpython3.11-stdlib", "libreadline8", "libsqlite3-0", "libssl3", "libstdc++6", "libtinfo6", "libuuid1"),
        *("media-types", "netbase", "python3.11", "python3.11-minimal", "readline-common", "tzdata", "zlib1g"),
    ]
    by_name = {package.name: package for package in chosen}
    assert by_name["python3.11"].archive == "debian-security"
    assert by_name["python3.11"].version == by_name["libpython3.11-stdlib"].version
    assert by_name["libssl3"].source == "openssl"
    assert by_name["libgcc-s1"].source == "gcc-12"
    assert by_name["libc6"].pool.startswith("pool/main/g/glibc/libc6_")
    assert not {package.name for package in chosen} & {name for name, _ in recipe.forbidden}


def test_every_omission_and_root_of_the_recipe_has_a_reason_and_a_use() -> None:
    recipe = base_recipe()
    universe = _recorded()
    chosen = {p.name for p in closure(universe, recipe.roots, architecture="amd64", omissions=recipe.omissions)}
    edges = {
        (package, relation.name)
        for package in chosen
        for group in (universe.best(package).depends)  # type: ignore[union-attr]
        for relation in group
    }
    for omission in recipe.omissions:
        assert omission.reason
        used = [edge for edge in edges if edge[1] == omission.package]
        assert used, f"nothing in the base depends on {omission.package}"
        assert omission.dependents == ("*",) or {edge[0] for edge in used} == set(omission.dependents)


def test_users_packages_on_recorded_stanzas() -> None:
    recipe = base_recipe()
    names = [
        package.name
        for package in closure(
            _recorded(), recipe.roots, architecture="amd64", omissions=recipe.omissions, asked=["unixodbc"]
        )
    ]
    assert {"unixodbc", "libodbc2", "libltdl7"} <= set(names)
    with pytest.raises(ResolveError, match="dash is a shell"):
        closure(
            _recorded(),
            recipe.roots,
            architecture="amd64",
            omissions=recipe.omissions,
            forbidden=dict(recipe.forbidden),
            asked=["dash"],
        )
