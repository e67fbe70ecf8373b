#!/usr/bin/env bash
# Makes the development environment: bash scripts/bootstrap.sh FOLDER. Needs Python 3.10 or newer and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:?usage: bootstrap.sh FOLDER}

fail() {
    echo "bootstrap: $1" >&2
    exit 1
}

python=${PYTHON:-}
for candidate in python3.11 python3 python3.12 python3.13 python3.10; do
    [ -n "$python" ] && break
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        python=$candidate
    fi
done
[ -n "$python" ] || fail "no Python 3.10 or newer is here; on Debian: apt-get install python3"

# Debian splits off what makes environments.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "bootstrap: installing Debian's python3-venv" >&2
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update
        apt-get -qq install --yes --no-install-recommends python3-venv ca-certificates >/dev/null
    else
        fail "this Python has no venv module; on Debian as root: apt-get install python3-venv"
    fi
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
# uv is many times faster than pip, but does not read pip's configuration, which may name the only index.
awk '/^[^ ]/ { on = /^uv==/ } on' requirements/dev.txt >"$venv/uv.txt"
"${pip[@]}" --require-hashes -r "$venv/uv.txt"
"$venv/bin/uv" pip install --quiet --python "$venv" --require-hashes -r requirements/dev.txt ||
    "${pip[@]}" --require-hashes -r requirements/dev.txt
"${pip[@]}" --no-deps --no-build-isolation --editable .
# Where PYTHONDONTWRITEBYTECODE is set, each of the many processes of a test would compile all it imports.
"$venv/bin/python" -m compileall -q -j 0 "$venv/lib" >/dev/null || true
