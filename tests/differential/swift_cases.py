# SPDX-License-Identifier: Apache-2.0
"""Requests for tests/differential/swift: for each topic a function that draws a sequence of steps.

Texts may hold notes: @C@ the sequence's own container name, @A@ the account, @NOW+60@ seconds, @GOT:name@ what a step
kept of its answer, @SIG:...@ a temporary URL's signature, and <@...@> a note inside of another."""
import hashlib
from urllib.parse import quote

BYTES = "abcdefghijklmnopqrstuvwxyz"
MD5 = hashlib.md5(BYTES.encode()).hexdigest()
NAMES = ["a", "a/b", "a/b/c", "a//b", "b", "b/", "/x", "é", "z z", "%25", "a.zz", "-", "~", "aa--bb", "aa--bb--cc", "A", "ab", "0", "a/é/b", "&<>\"'"]
DATES = ["@DATE@", "@DATE-1000@", "@DATE+1000@", "Thu, 01 Jan 1970 00:00:00 GMT", "@NOW@", "junk", "", "@DATE+1000:%A, %d-%b-%y %H:%M:%S GMT@",
         "@DATE-1000:%a %b %d %H:%M:%S %Y@", "Mon, 31 Feb 2020 00:00:00 GMT", "@DATE-1000:%a, %d %b %Y %H:%M:%S +0000@", "@DATE-1000:%d %b %Y %H:%M:%S GMT@"]
FLAGS = ["true", "True", "TRUE", "on", "1", "yes", "t", "y", "false", "", "no", "2", "junk", " true "]


def step(method, path, query=(), headers=(), body="", token="own", keep=None, wait=0):
    query = [query] if isinstance(query, str) else list(query)
    headers = list(headers.items()) if isinstance(headers, dict) else list(headers)
    return {"method": method, "path": "/" + path if path and not path.startswith(("^", "/")) else path, "query": [q for q in query if q],
            "headers": headers, "body": body, "token": token, "keep": keep, "wait": wait}


class Draw:
    def __init__(self, random):
        self.random = random
        self.one = random.choice

    def often(self, share):
        return self.random.random() < share

    def some(self, things, most):
        things = list(things)
        return self.random.sample(things, self.random.randint(0, min(most, len(things))))

    def number(self, first, last):
        return self.random.randint(first, last)

    def pairs(self, pool, most):
        """Some of {name: values}, each with one of its values."""
        return [(name, self.one(pool[name])) for name in self.some(sorted(pool), most)]

    def query(self, pool, most):
        drawn = self.pairs(pool, most)
        if drawn and self.often(0.05):
            drawn.append((drawn[0][0], self.one(pool[drawn[0][0]])))
        return ["%s=%s" % (name, quote(value, safe="/@~ ")) if value is not None else name for name, value in drawn]


ACCEPTS = ["application/json", "text/xml", "application/xml", "*/*", "text/*", "text/html", "application/*", "text/plain",
           "application/json;q=0.5, text/xml", "application/json; charset=utf-8", "image/png", "junk", "", "application/json;q=0",
           "text/plain;q=0.1,application/xml;q=0.2", "application/json;q=abc", "text/plain; q=0.5, application/json", "*/*;q=0.1, application/xml",
           "application/json, text/plain", "application/xml;q=2", "a/b/c", ",", "application/json;", "application /json"]
PLACES = ["", "a", "a/", "a/b", "b", "/", "é", "aa", "aa-", "zzz", "z z", "A", "%25", "a.", "&<", " "]
LISTS = {
    "limit": ["", "0", "1", "2", "3", "-1", "abc", "1e1", "10000", "10001", "9" * 20, " 1", "+1", "1_0", "0x1", "٣", "1.0"],
    "format": ["json", "xml", "plain", "", "unknown", "JSON", "json ", "html"],
    "prefix": PLACES, "marker": PLACES, "end_marker": PLACES, "path": PLACES + ["a/b/", "//"],
    "delimiter": ["/", "", "-", "--", "//", "é", "b", "a/b", " "],
    "reverse": FLAGS, "versions": FLAGS + [None], "version_marker": ["", "null", "1", "@NOW@.00000"],
    "foo": ["bar", "", None], "states": ["listing"], "allow_symlinks": ["true"],
}


def own(draw, headers=()):
    return [step("PUT", "@C@", headers=headers)]


def listing(draw):
    steps = own(draw)
    for name in draw.some(NAMES, 9):
        steps.append(step("PUT", "@C@/" + quote(name), headers=draw.pairs({"Content-Type": ["text/plain", "a/b;c=d", "é", "x"]}, 1), body=draw.one(["", "x"])))
    for _ in range(6):
        headers = [("Accept", draw.one(ACCEPTS))] if draw.often(0.4) else []
        steps.append(step("HEAD" if draw.often(0.1) else "GET", "@C@" + draw.one(["", "", "/"]), draw.query(LISTS, 4), headers))
    return steps


def account(draw):
    steps = [step("PUT", "@C@" + quote(name)) for name in draw.some(["", "-a", "-b", "--c", "é", " x", ".", "-a-b", "<&"], 5)]
    places = ["@C@" + place for place in ("", "-", "-a", "é", "~", " ")]
    pool = dict(LISTS, prefix=places, marker=places, end_marker=places)
    del pool["prefix"]
    for _ in range(5):
        query = draw.query(pool, 4)
        query = [each for each in query if "marker" not in each or draw.often(0.7)]
        query.insert(0, "prefix=@C@" + draw.one(["", "", "-", "-a", "é", "zz"]))
        headers = [("Accept", draw.one(ACCEPTS))] if draw.often(0.4) else []
        steps.append(step("GET", draw.one(["", "", "/"]), query, headers))
    return steps


META = {
    "-A": ["v", "", " v ", "x" * 256, "x" * 257, "é", "%41", "a,b", "\t", "a\tb", "é" * 128, "é" * 129],
    "-a_b": ["v"], "-" + "X" * 128: ["v", ""], "-" + "X" * 129: ["v", ""], "-": ["v"], "-a%20b": ["v"], "-a.b": ["v"], "-a!b": ["v"],
    "-quota-bytes": ["10", "", "-1", "abc", "1.5", "9" * 30, " 5 ", "0"], "-quota-count": ["10", "", "-1", "abc", "0"],
    "-temp-url-key": ["k", ""], "-web-index": ["i.html", ""], "-access-control-allow-origin": ["*", "http://a b"],
    "-x-y-z": ["1"], "-Content-Type": ["a"],
}


def meta(draw, kind, most=4):
    headers = [("X-%s-Meta%s" % (kind, name), value) for name, value in draw.pairs(META, most)]
    if draw.often(0.2):
        headers += [("X-Remove-%s-Meta%s" % (kind, name), draw.one(["", "x"])) for name in draw.some(META, 2)]
    if draw.often(0.06):
        headers = [("X-%s-Meta-N%d" % (kind, number), "v") for number in range(draw.one([89, 90, 91]))]
    if draw.often(0.06):
        headers = [("X-%s-Meta-N%d" % (kind, number), "v" * 254) for number in range(15)] + [
            ("X-%s-Meta-Last" % kind, "v" * draw.one([200, 211, 212, 213, 216, 217, 220, 252]))]
    return headers


ACLS = ["", ".r:*", ".r:*,.rlistings", ".r:example.com", ".r:.example.com,.r:-bad.example.com", ".referrer:*", ".ref:*", ".r:", ".r:-", ".rlistings",
        ".r:*.example.com", " .r:* , .rlistings ", "user", "proj:user", "*:*", ".x:y", ".r:-*", "a,,b", ".r:http://example.com", ".R:*", ".rListings",
        "*", "a:b:c", ":b", "a:", ".r:*,.r:-example.com", ".r:example.com,.rlistings", ".r:-example.com", ".r : *", "a b", "é", ".r:*.", ".r:.", ".", ".r",
        ".r:a:b", "user,.r:*", ".rlistings:x", ".referer:*", ".r:-.example.com,.r:*"]
CONTAINER = {
    "X-Container-Read": ACLS, "X-Container-Write": ACLS, "X-Remove-Container-Read": ["x", ""], "X-Storage-Policy": ["", "Policy-0", "policy-0", "nope", "0"],
    "X-Versions-Enabled": FLAGS, "X-Versions-Location": ["", "x", "a/b", "%C3%A9", "/x", "x/", "é", "a%2Fb", "@C@"], "X-History-Location": ["", "x", "a/b", "@C@"],
    "X-Remove-Versions-Location": ["x"], "X-Remove-History-Location": ["x"],
    "X-Container-Sync-To": ["", "http://127.0.0.1/v1/a/c", "//r/c/a/c", "junk"], "X-Container-Sync-Key": ["k"],
    "X-Timestamp": ["1", "junk"], "X-Container-Sysmeta-A": ["v"], "X-Container-Object-Count": ["5"], "X-Backend-Storage-Policy-Index": ["1"],
    "Content-Type": ["", "a/b", "é"], "If-None-Match": ["*"], "If-Match": ["x"], "X-Container-Quota": ["1"], "X-Foo": ["bar"],
    "X-Container-Access-Control-Allow-Origin": ["*"], "Expect": ["100-continue"],
}


def container(draw):
    steps = [] if draw.often(0.2) else own(draw, meta(draw, "Container", 2))
    for _ in range(4):
        method = draw.one(["PUT", "POST", "POST", "PUT", "DELETE"])
        steps.append(step(method, "@C@" + draw.one(["", "", "", "/"]), draw.query({"format": ["json"], "foo": ["x"]}, 1), draw.pairs(CONTAINER, 2) + meta(draw, "Container", 2),
                          draw.one(["", "", "", "x"])))
        steps.append(step(draw.one(["HEAD", "GET"]), "@C@", token=draw.one(["own", "own", "none"])))
    return steps


ACCOUNT_ACLS = ["", "{}", '{"admin":["x"]}', '{"read-only":["a","b"]}', '{"read-write":[]}', '{"bad":["a"]}', '{"admin":"x"}', '{"admin":[1]}', "junk", "[]", "null",
                '{"admin":["é"]}', '{"admin": [ "x" ], "read-only":["*"]}', '{"admin":null}', '{"admin":["x"],"admin":["y"]}', '"x"', "5"]


def account_meta(draw):
    # Leaves nothing behind, as the account is all sequences'.
    names = ["-A%s" % draw.number(0, 9), "-b_c", "-" + "X" * 128, "-" + "X" * 129, "-", "-quota-bytes", "-Temp-URL-Key-2"]
    headers = [("X-Account-Meta" + name, draw.one(META["-A"] + ["5", "-1"])) for name in draw.some(names, 3)]
    if draw.often(0.2):
        headers.append(("X-Account-Access-Control", draw.one(ACCOUNT_ACLS)))
    headers += draw.pairs({"X-Timestamp": ["1"], "Content-Type": ["", "x"], "X-Foo": ["y"], "X-Account-Sysmeta-A": ["b"], "X-Account-Project-Domain-Id": ["x"]}, 1)
    steps = [step("POST", draw.one(["", "/"]), headers=headers, body=draw.one(["", "", "x"])),
             step(draw.one(["HEAD", "GET"]), "", ["prefix=@C@"])]
    if draw.often(0.3):
        steps.append(step("POST", "", headers=[("X-Remove-Account-Meta" + name, "x") for name in names]))
    removed = [("X-Account-Meta" + name, "") for name in names if name not in ("-", "-" + "X" * 129, "-quota-bytes")]
    return steps + [step("POST", "", headers=removed), step("POST", "", headers={"X-Account-Access-Control": ""}), step("HEAD", "")]


CONDITIONS = {
    "If-Match": ['"%s"' % MD5, MD5, "*", 'W/"%s"' % MD5, '"x", "%s"' % MD5, "%s, x" % MD5, '""', "", "x", MD5.upper(), '"x"', "'%s'" % MD5, '"*"', "*, x"],
    "If-Modified-Since": DATES, "If-Unmodified-Since": DATES,
    "Range": ["bytes=" + each for each in ("0-", "0-0", "-1", "-0", "5-2", "0-1000", "26-", "25-", "26-27,0-1", "0-1,3-4", "0-5,3-8", "0-0,0-0", "1-2,-3,5-", "-1000", "abc", "",
                                           "0-1,", ",0-1", "0 - 1", " 0-1", "1-1,abc", "0-1;2-3", "-", "--1", "1--1", "0-" + "9" * 30, "9" * 30 + "-", "+1-2", "1-2-3",
                                           "100-200,300-400", "-0,0-1", "0-0,100-")] +
             ["bytes 0-1", "0-1", "items=0-1", "", "Bytes=0-1", "bytes =0-1", "bytes= 0-1", "bytes=" + ",".join(["0-0"] * 60), "bytes=" + ",".join(["0-25"] * 5),
              "bytes=" + ",".join("%d-%d" % (n, n) for n in range(20, 0, -1)), "bytes=0-9,5-14,10-19", "bytes=0-9,5-14", "bytes=%s" % ",".join("%d-" % n for n in range(20)),
              "bytes=" + ",".join("%d-%d" % (2 * n, 2 * n) for n in range(12)), "bytes=" + ",".join(["0-1"] * 50), "bytes=" + ",".join("-%d" % n for n in range(1, 10))],
    "If-Range": ['"%s"' % MD5, MD5, "x", "@DATE@", "@DATE+1000@", "@DATE-1000@", '"x"', "", "junk date"],
    "X-Newest": ["true", "junk"], "Accept": ACCEPTS, "Accept-Encoding": ["gzip", "identity;q=0"], "Connection": ["close"], "Origin": ["http://x"],
    "X-Object-Meta-A": ["b"], "X-Open-Expired": ["true"],
}
CONDITIONS["If-None-Match"] = CONDITIONS["If-Match"]
READS = {"multipart-manifest": ["get", "put", "delete", "junk", "", None], "symlink": ["get", "junk", "", None], "format": ["raw", "json"], "foo": ["bar"],
         "version-id": ["null", "junk", "", "1", "@NOW@.12345", "-1", "1.1_0"], "limit": ["abc"], "partNumber": ["1"], "part-number": ["1"], "ignore-range-if-metadata-present": ["x"],
         "inline": [None], "filename": ["x"]}


def read(draw):
    steps = own(draw)
    steps.append(step("PUT", "@C@/o", headers=draw.pairs(SENT, 2) if draw.often(0.5) else [], body=draw.one([BYTES, BYTES, BYTES, ""])))
    for _ in range(8):
        steps.append(step(draw.one(["GET", "GET", "HEAD"]), "@C@/" + draw.one(["o"] * 15 + ["nope"]), draw.query(READS, 1) if draw.often(0.2) else [], draw.pairs(CONDITIONS, draw.one([1, 1, 2, 3]))))
    return steps


SENT = {
    "Content-Type": ["text/plain", "", "text/plain; charset=UTF-8", "text/plain;swift_bytes=5", "a", "é", "text/plain; a=b; c=d", " a/b ", "a/b;", "a/b;;c", "x" * 300,
                     "application/directory", "multipart/form-data", "application/symlink", "text/plain;a=\"b;c\"", ";", "a/b; swift_bytes=3; c=d", "text/html"],
    "X-Detect-Content-Type": FLAGS, "Content-Encoding": ["gzip", "", "é", "x, y"], "Content-Disposition": ["attachment", "inline; filename=\"x\"", "", "é"],
    "Content-Language": ["en", ""], "Cache-Control": ["no-cache", ""], "Expires": ["@DATE+100@", "junk", ""], "X-Robots-Tag": ["noindex", ""],
    "X-Delete-At": ["@NOW+100000@", "@NOW-10@", "1", "0", "-1", "abc", "", "1.5", "9" * 10, "9" * 11, "9" * 20, " 9999999999 ", "@NOW+1000@.5", "+9999999999", "9_999_999_999", "0x9999"],
    "X-Delete-After": ["100000", "0", "-1", "abc", "", "1.5", "9" * 9, "9" * 20, " 1000 ", "1e5", "+1000", "1_000"],
    "X-Remove-Delete-At": ["x", ""], "X-Remove-Object-Meta-A": ["x"],
    "ETag": [MD5, '"%s"' % MD5, MD5.upper(), "x", "", '""', "d41d8cd98f00b204e9800998ecf8427e", " " + MD5 + " ", "'%s'" % MD5, "W/" + MD5, '"%s' % MD5],
    "If-None-Match": ["*", "x", MD5, '"*"', "", "*, x", " * "], "If-Match": ["*", MD5, "x"], "If-Unmodified-Since": DATES, "If-Modified-Since": DATES,
    "X-Timestamp": ["1", "junk", "@NOW@.00000"], "X-Object-Sysmeta-A": ["b"], "X-Object-Transient-Sysmeta-A": ["b"], "X-Backend-Foo": ["b"], "X-Static-Large-Object": ["true", "false"],
    "X-Foo": ["bar"], "Expect": ["100-continue", "junk"], "Content-MD5": ["x"], "X-Object-Meta-A": META["-A"],
    "X-Object-Manifest": ["@C@/seg", ""], "X-Copied-From": ["a/b"], "Range": ["bytes=0-1"], "X-Trans-Id-Extra": ["x", "x" * 60], "Content-Range": ["bytes 0-5/10"],
    "X-Symlink-Target": [""], "X-Backend-Etag-Is-At": ["x"], "Content-Location": ["x"], "Last-Modified": ["@DATE-1000@"],
}


def watch(name="o"):
    return [step("HEAD", "@C@/" + name), step("GET", "@C@", ["format=json", "prefix=" + name])]


def put(draw):
    steps = own(draw)
    for _ in range(4):
        headers = draw.pairs(SENT, 3) if draw.often(0.8) else meta(draw, "Object")
        method = draw.one(["PUT", "PUT", "PUT", "POST"])
        name = draw.one(["o", "o", "o", "o.html", "o.TXT", "o.tar.gz", "o.jpg", "o.unknown", "o.json", "o.svg", "o.js", "o/"])
        query = draw.query({"foo": ["bar"], "multipart-manifest": ["", "junk"], "symlink": ["get"], "version-id": ["null", "junk"], "format": ["json"]}, 1) if draw.often(0.15) else []
        steps.append(step(method, "@C@/" + name, query, headers, draw.one([BYTES, BYTES, ""]) if method == "PUT" else draw.one(["", "", "x"])))
        steps += watch(name)
    return steps


def post(draw):
    pool = {name: values for name, values in SENT.items() if name not in ("Content-Length", "ETag")}
    first = ["Content-Type", "Content-Encoding", "Content-Disposition", "X-Delete-At", "X-Object-Meta-A", "Cache-Control", "Expires", "X-Robots-Tag", "X-Object-Manifest", "Content-Language"]
    steps = own(draw) + [step("PUT", "@C@/o", headers=draw.pairs({name: SENT[name][:1] for name in first}, 4), body=BYTES)]
    for _ in range(4):
        steps.append(step("POST", "@C@/o", headers=draw.pairs(pool, 3) if draw.often(0.8) else meta(draw, "Object"), body=draw.one(["", "", "x"])))
        steps += watch()
        if draw.often(0.2):
            steps.append(step("DELETE", "@C@/o", headers=draw.pairs({"If-Match": ["x", MD5], "X-If-Delete-At": ["1", "abc", ""], "If-None-Match": ["*"], "If-Unmodified-Since": DATES,
                                                                       "X-Timestamp": ["1"]}, 2), body=draw.one(["", "x"])))
    return steps


TARGETS = ["@C@/o2", "/@C@/o2", "@C@", "@C@/", "", "/", "@C@//o2", "none-@C@/o2", "@C@/a%2Fb", "@C@/é", "@C@/%C3%A9", "@C@/o2?multipart-manifest=get", "//@C@/o2", "@C@/o2/",
           "@C@/" + "x" * 1025, "@C@/o", "/@C@/./o2", "%40", "@C@%2Fo2", "x" * 257 + "/o", "@C@/o 2", " @C@/o2", "@C@/o2 "]
SOURCES = [each.replace("o2", "o") for each in TARGETS] + ["@C@/nope", "@C@/o?x=y", "/@C@/o?multipart-manifest=get", "@C@/o?version-id=null", "@C@/o?version-id=junk", "@C@/dlo"]
COPIES = {
    "Destination-Account": ["@A@", "AUTH_none", "", "a/b", "/@A@", "a%2Fb"], "X-Copy-From-Account": ["@A@", "AUTH_none", "", "a/b"], "X-Fresh-Metadata": FLAGS, "Content-Type": ["new/type", ""],
    "X-Object-Meta-B": ["new"], "X-Object-Meta-A": ["", "other"], "X-Delete-At": ["@NOW+100000@", "1"], "X-Delete-After": ["1000"], "Range": ["bytes=0-4", "bytes=0-1,3-4", "bytes=100-", "junk"],
    "If-Match": [MD5, "x"], "If-None-Match": ["*", MD5], "ETag": [MD5, "x"], "X-Object-Manifest": ["@C@/x", ""], "X-Remove-Object-Meta-A": ["x"],
    "Content-Encoding": ["gzip"], "Content-Disposition": ["inline"], "If-Unmodified-Since": DATES, "X-Copy-From": SOURCES[:3], "X-Symlink-Target": ["@C@/o"], "X-Object-Sysmeta-A": ["b"],
    "If-Modified-Since": DATES, "X-Newest": ["true"],
}


def copying(draw):
    first = {"Content-Type": ["a/b", "a/b;c=d"], "X-Object-Meta-A": ["v"], "X-Delete-At": ["@NOW+100000@"], "Content-Encoding": ["x"], "Content-Disposition": ["attachment"], "Cache-Control": ["x"]}
    steps = own(draw) + [step("PUT", "@C@/o", headers=draw.pairs(first, 4), body=BYTES)]
    if draw.often(0.3):
        steps.append(step("PUT", "@C@/dlo", headers={"X-Object-Manifest": "@C@/o"}, body=""))
    for _ in range(4):
        headers, query = draw.pairs(COPIES, 2), draw.query(READS, 1) if draw.often(0.2) else []
        if draw.often(0.5):
            headers.insert(0, ("Destination", draw.one(TARGETS + ["@C@/o2"] * 20)))
            steps.append(step("COPY", draw.one(["@C@/o"] * 9 + ["@C@/nope", "@C@", "@C@/dlo", "nope/o"]), query, headers if draw.often(0.97) else headers[1:], draw.one(["", "", "", "x"])))
        else:
            headers.insert(0, ("X-Copy-From", draw.one(SOURCES + ["/@C@/o"] * 25)))
            headers = [each for each in headers if each[0] != "Content-Length"]
            steps.append(step("PUT", draw.one(["@C@/o2"] * 9 + ["@C@/o", "nope/o", "@C@"]), query, headers, draw.one(["", "", "", "x"])))
        steps += watch("o2")
    return steps


def methods(draw):
    steps = own(draw) + [step("PUT", "@C@/o", body=BYTES)] if draw.often(0.5) else []
    paths = ["", "/", "@C@", "@C@/", "@C@/o", "^/v1", "^/", "^/v1/", "^/v2/AUTH_x", "^/v1.0/@A@/@C@", "^/v1//x", "^/v1/@A@//o", "^/v1/@A@", "^/v1/AUTH_other", "^/v1/AUTH_other/c",
             "^/v1/AUTH_other/c/o", "^/v1/other/c/o", "^/v1/.x/c", "^/v1/AUTH_/c", "^/info/", "^/V1/@A@", "^/v1/@A@/@C@//o", "^//v1/@A@", "^/v1/a%2Fb/c", "^/v1/@A@/c%2Fd", "^/v1/@A@/%20", "^/favicon.ico",
             "^/v1/%41UTH_x", "^/v1beta/@A@", "^/endpoints"]
    for _ in range(8):
        method = draw.one(["GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "OPTIONS", "PATCH", "TRACE", "MOVE", "FOO", "REPORT", "get", "REPLICATE", "UPDATE", "LOCK", "PROPFIND", "GETorHEAD", "__init__", "UPDATE"])
        path = draw.one(paths)
        if method == "DELETE" and path.rstrip("/") in ("", "^/v1/@A@"):
            continue
        steps.append(step(method, path, draw.query({"foo": ["bar"], "format": ["json"], "prefix": ["@C@"]}, 2), [("Accept", draw.one(ACCEPTS))] if draw.often(0.2) else [],
                          draw.one(["", "", "x"]), draw.one(["own", "own", "own", "none", "bad", "empty"])))
    return steps


def names(draw):
    bad = ["..", ".", "a/../b", "./a", "//", "a//", "/", "x" * 1024, "x" * 1025, "%2F", "%2f%2F", "a%0Ab", "a%09b", "%3F", "%23", "%25", "%2525", "é", "%C3%A9", "%E2%98%83", "a+b", "a%2Bb", "a b", "a%20",
           "%20a", "a;b", "a&b=c", "%", "%4", "%zz", "a%zzb", "'\"<>", "~", "*", "a:b", "\\", "é" * 512, "é" * 513, "%F0%9F%98%80", "a%7Fb", "a%01", "[x]", "{x}", "|", "^", "`", "@", "%EF%BF%BE", "CON", ".hidden", "%C2%A0"]
    name = draw.one(bad)
    steps = own(draw)
    steps += [step("PUT", "@C@/" + name, body="x"), step("GET", "@C@/" + name), step("HEAD", "@C@/" + name), step("GET", "@C@", draw.query({"format": ["json", "xml", "plain"], "delimiter": ["/", "%"]}, 2)),
              step("GET", "@C@", ["format=json", "marker=" + quote(name[:20])]), step("POST", "@C@/" + name, headers={"X-Object-Meta-A": "b"}), step("DELETE", "@C@/" + name)]
    name = draw.one(["..", ".", "@C@%2F", "@C@%0A", "@C@%20", "@C@é", "@C@%", "@C@%25", "@C@\\", "@C@;x", "@C@+", "@C@%7F", "@C@.", "@C@..", "@C@'\"<>&", "@C@%E2%98%83", "@C@%3F", "@C@%23", "%2E%2E", "@C@%01", "@C@*"] +
                    ["x" * 256, "x" * 257, "é" * 128, "é" * 129, "@C@" + "%41"])
    return steps + [step("PUT", name), step("PUT", name + "/o", body="x"), step("GET", name), step("HEAD", name), step("GET", "", ["prefix=@C@", "format=" + draw.one(["json", "xml", "plain"])]),
                    step("DELETE", name + "/o"), step("DELETE", name)]


def quotas(draw):
    steps = own(draw, [("X-Container-Meta-Quota-Bytes", draw.one(["10", "26", "30", "0", "-1", "abc", ""]))] if draw.often(0.6) else [("X-Container-Meta-Quota-Count", draw.one(["1", "0", "2", "x"]))])
    steps.append(step("PUT", "@C@x"))
    steps.append(step("PUT", "@C@x/o", body=BYTES))
    for _ in range(5):
        which = draw.number(0, 5)
        if which < 2:
            steps.append(step("PUT", "@C@/" + draw.one("abo"), body=draw.one([BYTES, "x", "x" * 10, "x" * 11, ""])))
        elif which == 2:
            steps.append(step("COPY", "@C@x/o", headers={"Destination": "@C@/o"}))
        elif which == 3:
            steps.append(step("POST", "@C@", headers=draw.pairs({"X-Container-Meta-Quota-Bytes": ["5", "", "100", "abc", "-5", " 7"], "X-Container-Meta-Quota-Count": ["", "1", "x"], "X-Remove-Container-Meta-Quota-Bytes": ["x"]}, 2)))
        elif which == 4:
            steps.append(step("DELETE", "@C@/" + draw.one("abo")))
        else:
            steps.append(step("PUT", "@C@/" + draw.one("abo"), headers=[("X-Copy-From", "@C@x/o")]))
        steps.append(step("HEAD", "@C@"))
    return steps


def acls(draw):
    steps = own(draw, [("X-Container-Read", draw.one(ACLS))] + ([("X-Container-Write", draw.one(ACLS))] if draw.often(0.3) else [])) + [step("PUT", "@C@/o", body=BYTES)]
    for _ in range(5):
        headers = draw.pairs({"Referer": ["http://example.com/", "http://www.example.com/x", "http://bad.example.com", "example.com", "", "junk", "http://example.com:80/x", "http://user@example.com/",
                                           "https://EXAMPLE.com", "ftp://example.com", "http://notexample.com"], "Origin": ["http://x"]}, 1)
        steps.append(step(draw.one(["GET", "HEAD", "PUT", "POST", "DELETE", "GET", "GET"]), "@C@" + draw.one(["", "", "/o", "/o", "/nope"]), [], headers, token=draw.one(["none", "none", "none", "bad", "own", "empty"])))
        if steps[-1]["method"] == "DELETE" and steps[-1]["path"] == "/@C@":
            steps.pop()
    return steps + [step("HEAD", "@C@")]


def cors(draw):
    origin = {"X-Container-Meta-Access-Control-Allow-Origin": ["*", "http://a.com", "http://a.com http://b.com", "", "http://a.com:80", "  http://b.com  "], "X-Container-Meta-Access-Control-Max-Age": ["5", "abc", ""],
              "X-Container-Meta-Access-Control-Expose-Headers": ["x-foo", "x-foo X-Bar", "X-Foo, x-bar", ""], "X-Container-Read": [".r:*"], "X-Container-Meta-Access-Control-Allow-Headers": ["x"]}
    steps = own(draw, draw.pairs(origin, 4)) + [step("PUT", "@C@/o", headers=draw.pairs({"X-Object-Meta-A": ["b"], "Content-Type": ["a/b"], "Access-Control-Allow-Origin": ["http://z.com"]}, 2), body=BYTES)]
    pool = {"Origin": ["http://a.com", "http://b.com", "http://c.com", "null", "", "HTTP://A.com", "a.com", "http://a.com:80"], "Access-Control-Request-Method": ["GET", "PUT", "FOO", "", "get", "COPY"],
            "Access-Control-Request-Headers": ["x-foo", "x-foo, X-Bar", "", "X-Auth-Token,é"], "Range": ["bytes=0-1"], "If-None-Match": ["*"]}
    for _ in range(5):
        headers = draw.pairs(pool, 3)
        if draw.often(0.7) and not any(name == "Origin" for name, _ in headers):
            headers.append(("Origin", draw.one(pool["Origin"])))
        steps.append(step(draw.one(["OPTIONS", "OPTIONS", "GET", "HEAD", "PUT", "POST"]), draw.one(["", "@C@", "@C@/o", "@C@/nope", "nope/o", "@C@/o"]), ["prefix=@C@"], headers, token=draw.one(["own", "none", "bad"])))
    return steps


def expiry(draw):
    steps = own(draw) + [step("PUT", "@C@/o", headers={"X-Delete-After": "1"}, body=BYTES), step("PUT", "@C@/p", body="x"), step("POST", "@C@/p", headers={"X-Delete-At": "@NOW+2@"})]
    after = [step("GET", "@C@/o", wait=3), step("HEAD", "@C@/p"), step("POST", "@C@/o", headers={"X-Object-Meta-A": "b"}), step("POST", "@C@/o", headers={"X-Delete-At": "@NOW+1000@"}),
             step("COPY", "@C@/o", headers={"Destination": "@C@/q"}), step("DELETE", "@C@/o"), step("DELETE", "@C@/p", headers={"X-If-Delete-At": "1"}), step("PUT", "@C@/o", headers={"If-None-Match": "*"}),
             step("GET", "@C@/o", headers={"X-Open-Expired": "true"}), step("PUT", "@C@/s", headers={"X-Symlink-Target": "@C@/o"}), step("GET", "@C@/s")]
    chosen = draw.some(after[1:], 6)
    return steps + after[:1] + chosen


TOPICS = {"listing": listing, "account": account, "container": container, "account_meta": account_meta, "read": read, "put": put, "post": post, "copying": copying, "methods": methods, "names": names,
          "quotas": quotas, "acls": acls, "cors": cors, "expiry": expiry}
