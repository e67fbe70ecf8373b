"""Which proxy a URL is fetched through, and which variable says so; without its credentials."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from floe_images.engine.redact import redact_url


def proxy_words(url: str, environ: Mapping[str, str] = os.environ) -> str:
    """``the proxy is http://proxy:3128 (HTTPS_PROXY)``; empty where the URL is fetched without one."""
    from requests.utils import should_bypass_proxies

    scheme = urlsplit(url).scheme.lower()
    if scheme not in ("http", "https") or should_bypass_proxies(url, environ.get("no_proxy", environ.get("NO_PROXY"))):
        return ""
    for variable in (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"):
        proxy = environ.get(variable)
        if proxy:
            # Without a scheme a user name would be taken for one.
            return f"the proxy is {redact_url(proxy if '://' in proxy else f'http://{proxy}')} ({variable})"
    return ""
