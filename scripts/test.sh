#!/usr/bin/env bash
# All tests: bash scripts/test.sh [lint|acceptance]. Lint, then what needs no engine, then the rest on a private engine.
# Where no engine can be had, what was not run is named and the exit code is 3. Files stay in their order: the long tests
# of engines come first, so that all workers end together. A file's tests share what its fixtures made.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
what=${1:-all}
python -m compileall -q floe_images scripts tests # see bootstrap.sh

if [ "$what" != acceptance ]; then
    echo "== ruff, mypy, import-linter"
    ruff check --quiet
    ruff format --check --quiet
    mypy --no-error-summary
    lint-imports --no-cache | tail -1
    [ "$what" = lint ] && exit 0
    echo "== without an engine: tests/unit"
    pytest --quiet --numprocesses 2 --dist worksteal tests/unit
fi

if [ -z "${FLOE_TEST_DOCKER_HOST:-}" ] && ! reason=$(python scripts/engine/engine.py why-not 2>&1); then
    echo "NOT RUN, since $reason, and FLOE_TEST_DOCKER_HOST names no engine:" >&2
    for folder in tests/*/; do
        case $folder in
        tests/unit/ | tests/support/ | tests/__pycache__/) ;;
        *) echo "  $folder" >&2 ;;
        esac
    done
    exit 3
fi

if [ -z "${FLOE_TEST_DOCKER_HOST:-}" ]; then
    trap 'python scripts/engine/engine.py release --for $$' EXIT
    python scripts/engine/engine.py up classic --for $$ >/dev/null
    python scripts/engine/engine.py up containerd --for $$ >/dev/null
fi
apart=(--quiet --dist loadfile --no-loadscope-reorder --durations 20)
if [ "$what" = acceptance ]; then
    failed=0
    pytest "${apart[@]}" --numprocesses 2 -m acceptance --ignore tests/runtime/test_telemetry_pairs.py || failed=1
    echo "== what is measured, with nothing beside it"
    pytest --quiet -m acceptance tests/runtime/test_telemetry_pairs.py || failed=1
    exit $failed
else
    echo "== dbt and Dagster for real, on engines, and behind mirrors"
    # A third one works while others wait for a server.
    pytest "${apart[@]}" --numprocesses 3 -m "not acceptance" --ignore tests/unit
fi
