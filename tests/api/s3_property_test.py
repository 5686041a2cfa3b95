# SPDX-License-Identifier: Apache-2.0
"""Random sequences through S3's and Swift's doors mixed, beside one model in memory: bytes, versions, lists and counters agree
whichever door is used. HANEUL_SEED and HANEUL_STEPS as for object_store_property_test.py."""
import base64
import hashlib
import json
import os
import re
import time
import urllib.parse
import xml.etree.ElementTree

import object_store_property_test as swift
from cloud import OBJECT_DRIVER
from s3_client import Keys, Signed, quote

TYPES = ("text/plain", "image/png", "x/y; charset=utf-8")


class Multipart(swift.Kept):
    """What was uploaded in parts: another ETag at each door."""

    def __init__(self, body, meta, kind, parts):
        super().__init__(body, meta, kind)
        digests = [hashlib.md5(part).digest() for part in parts]
        self.parts = parts
        self.swift_etag = '"%s"' % hashlib.md5("".join(digest.hex() for digest in digests).encode()).hexdigest()
        self.s3_etag = '"%s-%d"' % (hashlib.md5(b"".join(digests)).hexdigest(), len(parts))


class Version:
    def __init__(self, kept, null):
        self.kept, self.null, self.id = kept, null, "null" if null else None


class Objects(dict):
    """The current objects of a bucket; what is set or deleted goes into its history as its versioning says."""

    def __init__(self):
        super().__init__()
        self.status, self.history = None, {}
        self.detached = set()       # names of which no version is current, though the newest is no marker

    def add(self, name, kept):
        old, null = self.history.get(name, []), self.status != "Enabled"
        old = [one for one in old if not (null and one.null)]
        if kept or self.status:
            old.insert(0, Version(kept, null))
        self.history[name] = old
        self.detached.discard(name)
        self.settle(name)

    def detach(self, name):
        """Swift's door leaves no marker where versions are suspended."""
        if self.history[name][0].null:
            del self.history[name][0]
        self.detached.add(name)
        self.settle(name)

    def settle(self, name):
        old = self.history.get(name)
        if not old:
            self.history.pop(name, None)
        if old and old[0].kept and name not in self.detached:
            super().__setitem__(name, old[0].kept)
        else:
            super().pop(name, None)

    __setitem__ = add

    def __delitem__(self, name):
        self.add(name, None)


class Bucket:
    def __init__(self):
        self.objects, self.meta = Objects(), {}


class S3PropertyTest(swift.PropertyTest):
    kind_of_container = Bucket

    def setUp(self):
        super().setUp()
        self.keys = Keys.of_admin(self.cloud)

    # ---- asking ----

    def sent(self, method, path, query=None, body=b"", **headers):
        """(status, headers, body) of S3; 'path' is (bucket[, key])."""
        url = "/" + "/".join(quote(part, "/" if at else "") for at, part in enumerate(path))
        text = "&".join("%s=%s" % (name, quote(str(value))) for name, value in (query or {}).items())
        status, got, answer = Signed(self.cloud.s3, self.keys, method, url, text, body, headers=headers).send()
        self.trail.append("S3 %s %s?%s %s: %d %s" % (method, path, text, headers, status, answer[:150] if status > 299 else ""))
        return status, got, answer

    def read(self, text):
        return xml.etree.ElementTree.fromstring(re.sub(b' xmlns="[^"]+"', b"", text))

    def s3_meta(self, meta):
        return {"x-amz-meta-" + name[len("X-Object-Meta-"):]: value for name, value in meta.items()}

    # ---- choosing ----

    def container(self):
        there = self.model and self.random.random() < 0.97
        return self.random.choice(sorted(self.model)) if there else "c-%06d" % self.random.randrange(10 ** 6)

    # ---- steps ----

    def remove(self):
        """Where versions are kept, what is deleted has a marker, also when it was not there."""
        bucket = self.container()
        name = self.object(bucket)
        there = bucket in self.model and name in self.model[bucket].objects
        self.expect(204 if there else 404, self.ask("DELETE", (bucket, name))[0], "DELETE")
        self.gone_here(bucket, name)

    def gone_here(self, bucket, name):
        if bucket not in self.model or self.model[bucket].objects.status != "Suspended":
            self.gone(bucket, name)
        elif name in self.model[bucket].objects:
            self.model[bucket].objects.detach(name)

    def gone(self, bucket, name):
        if bucket in self.model and (name in self.model[bucket].objects or self.model[bucket].objects.status):
            del self.model[bucket].objects[name]

    def make_container(self):
        name, by_s3 = "c-%06d" % self.random.randrange(10 ** 6), self.random.random() < 0.7
        self.model[name] = Bucket()
        self.expect(200 if by_s3 else 201, (self.sent if by_s3 else self.ask)("PUT", (name,))[0], "PUT of a bucket")

    def remove_container(self):
        name = self.container()
        history = self.model[name].objects.history if name in self.model else None
        by_s3 = self.random.random() < 0.5
        status = (self.sent if by_s3 else self.ask)("DELETE", (name,))[0]
        self.expect(404 if history is None else 409 if history else 204, status, "DELETE of a container")
        if status == 204:
            del self.model[name]
            for more in ("+segments", "+uploads"):      # Swift's door leaves them
                self.ask("DELETE", (name + more,))

    def versioning(self):
        name, status = self.container(), self.random.choice(("Enabled", "Suspended"))
        if name not in self.model:
            return
        if self.random.random() < 0.5:
            body = "<VersioningConfiguration><Status>%s</Status></VersioningConfiguration>" % status
            self.expect(200, self.sent("PUT", (name,), {"versioning": ""}, body.encode())[0], "versioning")
        else:
            self.expect(204, self.ask("POST", (name,), X_Versions_Enabled="true" if status == "Enabled" else "false")[0], "versioning")
        self.model[name].objects.status = status

    def s3_put(self):
        bucket, body, meta = self.container(), self.body(), self.metadata()
        key, kind = self.object(bucket), self.random.choice(TYPES)
        more = {"If-None-Match": "*"} if self.random.random() < 0.15 else {}
        status, headers, _ = self.sent("PUT", (bucket, key), None, body, **{"Content-Type": kind, **self.s3_meta(meta), **more})
        if bucket not in self.model:
            self.expect(404, status, "PUT into no bucket")
        elif more and key in self.model[bucket].objects:
            self.expect(412, status, "PUT of what is there")
        else:
            self.expect(200, status, "PUT")
            self.expect('"%s"' % hashlib.md5(body).hexdigest(), headers["ETag"], "ETag of PUT")
            self.model[bucket].objects[key] = swift.Kept(body, meta, kind)

    def s3_delete(self):
        bucket = self.container()
        key = self.object(bucket)
        self.expect(204 if bucket in self.model else 404, self.sent("DELETE", (bucket, key))[0], "DELETE")
        self.gone(bucket, key)

    def s3_delete_many(self):
        bucket = self.container()
        keys = {self.object(bucket) for _ in range(self.random.randint(1, 4))}
        root = xml.etree.ElementTree.Element("Delete")
        for key in sorted(keys):
            xml.etree.ElementTree.SubElement(xml.etree.ElementTree.SubElement(root, "Object"), "Key").text = key
        body = xml.etree.ElementTree.tostring(root)
        digest = base64.b64encode(hashlib.md5(body).digest()).decode()
        status, _, text = self.sent("POST", (bucket,), {"delete": ""}, body, **{"Content-MD5": digest})
        self.expect(200 if bucket in self.model else 404, status, "delete of many")
        if status == 200:
            self.expect(sorted(keys), sorted(one.findtext("Key") for one in self.read(text)), "what it deleted")
            for key in keys:
                self.gone(bucket, key)

    def s3_copy(self):
        source, target = self.container(), self.container()
        name, to = self.object(source), self.object(target)
        kept = self.model[source].objects.get(name) if source in self.model else None
        status, _, _ = self.sent("PUT", (target, to), None, b"", **{"x-amz-copy-source": quote(source + "/" + name, "/"),
                                                                    "x-amz-metadata-directive": "REPLACE", "Content-Type": "image/png"}
                                 if self.random.random() < 0.3 else {"x-amz-copy-source": quote(source + "/" + name, "/")})
        replaced = "REPLACE" in self.trail[-1]
        if kept and (source, name) == (target, to) and not replaced and status == 400:
            return                      # onto itself, and nothing changes
        self.expect(200 if kept and target in self.model else 404, status, "copy of %s/%s" % (source, name))
        if status == 200:
            self.model[target].objects[to] = swift.Kept(kept.body, {} if replaced else dict(kept.meta),
                                                        "image/png" if replaced else kept.kind)

    def multipart(self):
        bucket, meta, kind = self.container(), self.metadata(), self.random.choice(TYPES)
        key = self.object(bucket)
        status, _, text = self.sent("POST", (bucket, key), {"uploads": ""}, **{"Content-Type": kind, **self.s3_meta(meta)})
        self.expect(200 if bucket in self.model else 404, status, "upload")
        if status != 200:
            return
        upload = self.read(text).findtext("UploadId")
        parts = [self.body()] if self.random.random() < 0.9 else [self.random.randbytes(5 << 20), self.body()]
        etags = []
        for number, part in enumerate(parts, 1):
            if self.random.random() < 0.2:      # once more: the last one counts
                self.sent("PUT", (bucket, key), {"partNumber": number, "uploadId": upload}, b"wrong")
            status, headers, _ = self.sent("PUT", (bucket, key), {"partNumber": number, "uploadId": upload}, part)
            self.expect(200, status, "part")
            etags.append(headers["ETag"])
        if self.random.random() < 0.2:
            self.expect(204, self.sent("DELETE", (bucket, key), {"uploadId": upload})[0], "abort")
            self.expect(404, self.sent("GET", (bucket, key), {"uploadId": upload})[0], "what was aborted")
            return
        self.sent("PUT", (bucket, key), {"partNumber": 9, "uploadId": upload}, b"is not wanted")
        body = "".join("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % one for one in enumerate(etags, 1))
        status, _, text = self.sent("POST", (bucket, key), {"uploadId": upload},
                                    ("<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % body).encode())
        self.expect(200, status, "completing")
        kept = Multipart(b"".join(parts), meta, kind, parts)
        self.expect(kept.s3_etag, self.read(text).findtext("ETag"), "ETag of what was completed")
        self.model[bucket].objects[key] = kept

    # ---- looking ----

    def s3_get(self):
        bucket = self.container()
        key = self.object(bucket)
        kept = self.model[bucket].objects.get(key) if bucket in self.model else None
        ranges, query, wanted = {}, None, kept and kept.body
        if isinstance(kept, Multipart) and self.random.random() < 0.3:
            query = {"partNumber": self.random.randint(1, len(kept.parts))}
            wanted = kept.parts[query["partNumber"] - 1]
        elif kept and kept.body and self.random.random() < 0.5:
            first = self.random.randrange(len(kept.body))
            ranges, wanted = {"Range": "bytes=%d-%d" % (first, first + 70000)}, kept.body[first:first + 70001]
        status, headers, body = self.sent("GET", (bucket, key), query, **ranges)
        self.expect(404 if not kept else 206 if ranges or query else 200, status, "GET")
        if kept:
            self.expect(True, wanted == body, "bytes")
            self.same(kept, headers)

    def same(self, kept, headers):
        etag = getattr(kept, "s3_etag", '"%s"' % hashlib.md5(kept.body).hexdigest())
        self.expect((kept.kind, etag), (headers["Content-Type"], headers["ETag"]), "type, ETag")
        shown = {n.lower()[11:]: v for n, v in headers.items() if n.lower().startswith("x-amz-meta-")}
        self.expect({n.lower()[14:]: v for n, v in kept.meta.items()}, shown, "metadata")

    def s3_list(self):
        bucket = self.container()
        names = sorted(self.model[bucket].objects) if bucket in self.model else []
        some = names + [self.name() for _ in range(2)]
        prefix = self.random.choice(("", "", self.random.choice(some)[:self.random.randint(1, 3)]))
        delimiter = self.random.choice(("", "", "/", "a", "日"))
        marker = self.random.choice(("", self.random.choice(some)))
        limit, second = self.random.choice((1000, 1, 2, 5)), self.random.random() < 0.5
        query = {"prefix": prefix, "delimiter": delimiter, "start-after" if second else "marker": marker, "max-keys": limit,
                 "encoding-type": "url" if self.random.random() < 0.5 else "", **({"list-type": "2"} if second else {})}
        query = {name: value for name, value in query.items() if value}
        wanted, seen = self.wanted_list(names, prefix, delimiter, marker, "", False, 10 ** 6), []
        while True:
            status, _, text = self.sent("GET", (bucket,), query)
            self.expect(200 if bucket in self.model else 404, status, "list")
            if status != 200:
                return
            root, said = self.read(text), (urllib.parse.unquote if "encoding-type" in query else str)
            page = [(said(one.findtext("Key")), False) for one in root.iter("Contents")]
            page += [(said(one.findtext("Prefix")), True) for one in root.iter("CommonPrefixes")]
            seen += sorted(page, key=lambda one: one[0].encode())
            for one in root.iter("Contents"):
                kept = self.model[bucket].objects[said(one.findtext("Key"))]
                self.expect((str(len(kept.body)), getattr(kept, "s3_etag", '"%s"' % hashlib.md5(kept.body).hexdigest())),
                            (one.findtext("Size"), one.findtext("ETag")), "row")
            self.expect(True, len(page) <= limit, "length of a page")
            if root.findtext("IsTruncated") == "false":
                break
            self.expect(len(page), limit, "length of a page")
            if second:
                query["continuation-token"] = root.findtext("NextContinuationToken")
            else:
                after = root.findtext("NextMarker")
                query["marker"] = said(after) if after else seen[-1][0]
        self.expect(wanted, seen, "list %s" % query)

    def s3_versions(self):
        """All versions of a bucket, a few a page; then one of them is looked at, and maybe deleted."""
        bucket = self.container()
        if bucket not in self.model:
            return
        objects, seen = self.model[bucket].objects, []
        query = {"versions": "", "max-keys": self.random.choice((1000, 3, 7))}
        while True:
            status, _, text = self.sent("GET", (bucket,), query)
            self.expect(200, status, "versions")
            root = self.read(text)
            seen += [one for one in root if one.tag in ("Version", "DeleteMarker")]
            if root.findtext("IsTruncated") == "false":
                break
            query.update({"key-marker": root.findtext("NextKeyMarker"), "version-id-marker": root.findtext("NextVersionIdMarker")})
        wanted = [(name, one) for name in sorted(objects.history, key=str.encode) for one in objects.history[name]]
        self.expect([(name, bool(one.kept), one is objects.history[name][0] and not (one.kept and name in objects.detached),
                      one.null, str(len(one.kept.body)) if one.kept else None) for name, one in wanted],
                    [(one.findtext("Key"), one.tag == "Version", one.findtext("IsLatest") == "true",
                      one.findtext("VersionId") == "null", one.findtext("Size")) for one in seen], "versions")
        for (name, one), row in zip(wanted, seen):
            self.expect(one.id or row.findtext("VersionId"), row.findtext("VersionId"), "a version's id")
            one.id = row.findtext("VersionId")
        if wanted:
            self.one_version(bucket, *self.random.choice(wanted))

    def one_version(self, bucket, name, one):
        if one.kept:
            status, headers, body = self.sent("GET", (bucket, name), {"versionId": one.id})
            self.expect((200, True), (status, one.kept.body == body), "bytes of a version")
            self.same(one.kept, headers)
        else:
            self.expect(405, self.sent("GET", (bucket, name), {"versionId": one.id})[0], "GET of a marker")
        if self.random.random() < 0.6:
            history = self.model[bucket].objects.history
            # Swift makes no other the current one, and calls the current one null as well.
            if one is history[name][0] or one.null or self.random.random() < 0.5:
                self.model[bucket].objects.detached.discard(name)
                self.expect(204, self.sent("DELETE", (bucket, name), {"versionId": one.id})[0], "DELETE of a version")
            else:
                status = self.ask("DELETE", (bucket, name), query="?version-id=" + one.id)[0]
                self.expect(204, status, "DELETE of a version")
            history[name] = [other for other in history[name] if other is not one]
            self.model[bucket].objects.settle(name)

    # ---- counting ----

    def count(self):
        for wait in (0.5, 1, 2):        # parts that nobody asks for may go between two requests
            before = self.ask("HEAD", ())[1]["X-Account-Object-Count"]
            if self.count_once(before):
                return
            time.sleep(wait)
        self.count_once(None)

    def count_once(self, before):
        """False: the account changed meanwhile."""
        _, headers, text = self.ask("GET", (), query="?format=json")
        rows = {row["name"]: row for row in json.loads(text)}
        if before and before != self.ask("HEAD", ())[1]["X-Account-Object-Count"]:
            return False
        self.expect(sorted(self.model), sorted(name for name in rows if "+" not in name), "containers")
        for name, bucket in self.model.items():
            self.expect(len(bucket.objects), rows[name]["count"], "objects of " + name)
            history = [one.kept for all_of in bucket.objects.history.values() for one in all_of if one.kept]
            if not any(isinstance(kept, Multipart) for kept in history):
                self.expect(sum(len(kept.body) for kept in history), rows[name]["bytes"], "bytes of " + name)
        self.expect((str(len(rows)), str(sum(row["count"] for row in rows.values())), str(sum(row["bytes"] for row in rows.values()))),
                    tuple(headers["X-Account-" + name] for name in ("Container-Count", "Object-Count", "Bytes-Used")), "account")
        self.expect(sorted(self.model), sorted(one.findtext("Name") for one in self.read(self.sent("GET", ())[2]).iter("Bucket")
                                               if "+" not in one.findtext("Name")), "buckets")
        return True

    def parts_are_gone(self):
        """What nothing has any more has no parts either."""
        wanted = {name: sum(len(one.kept.parts) for all_of in bucket.objects.history.values() for one in all_of
                            if isinstance(one.kept, Multipart)) for name, bucket in self.model.items()}
        there = {}

        def look():
            rows = json.loads(self.ask("GET", (), query="?format=json")[2])
            there.clear()
            there.update({row["name"]: row["count"] for row in rows if "+" in row["name"]})
            return all(there.get(name + "+segments", 0) == count and not there.get(name + "+uploads")
                       for name, count in wanted.items())
        try:
            self.cloud.until(look)
        except AssertionError:
            self.expect(wanted, there, "parts")

    def test_requests_do_what_the_model_does(self):
        steps = int(os.environ.get("HANEUL_STEPS", 300))
        print("seed %d " % self.seed, end="", flush=True)
        choices = ((self.make_container, 4), (self.remove_container, 2), (self.versioning, 4), (self.put, 10), (self.s3_put, 14),
                   (self.remove, 5), (self.s3_delete, 6), (self.s3_delete_many, 3), (self.post, 4), (self.copy, 5),
                   (self.s3_copy, 6), (self.bulk_delete, 2), (self.multipart, 8), (self.get, 10), (self.s3_get, 12),
                   (self.list, 8), (self.s3_list, 12), (self.s3_versions, 10), (self.count, 4))
        self.make_container()
        for step in range(steps):
            self.random.choices([c for c, _ in choices], [w for _, w in choices])[0]()
            if step == steps // 2:
                self.link.close()
                if OBJECT_DRIVER != "fake":
                    self.cloud.restart()
        self.count()
        self.parts_are_gone()
        self.expect(0, self.cloud.audit()[0], "audit")
