# SPDX-License-Identifier: Apache-2.0
"""Forms by which a browser puts objects: made by boto3 (version 4) and here (version 2); and those that were tampered with."""
import base64
import datetime
import http.client
import json
import os

import s3_test
from s3_client import code, signature_2


class FormBase(s3_test.S3Test):
    @classmethod
    def client(cls, keys, **more):
        return super().client(keys, signature_version="s3v4", **more)

    def post(self, fields, body=b"", filename="name.txt", last=b"--", behind=()):
        """(status, headers, bytes)"""
        boundary, out = "b" + os.urandom(8).hex(), b""
        for name, value in fields:
            value = value if isinstance(value, bytes) else value.encode()
            out += b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (boundary.encode(), name.encode(), value)
        if body is not None:
            out += b'--%s\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\nContent-Type: text/html\r\n\r\n%s\r\n' % (
                boundary.encode(), filename.encode(), body)
        for name, value in behind:
            out += b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (boundary.encode(), name.encode(), value)
        out += b"--%s%s\r\n" % (boundary.encode(), last)
        link = http.client.HTTPConnection(self.cloud.s3.split("//")[1], timeout=60)
        link.request("POST", "/" + self.bucket, out, {"Content-Type": "multipart/form-data; boundary=" + boundary})
        answer = link.getresponse()
        text = answer.read()
        link.close()
        return answer.status, answer.headers, text

    def signed(self, key="k", fields=(), conditions=(), life=60):
        made = self.s3.generate_presigned_post(self.bucket, key, Fields=dict(fields), Conditions=list(conditions), ExpiresIn=life)
        return list(made["fields"].items())

    def by_hand(self, conditions, fields, expires=60, secret=None, **more):
        when = datetime.datetime.utcnow() + datetime.timedelta(seconds=expires)
        policy = {"expiration": when.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "conditions": conditions, **more}
        text = base64.b64encode(json.dumps(policy).encode()).decode()
        return [*fields, ("AWSAccessKeyId", self.keys.access), ("policy", text),
                ("signature", signature_2(secret or self.keys.secret, text))]

    def refuses(self, status, expected, *arguments, **more):
        got, _, text = self.post(*arguments, **more)
        self.assertEqual((got, code(text)), (status, expected), text)


class Forms(FormBase):
    def test_version_4(self):
        for size in (0, 5, 70000, 3 << 20):
            body = os.urandom(size)
            status, headers, _ = self.post(self.signed("up/${filename}", [("x-amz-meta-colour", "red")],
                                                       [{"x-amz-meta-colour": "red"}]), body, "C:\\dir\\a b.txt")
            self.assertEqual(status, 204)
            answer = self.s3.get_object(Bucket=self.bucket, Key="up/a b.txt")
            self.assertTrue(answer["Body"].read() == body)
            self.assertEqual((answer["ETag"], answer["Metadata"], answer["ContentType"]),
                             (headers["ETag"], {"colour": "red"}, "text/html"))

    def test_version_2(self):
        good = [{"bucket": self.bucket}, ["starts-with", "$key", "a/"], {"acl": "public-read"}, ["StArTs-WiTh", "$CoNtEnT-TyPe", "text"]]
        fields = [("key", "a/b"), ("acl", "public-read"), ("Content-Type", "text/x"), ("x-ignore-me", "1")]
        self.assertEqual(self.post(self.by_hand(good, fields), b"1")[0], 204)
        self.assertEqual(self.post([("key", "a/c")], b"1")[0], 403)
        answer = self.s3.get_object(Bucket=self.bucket, Key="a/b")
        self.assertEqual((answer["Body"].read(), answer["ContentType"]), (b"1", "text/x"))
        for change in (("key", "b/a"), ("acl", "private"), ("Content-Type", "image/x"), ("x-amz-meta-more", "1"), ("bucket", "x")):
            changed = [one for one in fields if one[0] != change[0]] + [change]
            if change[0] == "bucket":
                continue
            self.refuses(403, "AccessDenied", self.by_hand(good, changed), b"1")

    def test_what_is_answered(self):
        more = [["starts-with", "$success_action_status", ""], ["starts-with", "$success_action_redirect", ""]]
        for wanted, got in (("200", 200), ("201", 201), ("204", 204), ("404", 204), ("x", 204)):
            status, _, text = self.post(self.signed("k", [("success_action_status", wanted)], more), b"1")
            self.assertEqual((status, b"<PostResponse" in text), (got, got == 201))
        status, headers, _ = self.post(self.signed("k", [("success_action_redirect", "http://a.test/x?y")], more), b"1")
        self.assertEqual((status, headers["Location"]), (303, "http://a.test/x?y&bucket=%s&key=k&etag=%%22%s%%22" % (
            self.bucket, "c4ca4238a0b923820dcc509a6f75849b")))
        self.assertEqual(self.post(self.signed("k", [("success_action_redirect", "javascript:1")], more), b"1")[0], 204)

    def test_sizes(self):
        fields = self.signed("k", conditions=[["content-length-range", 2, 70000]])
        self.refuses(400, "EntityTooSmall", fields, b"1")
        self.refuses(400, "EntityTooLarge", fields, b"1" * 70001)
        self.assertEqual(self.keys_of(), [])
        self.assertEqual(self.post(fields, b"1" * 70000)[0], 204)

    def test_public_bucket(self):
        self.s3.put_bucket_acl(Bucket=self.bucket, ACL="public-read-write")
        self.assertEqual(self.post([("key", "anybody")], b"1", behind=[("acl", b"private")])[0], 204)
        self.assertEqual(self.get("anybody"), b"1")

    def test_forged(self):
        all_of = [{"bucket": self.bucket}, ["eq", "$key", "k"]]
        key = [("key", "k")]
        self.refuses(403, "AccessDenied", self.by_hand(all_of, key, expires=-1), b"1")
        self.refuses(403, "SignatureDoesNotMatch", self.by_hand(all_of, key, secret="wrong"), b"1")
        self.refuses(403, "InvalidAccessKeyId", [("AWSAccessKeyId", "nobody") if name == "AWSAccessKeyId" else (name, value)
                                                 for name, value in self.by_hand(all_of, key)], b"1")
        self.refuses(403, "AccessDenied", self.by_hand([{"bucket": "other"}, all_of[1]], key), b"1")
        self.refuses(403, "AccessDenied", self.by_hand(all_of[1:], key), b"1")
        self.refuses(403, "AccessDenied", self.by_hand(all_of, key + [("acl", "public-read")]), b"1")
        fields = dict(self.signed())
        for name in ("x-amz-signature", "x-amz-credential", "x-amz-date", "x-amz-algorithm"):
            self.refuses(400, "InvalidArgument", [one for one in fields.items() if one[0] != name], b"1")
        self.refuses(403, "SignatureDoesNotMatch", {**fields, "policy": fields["policy"].replace("=", "") + "AAAA"}.items(), b"1")
        self.refuses(400, "InvalidArgument", {**fields, "x-amz-date": "20200101T000000Z"}.items(), b"1")
        theirs = self.theirs.generate_presigned_post(self.bucket, "k")["fields"]
        self.refuses(403, "AccessDenied", theirs.items(), b"1")
        self.assertEqual(self.keys_of(), [])

    def test_malformed(self):
        key = [("key", "k")]
        for conditions in ([{}], ["x"], [["eq", "$key"]], [["like", "$key", "k"]], [["content-length-range", "a", 2]],
                           [["content-length-range", -1, 2]], [["eq", "key", "k"]], {}, None, [{"key": 1}]):
            self.refuses(400, "InvalidPolicyDocument", self.by_hand(conditions, key), b"1")
        self.refuses(400, "InvalidPolicyDocument", self.by_hand([], key, expiration="soon"), b"1")
        self.refuses(400, "InvalidArgument", self.signed("k")[1:], b"1")
        self.refuses(400, "InvalidArgument", self.signed("k"), None)
        self.refuses(400, "MalformedPOSTRequest", self.signed("k"), b"1", last=b"")
        self.refuses(400, "MalformedPOSTRequest", self.signed("k") + key, b"1")
        self.refuses(400, "MalformedPOSTRequest", [("key", b"\xff")], b"1")
        self.refuses(400, "MaxPostPreDataLengthExceededError", [("key", "k" * 30000)], b"1")
        self.refuses(400, "KeyTooLongError", self.signed("k" * 1025), b"1")
        self.refuses(400, "InvalidArgument", self.signed("k", [("x-amz-meta-a", "1\r\nX: y")], [["starts-with", "$x-amz-meta-a", ""]]), b"1")
        self.assertEqual(self.keys_of(), [])
