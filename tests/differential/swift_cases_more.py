# SPDX-License-Identifier: Apache-2.0
"""More topics for tests/differential/swift: manifests, links, versions, signatures, pages and bulk operations."""
import base64
import hashlib
import io
import json
import tarfile

from swift_cases import ACCEPTS, BYTES, CONDITIONS, DATES, FLAGS, MD5, TARGETS, own, step, watch


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


SEGMENTS = {"s1": "abcde", "s2": "fghij", "s0": ""}
RANGES = {"Range": CONDITIONS["Range"], "If-Match": ['"x"', "*"], "If-None-Match": ["*"]}


def entry(draw):
    name = draw.one(["s1", "s2", "s1", "s2", "s1", "s0", "gone", "slo", "s é"])
    made = {"path": draw.one(["/@C@/"] * 12 + ["@C@/", "@C@", "/", "//@C@/", "/nope-@C@/", ""]) + name}
    if draw.often(0.4):
        made["etag"] = draw.one([md5(SEGMENTS.get(name, ""))] * 5 + ['"%s"' % md5(SEGMENTS.get(name, "")), "x", "", None, 5, md5(SEGMENTS.get(name, "")).upper()])
    if draw.often(0.4):
        made["size_bytes"] = draw.one([len(SEGMENTS.get(name, ""))] * 5 + [str(len(SEGMENTS.get(name, ""))), 7, -1, 0, None, 1.0, "x", 5.5, True])
    if draw.often(0.25):
        made["range"] = draw.one(["0-1", "-1", "1-", "5-1", "0-100", "abc", "0-0,1-2", "", "4-", "5-", "-0", None, 5, "-100", " 1-2 ", "bytes=0-1"])
    if draw.often(0.05):
        made[draw.one(["foo", "hash", "name", "bytes", "content_type"])] = "x"
    if draw.often(0.06):
        made = {"data": draw.one([base64.b64encode(b"data!").decode(), "", "****", None, 5, "YQ", "YQ==", "YQ==\n"])}
        if draw.often(0.2):
            made[draw.one(["path", "range", "etag", "size_bytes"])] = "0-1"
    return made


def manifest(draw):
    if draw.often(0.12):
        return draw.one(["", "[]", "{}", "null", "5", "junk", '"x"', "[5]", "[null]", '["x"]', "[[]]", "[{}]", '{"a":1}', "[", '[{"path":"/@C@/s1"},]', '[{"path":5}]', '[{"path":null}]', '[{"path":"/@C@/s1","path":"/@C@/s2"}]',
                         "\ufeff[]", '[{"path":"/@C@/s1","size_bytes":1e0}]', '[{"path":"/@C@/s1"}] x', "NaN", '[{"path":"/@C@/s1","size_bytes":NaN}]', " [ {\"path\" : \"/@C@/s1\" } ] "])
    entries = [entry(draw) for _ in range(draw.number(1, 3))]
    return json.dumps(entries, ensure_ascii=draw.often(0.5))


def slo(draw):
    steps = own(draw) + [step("PUT", "@C@/" + name, body=text) for name, text in SEGMENTS.items()]
    if draw.often(0.3):
        steps.append(step("PUT", "@C@/slo", ["multipart-manifest=put"], body='[{"path":"/@C@/s1"},{"path":"/@C@/s2","range":"1-3"}]'))
    else:
        headers = draw.pairs({"Content-Type": ["a/b", "a/b;c=d", ""], "ETag": ["x", md5(md5("abcde")), '"%s"' % md5(md5("abcde")), md5("x")], "X-Object-Meta-A": ["b"], "If-None-Match": ["*"], "Accept": ACCEPTS,
                              "X-Delete-After": ["1000"], "X-Object-Manifest": ["@C@/s"], "X-Static-Large-Object": ["true"], "X-Copy-From": ["@C@/s1"], "Range": ["bytes=0-1"]}, draw.one([0, 0, 1, 2]))
        steps.append(step("PUT", "@C@/" + draw.one(["m"] * 9 + ["s1", "slo"]), ["multipart-manifest=put"] + draw.query({"heartbeat": ["", "on", "off"], "foo": ["x"]}, 1) if draw.often(0.1) else ["multipart-manifest=put"], headers,
                          manifest(draw)))
    name = steps[-1]["path"][5:]
    for _ in range(4):
        which = draw.number(0, 9)
        query = draw.query({"multipart-manifest": ["get", "get", "junk", "", "put"], "format": ["raw", "json", "junk"], "foo": ["x"]}, 2) if draw.often(0.4) else []
        if which < 6:
            steps.append(step(draw.one(["GET", "GET", "HEAD"]), "@C@/" + name, query, draw.pairs(RANGES, 1)))
        elif which == 6:
            steps.append(step("POST", "@C@/" + name, query, draw.pairs({"X-Object-Meta-A": ["b"], "Content-Type": ["x/y"], "X-Static-Large-Object": ["false"]}, 2)))
        elif which == 7:
            steps.append(step("COPY", "@C@/" + name, query, [("Destination", "@C@/copy")] + draw.pairs({"Content-Type": ["n/t"], "Range": ["bytes=1-2"], "X-Object-Meta-B": ["b"]}, 1)))
            steps += watch("copy") + [step("GET", "@C@/copy"), step("GET", "@C@/copy", ["multipart-manifest=get"])]
        elif which == 8:
            steps.append(step("DELETE", "@C@/" + draw.one(["s1", "s2", name])))
        else:
            steps.append(step("DELETE", "@C@/" + draw.one([name, name, "gone", "s1"]), ["multipart-manifest=delete"] + draw.query({"async": ["yes", "no"]}, 1), [("Accept", draw.one(ACCEPTS))] if draw.often(0.5) else []))
            steps.append(step("GET", "@C@", ["format=json"]))
    return steps + [step("GET", "@C@", ["format=json"]), step("HEAD", "@C@")]


def dlo(draw):
    steps = own(draw) + [step("PUT", "@C@/s/%d" % number, body=BYTES[5 * number:5 * number + 5]) for number in range(draw.number(0, 3))]
    value = draw.one(["@C@/s/"] * 8 + ["/@C@/s", "@C@", "@C@/", "", "@C@/s?x", "nope-@C@/x", "@C@/%73", "@C@/s&x", "/", "//", "@C@//s", "é/s", "@C@/é", "a=b", "@C@/d", "@C@/s/1", " @C@/s "])
    headers = [("X-Object-Manifest", value)] + draw.pairs({"Content-Type": ["a/b"], "ETag": [MD5, "x", md5("")], "X-Object-Meta-A": ["b"], "X-Copy-From": ["@C@/s/0"]}, 1)
    steps.append(step("PUT", "@C@/d", draw.query({"multipart-manifest": ["get", "put"]}, 1) if draw.often(0.05) else [], headers, draw.one(["", "", "own"])))
    for _ in range(5):
        which = draw.number(0, 8)
        query = draw.query({"multipart-manifest": ["get", "get", "junk", "put", "delete"], "format": ["raw"]}, 1) if draw.often(0.3) else []
        if which < 5:
            etags = ['"%s"' % md5("".join(md5(BYTES[5 * number:5 * number + 5]) for number in range(count))) for count in range(4)]
            steps.append(step(draw.one(["GET", "GET", "HEAD"]), "@C@/d", query, draw.pairs(dict(RANGES, **{"If-Match": etags, "If-None-Match": etags + ["*"], "If-Modified-Since": DATES}), 2)))
        elif which == 5:
            steps.append(step("POST", "@C@/d", query, draw.pairs({"X-Object-Manifest": ["", "@C@/s/1", "bad"], "X-Object-Meta-A": ["c"], "X-Remove-Object-Manifest": ["x"]}, 2)))
        elif which == 6:
            steps.append(step("COPY", "@C@/d", query, [("Destination", "@C@/copy")] + draw.pairs({"X-Object-Manifest": ["@C@/s"], "Range": ["bytes=1-2"], "X-Fresh-Metadata": ["true"]}, 1)))
            steps += watch("copy") + [step("GET", "@C@/copy")]
        elif which == 7:
            steps.append(step("DELETE", "@C@/" + draw.one(["s/0", "d", "s/1"]), query))
        else:
            steps.append(step("PUT", "@C@/s/" + draw.one(["0", "9"]), body="new"))
    return steps


def symlink(draw):
    steps = own(draw) + [step("PUT", "@C@/o2", headers=draw.pairs({"Content-Type": ["a/b"], "X-Object-Meta-A": ["b"]}, 2), body=BYTES)]
    headers = [("X-Symlink-Target", draw.one(TARGETS + ["@C@/o2"] * 30))]
    headers += draw.pairs({"X-Symlink-Target-Account": ["@A@", "AUTH_none", "", "a/b", "/@A@"], "X-Symlink-Target-Etag": [MD5, '"%s"' % MD5, "x", "", MD5.upper(), "0" * 32], "Content-Type": ["l/t", "", "application/symlink"],
                           "X-Object-Meta-L": ["l"], "X-Delete-After": ["1000"], "ETag": [md5(""), "x"], "X-Object-Manifest": ["@C@/o"], "If-None-Match": ["*"]}, draw.one([0, 1, 1, 2]))
    steps.append(step("PUT", "@C@/l", draw.query({"symlink": ["get", "junk"], "multipart-manifest": ["put"]}, 1) if draw.often(0.1) else [], headers, draw.one(["", "", "", "", "x"])))
    steps += watch("l")
    for number in range(draw.one([0, 0, 1, 2, 3])):
        steps.append(step("PUT", "@C@/l%d" % number, headers=[("X-Symlink-Target", "@C@/l" + (str(number - 1) if number else ""))] + draw.pairs({"X-Symlink-Target-Etag": [md5(""), MD5]}, 1)))
    for _ in range(4):
        name = draw.one(["l", "l", "l0", "l1", "l2"])
        query = draw.query({"symlink": ["get", "get", "junk", "", None], "multipart-manifest": ["get", "delete", "put"]}, 1) if draw.often(0.5) else []
        which = draw.number(0, 9)
        if which < 5:
            steps.append(step(draw.one(["GET", "HEAD"]), "@C@/" + name, query, draw.pairs({name: CONDITIONS[name] for name in ("Range", "If-Match", "If-None-Match", "If-Modified-Since")}, 1)))
        elif which == 5:
            steps.append(step("POST", "@C@/" + name, query, draw.pairs({"X-Object-Meta-A": ["c"], "X-Symlink-Target": ["@C@/x"], "X-Delete-After": ["1000"], "Content-Type": ["new/type"]}, 2)))
            steps += [step("HEAD", "@C@/o2"), step("HEAD", "@C@/" + name, ["symlink=get"])]
        elif which == 6:
            steps.append(step("COPY", "@C@/" + name, query, [("Destination", "@C@/copy")] + draw.pairs({"X-Object-Meta-B": ["b"], "Content-Type": ["c/t"], "X-Symlink-Target": ["@C@/o2"]}, 1)))
            steps += watch("copy") + [step("HEAD", "@C@/copy", ["symlink=get"])]
        elif which == 7:
            steps.append(step("DELETE", "@C@/" + draw.one(["l", "o2", "l0"]), query))
        elif which == 8:
            steps.append(step("PUT", "@C@/" + draw.one(["l", "o2"]), query, [("X-Symlink-Target", draw.one(["@C@/l", "@C@/o2", "@C@/l0"]))]))
        else:
            steps.append(step("PUT", "@C@/m", ["multipart-manifest=put"], body=json.dumps([{"path": "/@C@/" + name}])))
            steps += [step("GET", "@C@/m"), step("GET", "@C@/m", ["multipart-manifest=get"])]
    return steps + [step("GET", "@C@", ["format=" + draw.one(["json", "xml"])])]


def versions(draw):
    steps = own(draw, [("X-Versions-Enabled", draw.one(["true"] * 8 + FLAGS))])
    kept = ["null"]
    for number in range(9):
        which = draw.number(0, 13)
        version = draw.one(kept)
        version = version if version == "null" else "@GOT:%s@" % version
        name = draw.one(["o", "o", "o", "p"])
        if which < 4:
            kept.append("v%d" % number)
            steps.append(step("PUT", "@C@/" + name, headers=draw.pairs({"Content-Type": ["a/b"], "If-None-Match": ["*"], "X-Symlink-Target": ["@C@/p"]}, 1) if draw.often(0.2) else [], body="" if draw.often(0.1) else "v%d" % number,
                              keep=("X-Object-Version-Id", "v%d" % number)))
        elif which < 6:
            steps.append(step(draw.one(["GET", "HEAD"]), "@C@/" + name, ["version-id=" + draw.one([version] * 5 + ["junk", "", "0", "1.0", "-1", "1", "9999999999.99999", "1600000000.00000_0"])] if draw.often(0.7) else []))
        elif which == 6:
            kept.append("v%d" % number)
            steps.append(step("DELETE", "@C@/" + name, keep=("X-Object-Version-Id", "v%d" % number)))
        elif which == 7:
            steps.append(step("DELETE", "@C@/" + name, ["version-id=" + version]))
        elif which == 8:
            steps.append(step(draw.one(["PUT", "POST"]), "@C@/" + name, ["version-id=" + version], body=draw.one(["", "", "x"])))
        elif which == 9:
            steps.append(step("POST", "@C@", headers=[("X-Versions-Enabled", draw.one(["false", "true", "true"]))]))
        elif which == 10:
            steps.append(step("COPY", "@C@/" + name, ["version-id=" + version] if draw.often(0.7) else [], [("Destination", "@C@/" + draw.one(["o", "q"]))]))
        elif which == 11:
            steps.append(step("POST", "@C@/" + name, headers={"X-Object-Meta-A": "b"}))
        elif which == 12:
            steps.append(step(draw.one(["HEAD", "DELETE"]), "@C@"))
        else:
            steps.append(step("PUT", "@C@/m", ["multipart-manifest=put"], body='[{"path":"/@C@/o"}]'))
        if draw.often(0.4):
            pool = {"limit": ["1", "2", "0"], "prefix": ["o", "p"], "marker": ["o", "a", "p"], "version_marker": [version, "null", "junk", ""], "reverse": ["true"], "end_marker": ["p"], "delimiter": ["/", "o"], "format": ["xml", "plain"]}
            query = draw.query(pool, 2)
            steps.append(step("GET", "@C@", ["versions" + draw.one(["", "=true", "=1", "=false"])] + query + ([] if "format" in str(query) else ["format=json"])))
    return steps + [step("GET", "@C@", ["versions", "format=json"]), step("GET", "@C@", ["format=json"]), step("HEAD", "@C@")]


def old_versions(draw):
    place = draw.one(["@C@-v"] * 9 + ["none-@C@", "@C@", "@C@%2Dv", "/@C@-v", "@C@-v/", "a/b"])
    steps = [step("PUT", "@C@-v")] + own(draw, [(draw.one(["X-Versions-Location", "X-History-Location"]), place)]) + [step("HEAD", "@C@")]
    for number in range(7):
        which = draw.number(0, 9)
        name = draw.one(["o", "o", "o", "a%2Fb", "é", "x" * 1000])
        if which < 4:
            steps.append(step("PUT", "@C@/" + name, headers=draw.pairs({"Content-Type": ["a/b"], "X-Object-Meta-A": ["b"], "X-Delete-After": ["1000"], "ETag": ["x"], "X-Symlink-Target": ["@C@/o"]}, 1), body="" if draw.often(0.2) else "v%d" % number))
        elif which < 6:
            steps.append(step("DELETE", "@C@/" + name))
        elif which == 6:
            steps.append(step("COPY", "@C@/" + name, headers={"Destination": "@C@/o"}))
        elif which == 7:
            steps.append(step("POST", "@C@/" + name, headers={"X-Object-Meta-A": "c"}))
        elif which == 8:
            steps.append(step("POST", "@C@", headers=draw.pairs({"X-Versions-Location": ["", "@C@-v"], "X-History-Location": ["", "@C@-v"], "X-Remove-Versions-Location": ["x"], "X-Versions-Enabled": ["true"], "X-Versions-Mode": ["history", "stack", "x"]}, 2)))
        steps.append(step("GET", "@C@/" + name))
    return steps + [step("HEAD", "@C@-v"), step("HEAD", "@C@")]


def tempurl(draw):
    key = draw.one(["k", "k", "ké"])
    steps = own(draw, [("X-Container-Meta-Temp-URL-Key" + draw.one(["", "-2"]), key)]) + [
        step("PUT", "@C@/" + name, headers=draw.pairs({"Content-Disposition": ["attachment"], "Content-Type": ["a/b"], "X-Object-Meta-A": ["b"]}, 2), body=BYTES) for name in ("o", "d/ é")]
    for _ in range(5):
        digest = draw.one(["sha256", "sha256", "sha512", "sha1", "sha256:", "sha512:", "sha1:", "md5"])
        expires = draw.one(["<@NOW+100@>"] * 9 + ["<@NOW-100@>", "1", "abc", "", "9" * 11, "9" * 30, "<@DATE+100:%Y-%m-%dT%H{c}%M{c}%SZ@>", "<@DATE+100:%Y-%m-%dT%H{c}%M{c}%S@>", "<@DATE+90000:%Y-%m-%d@>", "-5", "<@NOW+100@>.5", " <@NOW+100@>"])
        if "{c}" in expires:
            continue            # a colon ends a note: the long forms are in the tests
        name = draw.one(["o", "o", "o", "d/ é", "nope", ""])
        signed = draw.one(["GET", "GET", "HEAD", "PUT", "POST", "DELETE"])
        prefix = draw.one(["", "d/", "n", "o"]) if draw.often(0.2) else None
        seen = expires if not expires.startswith("<@DATE") else "0"
        signature = "@SIG:%s|%s|%s|%s|%s%s@" % (digest, draw.one([key] * 9 + ["x"]), signed, "<@C@>/" + (name if prefix is None else prefix), seen, "" if prefix is None else "|prefix")
        query = ["temp_url_sig=" + draw.one([signature] * 9 + ["", "x", "0" * 64, signature.replace("sha", "SHA")]), "temp_url_expires=" + expires]
        if prefix is not None:
            query.append("temp_url_prefix=" + prefix)
        query += draw.query({"filename": ["x.txt", "a b", "é", "", "a\"b", "a/b", "a;b"], "inline": [None, "x", ""], "temp_url_ip_range": ["127.0.0.1", "junk", ""], "temp_url_prefix": ["d"], "multipart-manifest": ["get", "put"],
                             "symlink": ["get"], "version-id": ["null"], "foo": ["bar"]}, 2) if draw.often(0.4) else []
        if draw.often(0.1):
            query.pop(draw.number(0, len(query) - 1))
        headers = draw.pairs({"Range": ["bytes=0-1"], "X-Object-Manifest": ["@C@/x"], "X-Object-Meta-B": ["c"], "X-Copy-From": ["@C@/o"], "Content-Type": ["x/y"], "X-Timestamp": ["1"], "X-Symlink-Target": ["@C@/o"],
                              "Origin": ["http://x"], "Content-Disposition": ["inline"], "X-Delete-After": ["1000"]}, 2) if draw.often(0.3) else []
        method = draw.one([signed] * 4 + ["GET", "HEAD", "OPTIONS", "COPY"])
        steps.append(step(method, "@C@/" + name, query, headers, "new" if method == "PUT" else "", token=draw.one(["none"] * 6 + ["bad", "own"])))
    return steps + [step("GET", "@C@", ["format=json"])]


def form_body(fields, files, end="--B--\r\n"):
    text = "".join('--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % field for field in fields)
    for name, filename, kind, content in files:
        text += '--B\r\nContent-Disposition: form-data; name="%s"%s\r\n%s\r\n%s\r\n' % (name, '; filename="%s"' % filename if filename is not None else "", "Content-Type: %s\r\n" % kind if kind else "", content)
    return text + end


def formpost(draw):
    steps = own(draw, [("X-Container-Meta-Temp-URL-Key", "k")])
    for _ in range(3):
        digest = draw.one(["sha256", "sha512", "sha1", "sha256:", "md5"])
        redirect = draw.one(["", "", "", "http://h/x", "http://h/x?y=z", "junk", "é"])
        size, count, expires = draw.one(["100", "100", "100", "5", "0", "-1", "abc", ""]), draw.one(["2", "2", "1", "0", "-1", "abc", ""]), draw.one(["<@NOW+100@>"] * 6 + ["<@NOW-100@>", "abc", "", "99999999999"])
        path = "<@C@>/" + draw.one(["", "p", "d/"])
        signature = draw.one(["@FORM:%s|%s|%s|%s|%s|%s|%s@" % (digest, draw.one(["k"] * 6 + ["x"]), path, redirect, size, count, expires)] * 9 + ["x", ""])
        fields = [("redirect", redirect), ("max_file_size", size), ("max_file_count", count), ("expires", expires), ("signature", signature)]
        if not redirect and draw.often(0.5):
            fields = fields[1:]
        if draw.often(0.15):
            fields.pop(draw.number(0, len(fields) - 1))
        if draw.often(0.2):
            fields.append(draw.one([("x_delete_after", "1000"), ("x_delete_after", "abc"), ("x_delete_at", "1"), ("x_delete_at", "9999999999"), ("content-type", "x/y"), ("content-encoding", "gzip"), ("foo", "bar")]))
        files = [(draw.one(["file1", "file", "f"]), draw.one(["a", "b", "a/b", "é", "", "c d", None, "..", "x" * 1025, "a\\b"]), draw.one(["text/plain", "", "a/b; c=d"]), draw.one(["hello", "", "x" * 100, "x" * 101, "a\r\nb", "\r\n--Bx"]))
                 for _ in range(draw.one([0, 1, 1, 1, 2, 3]))]
        kind = draw.one(["multipart/form-data; boundary=B"] * 9 + ['multipart/form-data; boundary="B"', "multipart/form-data", "multipart/form-data; boundary=", "Multipart/Form-Data; boundary=B", "multipart/form-data;boundary=B;x=y"])
        steps.append(step("POST", path.replace("<@C@>", "@C@"), headers=[("Content-Type", kind)] + draw.pairs({"Origin": ["http://x"]}, 1), body=form_body(fields, files, draw.one(["--B--\r\n"] * 9 + ["", "--B--", "--B\r\n"])), token=draw.one(["none", "none", "own"])))
        steps.append(step("GET", "@C@", ["format=json"]))
    return steps


def web(draw):
    pool = {"X-Container-Meta-Web-Index": ["index.html", "i", ""], "X-Container-Meta-Web-Error": ["error.html", ""], "X-Container-Meta-Web-Listings": FLAGS, "X-Container-Meta-Web-Listings-CSS": ["s.css", "http://h/s.css", "/s.css"],
            "X-Container-Meta-Web-Listings-Label": ["label", "<b>"], "X-Container-Meta-Web-Directory-Type": ["text/directory", "a/b"], "X-Container-Read": [".r:*,.rlistings", ".r:*", ""]}
    steps = own(draw, draw.pairs({"X-Container-Read": [".r:*,.rlistings", ".r:*,.rlistings", ".r:*"]}, 1) + [each for each in draw.pairs(pool, 5) if each[0] != "X-Container-Read"])
    for name in draw.some(["index.html", "401error.html", "404error.html", "sub/index.html", "sub/x", "sub/deep/y", "z", "é&<", "dir/", "dir", "i"], 7):
        steps.append(step("PUT", "@C@/" + name, headers=draw.pairs({"Content-Type": ["text/directory", "text/html", "a/b"]}, 1), body="page " + name))
    for _ in range(6):
        place = draw.one(["", "/", "/index.html", "/sub", "/sub/", "/nope", "/nope/", "/z", "/z/", "/dir", "/dir/", "/sub/deep", "/sub/deep/", "/é&<", "//"])
        headers = draw.pairs({"X-Web-Mode": ["true", "false", "on"], "Accept": ACCEPTS, "If-None-Match": ["*"], "Range": ["bytes=0-1"], "X-Forwarded-Proto": ["https"], "Referer": ["http://example.com"]}, 1)
        steps.append(step(draw.one(["GET", "GET", "HEAD"]), "@C@" + place, draw.query({"format": ["json"], "prefix": ["s"], "delimiter": ["/"], "foo": ["b"], "multipart-manifest": ["get"], "limit": ["1"]}, 1) if draw.often(0.2) else [], headers,
                          token=draw.one(["none", "none", "none", "own", "bad"])))
    return steps


def bulk_delete(draw):
    steps = own(draw) + [step("PUT", "@C@x")] + [step("PUT", "@C@/" + name, body="x") for name in draw.some(["a", "b", "c%20d", "é", "e/f", "g%25h"], 6)]
    for _ in range(2):
        lines = [draw.one(["/@C@/a", "@C@/b", "/@C@/c%20d", "/@C@/c d", "/@C@/%C3%A9", "/@C@/é", "@C@/e/f", "/@C@/g%2525h", "@C@/nope", "/nope-@C@/x", "", "  ", "@C@", "@C@x", "/@C@x/", "/", "//", "x" * 2000, "é" * 400, "@C@/a ", " @C@/b",
                           "/@C@/%FF", "@C@/%zz", "/@C@/" + "x" * 1025, "\t@C@/a", "/@C@/a?x", "@C@//a", "@C@-none"]) for _ in range(draw.one([0, 1, 2, 3, 5]))]
        headers = [("Content-Type", draw.one(["text/plain"] * 5 + ["", "text/xml", "application/json", "text/plain; charset=utf-8"]))] if draw.often(0.8) else []
        headers += [("Accept", draw.one(ACCEPTS))] if draw.often(0.6) else []
        steps.append(step(draw.one(["POST", "POST", "DELETE"]), draw.one(["", "", "", "/", "@C@", "@C@/a"]), [draw.one(["bulk-delete", "bulk-delete", "bulk-delete=true", "bulk-delete=", "bulk-delete=1&x=y"])], headers, draw.one(["\n", "\n", "\r\n"]).join(lines) + draw.one(["", "\n"])))
        steps.append(step("GET", "@C@", ["format=json"]))
    return steps


def archive(draw):
    made = io.BytesIO()
    form = draw.one(["w", "w", "w:gz", "w:bz2"])
    with tarfile.open(fileobj=made, mode=form, format=draw.one([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])) as out:
        for _ in range(draw.number(0, 4)):
            member = tarfile.TarInfo(draw.one(["a", "./b", "/c", "d/e", "../f", "é", "g h", "x/y/z", "dir", ".", "x" * 90, "./", "a//b", "x/../y", "%41", "c1/o", "h" * 90]))
            content = draw.one([b"", b"bytes", b"x" * 600])
            member.type = draw.one([tarfile.REGTYPE] * 9 + [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
            member.linkname = "a" if member.type in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            member.size = len(content) if member.type == tarfile.REGTYPE else 0
            if out.format == tarfile.PAX_FORMAT and draw.often(0.3):
                member.pax_headers = dict(draw.some([("SCHILY.xattr.user.meta.lang", "c"), ("SCHILY.xattr.user.mime_type", "m/t"), ("LIBARCHIVE.xattr.user.meta.k", "v"), ("comment", "x"), ("SCHILY.xattr.user.other", "x")], 3))
            out.addfile(member, io.BytesIO(content) if member.size else None)
    body = made.getvalue()
    if draw.often(0.15):
        body = draw.one([b"", b"junk", body[:100], body + b"junk", body[:len(body) // 2], b"\0" * 1024, b"x" * 512])
    kind = draw.one([{"w": "tar", "w:gz": "tar.gz", "w:bz2": "tar.bz2"}[form]] * 9 + ["tar", "zip", "", "tar.gz"])
    headers = draw.pairs({"Accept": ACCEPTS, "Content-Type": ["a/b", ""], "X-Object-Meta-A": ["b"], "X-Detect-Content-Type": ["true"], "X-Delete-After": ["1000"], "Content-Encoding": ["gzip"], "ETag": ["x"], "X-Container-Meta-A": ["c"]}, 2)
    place = draw.one(["@C@", "@C@", "@C@/p", "@C@/p/", "@C@/", "@C@n"])
    return own(draw) + [step("PUT", place, ["extract-archive=" + kind] + draw.query({"foo": ["x"]}, 1), headers, body), step("GET", "@C@", ["format=json"]), step("GET", "@C@n", ["format=json"]), step("HEAD", "@C@/a"), step("HEAD", "@C@/p/a")]


TOPICS = {"slo": slo, "dlo": dlo, "symlink": symlink, "versions": versions, "old_versions": old_versions, "tempurl": tempurl, "formpost": formpost, "web": web, "bulk_delete": bulk_delete, "archive": archive}
