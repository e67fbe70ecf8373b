"""``floe`` and ``python -m floe_images``."""

from __future__ import annotations

from floe_images.cli.quick import look_for_garbage_rarely


def main() -> None:
    look_for_garbage_rarely()
    # Only now: this import is a third of what `floe --help` does.
    from floe_images.cli.main import main as start

    start()


if __name__ == "__main__":
    main()
