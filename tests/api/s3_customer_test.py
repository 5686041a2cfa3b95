# SPDX-License-Identifier: Apache-2.0
"""Keys that customers bring along (SSE-C): bytes come back with the key alone, by S3's door alone."""
import base64
import contextlib
import hashlib
import os
import unittest
import urllib.request

import s3_test
from cloud import in_files, kept
from s3_client import Signed

PREFIX = "x-amz-server-side-encryption-customer-"
MEGABYTE = 1 << 20


class Key:
    def __init__(self):
        self.key = os.urandom(32)
        self.arguments = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": self.key}
        self.source = {"CopySource" + name: value for name, value in self.arguments.items()}
        self.headers = {PREFIX + "algorithm": "AES256", PREFIX + "key": base64.b64encode(self.key).decode(),
                        PREFIX + "key-MD5": base64.b64encode(hashlib.md5(self.key).digest()).decode()}


KEY, OTHER = Key(), Key()


class Customer(s3_test.S3Test):
    def told(self, answer, key=KEY):
        self.assertEqual((answer.get("SSECustomerAlgorithm"), answer.get("SSECustomerKeyMD5"), answer.get("ServerSideEncryption")),
                         ("AES256", key.headers[PREFIX + "key-MD5"], None))

    def locked(self, key, **more):
        """Without the key or with another one there is nothing."""
        for call in (self.get, self.head):
            self.refused("InvalidRequest" if call == self.get else "400", 400, call, key=key, **more)
            self.refused("AccessDenied" if call == self.get else "403", 403, call, key=key, **OTHER.arguments, **more)

    @contextlib.contextmanager
    def adding(self, key, operation):
        """Of the headers of some calls older clients know nothing."""
        def add(params, **_):
            params["headers"].update(key.headers)

        self.s3.meta.events.register("before-call.s3." + operation, add)
        yield
        self.s3.meta.events.unregister("before-call.s3." + operation, add)

    def head(self, key, **more):
        return self.s3.head_object(Bucket=self.bucket, Key=key, **more)

    def upload(self, key, bodies, lock=KEY, **more):
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key, **lock.arguments, **more)
        self.told(upload, lock)
        parts = []
        for number, body in enumerate(bodies, 1):
            part = self.s3.upload_part(Bucket=self.bucket, Key=key, UploadId=upload["UploadId"], PartNumber=number, Body=body,
                                       **lock.arguments)
            self.told(part, lock)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        return upload["UploadId"], parts

    def complete(self, key, upload, parts):
        return self.s3.complete_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


class Objects(Customer):
    def test_bytes_come_back_with_the_key(self):
        for size in (0, 1, 65536, 65537, 3 * MEGABYTE + 5):
            body = os.urandom(size)
            put = self.put("o", body, ContentType="x/y", **KEY.arguments)
            self.told(put)
            self.assertNotEqual(put["ETag"], '"%s"' % hashlib.md5(body).hexdigest())
            answer = self.s3.get_object(Bucket=self.bucket, Key="o", **KEY.arguments)
            self.told(answer)
            self.assertEqual((answer["Body"].read(), answer["ContentType"], answer["ETag"]), (body, "x/y", put["ETag"]))
            head = self.head("o", **KEY.arguments)
            self.told(head)
            self.assertEqual((head["ContentLength"], head["ETag"]), (size, put["ETag"]))
            self.locked("o")
            if size > 70000:
                for first, last in ((0, 0), (5, 20), (65530, 65545), (size - 3, size - 1), (17, size - 2)):
                    self.assertEqual(self.get("o", Range="bytes=%d-%d" % (first, last), **KEY.arguments), body[first:last + 1])
                many = self.get("o", Range="bytes=1-9,70000-70020", **KEY.arguments)
                self.assertIn(body[1:10], many)
                self.assertIn(body[70000:70021], many)

    @in_files
    def test_same_bytes(self):
        """They have the same ETag by the same key, and are never kept as the same."""
        def blobs():
            return {os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(self.cloud.data, "objects"))
                    for name in names if os.path.isfile(os.path.join(folder, name))}

        before = blobs()
        etags = [self.put("o-%d" % number, b"secret" * 20000, **key.arguments)["ETag"] for number, key in enumerate([KEY, KEY, OTHER])]
        self.assertEqual((etags[0], etags[0] == etags[2]), (etags[1], False))
        kept = set()
        for path in blobs() - before:
            with open(path, "rb") as file:
                kept.add(file.read(64))
        self.assertEqual(len(kept), 3)

    @in_files
    def test_nothing_of_it_lies_about(self):
        mark = b"a mark that is nowhere else " * 4
        self.put("small", mark, **KEY.arguments)
        self.put("large", mark * 5000, **KEY.arguments)
        self.put("plain", mark[:-1] + b"!" + mark[:-1] * 9)
        found, key_found = 0, 0
        for folder, _, names in os.walk(self.cloud.data):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    text = file.read()
                found += mark[:-1] + b"!" in text
                key_found += KEY.key in text or KEY.headers[PREFIX + "key"].encode() in text or KEY.key.hex().encode() in text
                self.assertNotIn(mark + mark[:5], text, name)
        self.assertEqual(bool(found), not self.settings)
        self.assertFalse(key_found)

    def test_checks_are_of_what_was_sent(self):
        body = os.urandom(100000)
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        sha = base64.b64encode(hashlib.sha256(body).digest()).decode()
        for size in (10, 100000):
            self.put("o", body[:size], ContentMD5=base64.b64encode(hashlib.md5(body[:size]).digest()).decode(), **KEY.arguments)
            self.refused("BadDigest", 400, self.put, key="o", body=body[:size - 1], ContentMD5=md5, **KEY.arguments)
        self.put("o", body, ContentMD5=md5, ChecksumSHA256=sha, **KEY.arguments)
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="o", ChecksumMode="ENABLED", **KEY.arguments)["ChecksumSHA256"], sha)
        self.refused("BadDigest", 400, self.put, key="o", body=body[1:], ChecksumSHA256=sha, **KEY.arguments)
        signed = Signed(self.cloud.s3, self.keys, "PUT", "/%s/chunks" % self.bucket, payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                        headers=dict(KEY.headers, **{"x-amz-decoded-content-length": str(len(body))}))
        self.assertEqual(signed.chunks(body, 30000).send()[0], 200)
        self.assertEqual(self.get("chunks", **KEY.arguments), body)
        self.assertEqual(self.get("o", **KEY.arguments), body)

    def test_conditions_and_attributes(self):
        etag = self.put("o", b"12345", **KEY.arguments)["ETag"]
        self.refused("PreconditionFailed", 412, self.get, key="o", IfMatch='"x"', **KEY.arguments)
        self.refused("304", 304, self.get, key="o", IfNoneMatch=etag, **KEY.arguments)
        self.refused("InvalidRequest", 400, self.get, key="o", IfNoneMatch=etag)
        wanted = {"Bucket": self.bucket, "Key": "o", "ObjectAttributes": ["ETag", "ObjectSize"]}
        self.refused("InvalidRequest", 400, self.s3.get_object_attributes, **wanted)
        with self.adding(OTHER, "GetObjectAttributes"):
            self.refused("AccessDenied", 403, self.s3.get_object_attributes, **wanted)
        with self.adding(KEY, "GetObjectAttributes"):
            self.assertEqual(self.s3.get_object_attributes(**wanted)["ObjectSize"], 5)

    def test_wrong_headers(self):
        def put(expect, code, leave=None, **change):
            headers = dict(KEY.headers, **{PREFIX + name.replace("_", "-"): value for name, value in change.items()})
            headers.pop(leave and PREFIX + leave, None)
            for method in ("PUT", "GET"):
                self.raw(method, "/%s/o" % self.bucket, expect, code, headers=headers)

        self.put("o", b"before")
        short = os.urandom(16)
        put(400, "InvalidArgument", algorithm="AES192")
        for name in ("algorithm", "key", "key-MD5"):
            put(400, "InvalidArgument", leave=name)
        put(400, "InvalidArgument", key_MD5=OTHER.headers[PREFIX + "key-MD5"])
        put(400, "InvalidArgument", key_MD5="AAAAAAAAAAAAAAAAAAAAAA==")
        put(400, "InvalidArgument", key=base64.b64encode(short).decode(),
            key_MD5=base64.b64encode(hashlib.md5(short).digest()).decode())
        put(400, "InvalidArgument", key="no base64 at all!")
        self.raw("PUT", "/%s/o" % self.bucket, 400, "InvalidArgument",
                 headers=dict(KEY.headers, **{"x-amz-server-side-encryption": "AES256"}))
        self.assertEqual(self.get("o"), b"before")
        self.refused("InvalidRequest", 400, self.get, key="o", **KEY.arguments)

    def test_versions(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        first = self.put("o", b"first", **KEY.arguments)["VersionId"]
        second = self.put("o", b"second", **OTHER.arguments)["VersionId"]
        third = self.put("o", b"third")["VersionId"]
        self.assertEqual(self.get("o", VersionId=first, **KEY.arguments), b"first")
        self.assertEqual(self.get("o", VersionId=second, **OTHER.arguments), b"second")
        self.assertEqual(self.get("o", VersionId=third), b"third")
        self.refused("AccessDenied", 403, self.get, key="o", VersionId=second, **KEY.arguments)
        self.refused("InvalidRequest", 400, self.get, key="o", VersionId=first)

    @kept
    def test_after_a_restart(self):
        body = os.urandom(200000)
        self.put("o", body, **KEY.arguments)
        self.cloud.restart()
        self.assertEqual(self.get("o", **KEY.arguments), body)
        self.locked("o")

    def test_policy_may_ask_for_it(self):
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy="""{"Version": "2012-10-17", "Statement": [{"Effect": "Deny",
            "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::%s/*", "Condition": {"Null":
            {"s3:x-amz-server-side-encryption-customer-algorithm": "true"}}}]}""" % self.bucket)
        self.refused("AccessDenied", 403, self.put, key="o")
        self.put("o", b"1", **KEY.arguments)

    def test_form(self):
        boundary, fields = "xyz", dict(KEY.headers, key="form", **{"Content-Type": "text/plain"})
        body = "".join('--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (boundary, name, value)
                       for name, value in fields.items())
        file = os.urandom(100000)
        body = body.encode() + b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + file + b"\r\n--xyz--\r\n"
        self.s3.put_bucket_acl(Bucket=self.bucket, ACL="public-read-write")
        request = urllib.request.Request("%s/%s" % (self.cloud.s3, self.bucket), body, method="POST",
                                         headers={"Content-Type": "multipart/form-data; boundary=" + boundary})
        with urllib.request.urlopen(request) as answer:
            self.assertEqual((answer.status, answer.headers[PREFIX + "algorithm"]), (204, "AES256"))
        self.assertEqual(self.get("form", **KEY.arguments), file)
        self.locked("form")


class Copies(Customer):
    def copy(self, to, source, **more):
        return self.s3.copy_object(Bucket=self.bucket, Key=to, CopySource={"Bucket": self.bucket, "Key": source}, **more)

    def test_every_way(self):
        for size in (5, 200000):
            body = os.urandom(size)
            self.put("plain", body)
            self.put("mine", body, Metadata={"a": "b"}, **KEY.arguments)
            self.refused("InvalidRequest", 400, self.copy, to="c", source="mine")
            self.refused("AccessDenied", 403, self.copy, to="c", source="mine", **OTHER.source)
            self.refused("InvalidRequest", 400, self.copy, to="c", source="plain", **KEY.source)
            self.told(self.copy("c", "plain", **OTHER.arguments), OTHER)
            self.assertEqual(self.get("c", **OTHER.arguments), body)
            self.told(self.copy("c", "mine", **KEY.source, **OTHER.arguments), OTHER)
            self.assertEqual(self.get("c", **OTHER.arguments), body)
            self.assertEqual(self.head("c", **OTHER.arguments)["Metadata"], {"a": "b"})
            self.refused("AccessDenied", 403, self.get, key="c", **KEY.arguments)
            self.copy("c", "mine", **KEY.source)
            self.assertEqual((self.get("c"), self.head("c")["ETag"]), (body, '"%s"' % hashlib.md5(body).hexdigest()))
            self.told(self.copy("mine", "mine", **KEY.source, **OTHER.arguments), OTHER)     # a change of keys
            self.assertEqual(self.get("mine", **OTHER.arguments), body)

    def test_parts(self):
        body = os.urandom(5 * MEGABYTE + 3)
        self.put("mine", body, **OTHER.arguments)
        upload, parts = self.upload("u", [])
        call = dict(Bucket=self.bucket, Key="u", UploadId=upload, PartNumber=1, CopySource={"Bucket": self.bucket, "Key": "mine"})
        self.refused("InvalidRequest", 400, self.s3.upload_part_copy, **call, **OTHER.source)
        self.refused("InvalidRequest", 400, self.s3.upload_part_copy, **call, **OTHER.source, **OTHER.arguments)
        self.refused("InvalidRequest", 400, self.s3.upload_part_copy, **call, **KEY.arguments)
        self.refused("AccessDenied", 403, self.s3.upload_part_copy, **call, **KEY.source, **KEY.arguments)
        part = self.s3.upload_part_copy(**call, **OTHER.source, **KEY.arguments)
        self.told(part)
        parts.append({"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]})
        call.update(PartNumber=2, CopySourceRange="bytes=100-299")
        part = self.s3.upload_part_copy(**call, **OTHER.source, **KEY.arguments)
        parts.append({"PartNumber": 2, "ETag": part["CopyPartResult"]["ETag"]})
        self.complete("u", upload, parts)
        self.assertEqual(self.get("u", **KEY.arguments), body + body[100:300])
        self.copy("whole", "u", **KEY.source, **OTHER.arguments)
        self.assertEqual(self.get("whole", **OTHER.arguments), body + body[100:300])


class Uploads(Customer):
    def test_ranges_and_parts(self):
        bodies = [os.urandom(5 * MEGABYTE + 1), os.urandom(5 * MEGABYTE), os.urandom(77)]
        upload, parts = self.upload("u", bodies, Metadata={"x": "y"})
        self.complete("u", upload, parts)
        whole = b"".join(bodies)
        answer = self.s3.get_object(Bucket=self.bucket, Key="u", **KEY.arguments)
        self.told(answer)
        self.assertEqual((answer["Body"].read(), answer["Metadata"]), (whole, {"x": "y"}))
        edge = len(bodies[0])
        for first, last in ((0, 0), (edge - 10, edge + 10), (edge + 3, len(whole) - 1), (len(whole) - 80, len(whole) - 70)):
            self.assertEqual(self.get("u", Range="bytes=%d-%d" % (first, last), **KEY.arguments), whole[first:last + 1])
        for number, body in enumerate(bodies, 1):
            self.assertEqual(self.get("u", PartNumber=number, **KEY.arguments), body)
        self.locked("u")
        self.locked("u", Range="bytes=0-5")

    def test_every_part_has_the_key(self):
        upload, _ = self.upload("u", [])
        part = dict(Bucket=self.bucket, Key="u", UploadId=upload, PartNumber=1, Body=b"1")
        self.refused("InvalidRequest", 400, self.s3.upload_part, **part)
        self.refused("InvalidRequest", 400, self.s3.upload_part, **part, **OTHER.arguments)
        done = self.s3.upload_part(**part, **KEY.arguments)
        parts = [{"PartNumber": 1, "ETag": done["ETag"]}]
        with self.adding(OTHER, "CompleteMultipartUpload"):
            self.refused("InvalidRequest", 400, self.complete, key="u", upload=upload, parts=parts)
        with self.adding(KEY, "CompleteMultipartUpload"):
            self.complete("u", upload, parts)
        self.assertEqual(self.get("u", **KEY.arguments), b"1")
        plain = self.s3.create_multipart_upload(Bucket=self.bucket, Key="p")["UploadId"]
        self.refused("InvalidRequest", 400, self.s3.upload_part, **dict(part, Key="p", UploadId=plain), **KEY.arguments)

    def test_sums(self):
        body = os.urandom(1000)
        self.put("source", body)
        upload, _ = self.upload("u", [], ChecksumAlgorithm="SHA256")
        part = self.s3.upload_part_copy(Bucket=self.bucket, Key="u", UploadId=upload, PartNumber=1,
                                        CopySource={"Bucket": self.bucket, "Key": "source"}, **KEY.arguments)
        parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
        self.refused("InvalidRequest", 400, self.complete, key="u", upload=upload, parts=parts)
        with self.adding(KEY, "CompleteMultipartUpload"):
            done = self.complete("u", upload, parts)
        wanted = base64.b64encode(hashlib.sha256(hashlib.sha256(body).digest()).digest()).decode()
        self.assertEqual(done["ChecksumSHA256"].split("-")[0], wanted)


class Swift(Customer):
    """Swift's door gives out neither the bytes nor what they were encrypted to."""
    def test_is_told(self):
        for size in (7, 200000):
            self.put("o", os.urandom(size), **KEY.arguments)
            for method, path, headers in (("GET", "o", {}), ("GET", "o", {"Range": "bytes=0-3"}), ("HEAD", "o", {}),
                                          ("COPY", "o", {"Destination": self.bucket + "/c"}),
                                          ("COPY", "o", {"Destination": self.bucket + "/c", "Range": "bytes=0-3"}),
                                          ("PUT", "c", {"X-Copy-From": self.bucket + "/o"})):
                answer = self.swift(method, "%s/%s" % (self.bucket, path), headers=headers, expect=(403,))[1]
                if method != "HEAD":
                    self.assertIn("encrypted with a key", str(answer))
        self.assertEqual(self.keys_of(), ["o"])
        self.swift("POST", self.bucket + "/o", headers={"X-Object-Meta-A": "b"})
        self.assertEqual(self.head("o", **KEY.arguments)["Metadata"], {"a": "b"})

    def test_links_manifests_and_uploads(self):
        upload, parts = self.upload("u", [b"1" * 100])
        self.complete("u", upload, parts)
        etag = self.put("o", b"1" * 200000, **KEY.arguments)["ETag"].strip('"')
        self.swift("PUT", self.bucket + "/link", b"", headers={"X-Symlink-Target": self.bucket + "/o"})
        self.swift("PUT", self.bucket + "/many", b"", headers={"X-Object-Manifest": self.bucket + "/o"})
        self.swift("PUT", self.bucket + "/slo?multipart-manifest=put", [{"path": "/%s/o" % self.bucket, "etag": etag}])
        for name in ("u", "link", "many", "slo"):
            for method, headers in (("GET", {}), ("GET", {"Range": "bytes=0-3"}), ("COPY", {"Destination": self.bucket + "/c"})):
                self.swift(method, "%s/%s" % (self.bucket, name), headers=headers, expect=(403,))
        for name in ("link", "many", "slo"):
            self.assertEqual(self.get(name, **KEY.arguments), b"1" * 200000)
            self.refused("InvalidRequest", 400, self.get, key=name)
            self.refused("AccessDenied", 403, self.get, key=name, **OTHER.arguments)
        self.swift("DELETE", self.bucket + "/u")
        self.swift("PUT", self.bucket + "/o", b"plain")
        self.assertEqual(self.swift("GET", self.bucket + "/o")[1], b"plain")

    def test_older_versions(self):
        self.put("o", b"1" * 100, **KEY.arguments)
        self.swift("PUT", self.bucket + "-old")
        self.swift("POST", self.bucket, headers={"X-Versions-Location": self.bucket + "-old"})
        self.swift("PUT", self.bucket + "/o", b"new")
        names = self.swift("GET", self.bucket + "-old?format=json")[1]
        self.swift("GET", "%s-old/%s" % (self.bucket, names[0]["name"]), expect=(403,))
        self.swift("DELETE", self.bucket + "/o")
        self.assertEqual(self.get("o", **KEY.arguments), b"1" * 100)

    def test_web_site(self):
        self.put("404error.html", b"<html>", ACL="public-read", **KEY.arguments)
        self.put("index.html", b"<html>", ACL="public-read", **KEY.arguments)
        self.swift("POST", self.bucket, headers={"X-Container-Read": ".r:*,.rlistings", "X-Container-Meta-Web-Error": "error.html",
                                                 "X-Container-Meta-Web-Index": "index.html"})
        url = "/object-store/v1/AUTH_%s/%s/" % (self.keys.project, self.bucket)
        self.assertEqual(self.cloud.request("GET", url, token="", headers={"Accept": "*/*"})[0], 403)
        status, _, answer = self.cloud.request("GET", url + "none", token="", headers={"Accept": "*/*"})
        self.assertEqual(status, 404)
        self.assertIn("Not Found", str(answer))


class AtRest(Objects):
    """The same where the store encrypts too."""
    settings = ("object_store.encryption=true",)


class AtRestCopies(Copies):
    settings = ("object_store.encryption=true",)


if __name__ == "__main__":
    unittest.main()
