"""What the experiment looks at: how long a page takes through the proxy."""

import os
import time
import urllib.request


def seconds(proxy: str) -> float:
    port = os.environ[f"{proxy}_PORT"]
    asked = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
        answer.read()
    return time.monotonic() - asked


def is_refused(proxy: str) -> bool:
    try:
        seconds(proxy)
    except OSError as error:
        return "refused" in str(error)
    return False
