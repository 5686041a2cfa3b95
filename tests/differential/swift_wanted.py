# SPDX-License-Identifier: Apache-2.0
"""Differences of tests/differential/swift that are wanted: docs/testing.md says why."""
import re

PATTERNS = [
    r"lacks content-length: 0$",                # 204 has none (RFC 9110, 8.6)
    r"has x-timestamp",
    r"content-type: text/plain; charset=utf-8, not text/plain$",
    r"has accept-ranges: bytes$",
    r"lacks (cache-control|x-robots-tag|content-language|expires): $",  # sent empty
    r"(lacks|has) x-account-(project-domain-id|access-control)",
]


def reason(step, a, b, found):
    """Why B may answer so; None: it may not."""
    if b.status in (400, 404, 409, 411, 412, 413, 416, 422) and a.status in (400, 404, 409, 412, 416, 422):
        return "which of two errors comes first"
    if a.status >= 500 and b.status < 500:
        return "A fails"
    if all(any(re.match(pattern, each) for pattern in PATTERNS) for each in found):
        return "headers"
    return None
