"""``python -m floe_images`` is ``floe``."""

from __future__ import annotations

from floe_images.cli.main import main

if __name__ == "__main__":
    main()
