"""Roles on request: ``{"arguments": […], "environ": {…}}`` a line, and for each a line with what it did."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys

from floe_images.errors import FloeError
from floe_images.runtime import main

for line in sys.stdin:
    asked = json.loads(line)
    os.environ.update(asked["environ"])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main._run(asked["arguments"])
        except FloeError as error:
            code = main._tell(error)
        except Exception as error:
            code = main._tell_bug(error)
    sys.stdout.write(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}) + "\n")
    sys.stdout.flush()
