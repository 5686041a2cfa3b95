# SPDX-License-Identifier: Apache-2.0
"""Differences of tests/differential/swift that are wanted: docs/testing.md says why."""
import re

PATTERNS = [
    r"lacks content-length: 0$",                # 204 has none (RFC 9110, 8.6)
    r"has x-timestamp", r"has last-modified", r"lacks last-modified", r"lacks www-authenticate",
    r"body 'some', not ''", r"body '', not 'some'",
    r"content-type: text/plain; charset=utf-8, not text/(plain|html; charset=UTF-8)$", r"has x-object-version-id: null", "lacks vary: Accept$",
    r"has accept-ranges: bytes$",
    r"lacks (cache-control|x-robots-tag|content-language|expires): $",  # sent empty
    r"(lacks|has) x-account-(project-domain-id|access-control)",
]


def has(step, header):
    return any(name == header for name, _ in step["headers"])


def reason(step, a, b, found):
    """Why B may answer so; None: it may not."""
    if 400 <= a.status < 500 and 400 <= b.status < 500:
        return "which of two errors comes first"
    if a.status >= 499 and b.status < 499:
        return "A fails"
    if all(any(re.match(pattern, each) for pattern in PATTERNS) for each in found):
        return "headers"
    if has(step, "If-Range") or (has(step, "If-None-Match") and (has(step, "If-Match") or has(step, "If-Modified-Since"))):
        return "conditions: RFC 9110, 13.2.2"
    if step["path"].count("/") < 2 and step["method"] in ("PUT", "DELETE") and b.status == 403:
        return "accounts are made and deleted by resellers"
    if "version-id=null" in step["query"] and step["method"] == "PUT":
        return "makes that version current"
    if any("bulk-delete" in each for each in step["query"]) and any(name == "Content-Type" for name, _ in step["headers"]):
        return "of any type"
    if a.status == 413 and b.status == 201:
        return "what is written over needs no room"
    if has(step, "X-Copy-From-Account") and step["method"] == "COPY":
        return "of PUT alone"
    if has(step, "X-Container-Sync-To") or has(step, "X-Account-Access-Control"):
        return "A has no such feature there"
    if any("%2F" in value for name, value in step["headers"] if name.endswith("s-Location")):
        return "no container is called so"
    if any('"*"' in value for _, value in step["headers"]):
        return "a quoted star is a tag"
    if any(name == "Range" and value.count(",") >= 50 or "Range" == name and "0-25,0-25" in value for name, value in step["headers"]):
        return "too many ranges, or more than the whole: the whole"
    if any(name == "Accept" and "q=0" in value.replace("q=0.", "") for name, value in step["headers"]):
        return "of weight 0: not acceptable"
    if step["method"] == "COPY" and any("multipart-manifest=put" in each for each in step["query"]):
        return "a copy is no manifest that is sent"
    if any("multipart/form-data" in value for _, value in step["headers"]) and step["method"] == "POST" and b.status in (400, 401):
        return "forms: checked before they redirect, whole, and with numbers that are"
    return None
