# SPDX-License-Identifier: Apache-2.0
"""S3's API: its main calls by a real client (boto3), signatures and errors by requests made here, and attacks."""
import base64
import email.utils
import hashlib
import io
import os
import random
import re
import time
import unittest
import urllib.error
import urllib.request
import zlib

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from cloud import CloudTest
from s3_client import Keys, Signed, code, signature_2, stamp

MEGABYTE = 1 << 20


class S3Test(CloudTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = Keys.of_admin(cls.cloud)
        cls.other = Keys.of_new(cls.cloud, "other")
        cls.s3 = cls.client(cls.keys)
        cls.theirs = cls.client(cls.other)

    @classmethod
    def client(cls, keys, **more):
        more.setdefault("s3", {"addressing_style": "path"})
        return boto3.client("s3", endpoint_url=cls.cloud.s3, aws_access_key_id=keys.access, aws_secret_access_key=keys.secret,
                            region_name="us-east-1", config=Config(retries={"max_attempts": 0}, **more))

    def setUp(self):
        self.bucket = "b-%s" % os.urandom(5).hex()
        self.s3.create_bucket(Bucket=self.bucket)

    def put(self, key, body=b"", **more):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def get(self, key, **more):
        return self.s3.get_object(Bucket=self.bucket, Key=key, **more)["Body"].read()

    def keys_of(self, **more):
        answer = self.s3.list_objects_v2(Bucket=self.bucket, **more)
        return [entry["Key"] for entry in answer.get("Contents", [])]

    def refused(self, expected, status, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        error = caught.exception.response
        self.assertEqual((error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]), (expected, status))
        return error

    def raw(self, method, path, expect, expected_code=None, keys=None, anonymous=False, **more):
        answer = Signed(self.cloud.s3, None if anonymous else keys or self.keys, method, path, **more).send()
        self.assertEqual((answer[0], code(answer[2])), (expect, expected_code), answer[2])
        return answer

    def swift(self, method, path, body=None, headers=None, expect=(200, 201, 202, 204)):
        status, headers, answer = self.cloud.request(method, "/object-store/v1/AUTH_%s/%s" % (self.keys.project, path), body,
                                                     headers=dict({"Accept": "*/*"}, **(headers or {})))
        self.assertIn(status, expect, answer)
        return headers, answer


class Objects(S3Test):
    def test_bytes_come_back(self):
        for size in (0, 1, 65536, 65537, 3 * MEGABYTE):
            body = os.urandom(size)
            etag = self.put("dir/o-%d" % size, body, ContentType="x/y", Metadata={"Color": "blue", "empty": ""})["ETag"]
            self.assertEqual(etag, '"%s"' % hashlib.md5(body).hexdigest())
            answer = self.s3.get_object(Bucket=self.bucket, Key="dir/o-%d" % size)
            self.assertEqual(answer["Body"].read(), body)
            self.assertEqual((answer["ContentType"], answer["Metadata"], answer["ETag"]),
                             ("x/y", {"color": "blue", "empty": ""}, etag))
            if size > 10:
                self.assertEqual(self.get("dir/o-%d" % size, Range="bytes=5-"), body[5:])
                self.assertEqual(self.get("dir/o-%d" % size, Range="bytes=-3"), body[-3:])
        self.refused("InvalidRange", 416, self.get, key="dir/o-1", Range="bytes=5-7")
        self.refused("NoSuchKey", 404, self.get, key="none")

    def test_both_apis_have_it(self):
        self.put("a/b c", b"by s3", Metadata={"x": "1"}, CacheControl="no-cache")
        headers, answer = self.swift("GET", "%s/a/b%%20c" % self.bucket)
        self.assertEqual((answer, headers["X-Object-Meta-X"], headers["Cache-Control"]), (b"by s3", "1", "no-cache"))
        self.swift("PUT", "%s/by-swift" % self.bucket, b"by swift", {"X-Object-Meta-Y": "2", "Content-Type": "a/b"})
        answer = self.s3.get_object(Bucket=self.bucket, Key="by-swift")
        self.assertEqual((answer["Body"].read(), answer["Metadata"], answer["ContentType"]), (b"by swift", {"y": "2"}, "a/b"))
        self.assertIn(self.bucket, [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]])

    def test_odd_keys(self):
        for key in ("a+b", "a%2Fb", "/leading", "a//b", "..", "../x", "é☃", "a\tb", "?#&=", "x" * 1024, "'\"<>&"):
            self.put(key, key.encode())
            self.assertEqual(self.get(key), key.encode())
        self.assertIn("a//b", self.keys_of())
        self.assertEqual(len(self.keys_of()), 11)
        self.refused("KeyTooLongError", 400, self.put, key="x" * 1025)

    def test_conditions(self):
        etag = self.put("c", b"1")["ETag"]
        self.refused("PreconditionFailed", 412, self.get, key="c", IfMatch='"other"')
        self.refused("304", 304, self.get, key="c", IfNoneMatch=etag)
        self.assertEqual(self.get("c", IfMatch=etag), b"1")
        self.raw("PUT", "/%s/c" % self.bucket, 412, "PreconditionFailed", headers={"if-none-match": "*"})
        self.raw("PUT", "/%s/c" % self.bucket, 412, "PreconditionFailed", headers={"if-match": '"x"'})
        self.raw("PUT", "/%s/c" % self.bucket, 200, body=b"2", headers={"if-match": etag})
        self.raw("PUT", "/%s/d" % self.bucket, 404, "NoSuchKey", headers={"if-match": etag})
        self.assertEqual(self.get("c"), b"2")

    def test_what_the_answer_says_instead(self):
        self.put("o", b"x")
        answer = self.s3.get_object(Bucket=self.bucket, Key="o", ResponseContentType="a/b", ResponseCacheControl="none",
                                    ResponseContentDisposition="attachment; filename=\"x\r\nX-Evil: 1\"")
        self.assertEqual((answer["ContentType"], answer["CacheControl"]), ("a/b", "none"))
        self.assertNotIn("x-evil", answer["ResponseMetadata"]["HTTPHeaders"])

    def test_versions_that_cannot_be_delete_nothing(self):
        self.put("o", b"kept")
        for version in ("0", "x", "1.2.3", "1e5", "9" * 30):
            answer = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": "o", "VersionId": version}]})
            self.assertEqual([error["Code"] for error in answer["Errors"]], ["NoSuchVersion"])
            self.refused("InvalidArgument", 400, self.s3.delete_object, Bucket=self.bucket, Key="o", VersionId=version)
            self.raw("GET", "/" + self.bucket, 400, "InvalidArgument", query="versions=&key-marker=o&version-id-marker=" + version)
        self.assertEqual(self.get("o"), b"kept")

    def test_copy(self):
        self.put("from", b"bytes", Metadata={"a": "1"}, ContentType="x/y")
        self.s3.copy_object(Bucket=self.bucket, Key="to", CopySource="%s/from" % self.bucket)
        answer = self.s3.get_object(Bucket=self.bucket, Key="to")
        self.assertEqual((answer["Body"].read(), answer["Metadata"], answer["ContentType"]), (b"bytes", {"a": "1"}, "x/y"))
        self.s3.copy_object(Bucket=self.bucket, Key="to", CopySource="%s/from" % self.bucket, MetadataDirective="REPLACE",
                            Metadata={"b": "2"})
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="to")["Metadata"], {"b": "2"})
        self.refused("InvalidRequest", 400, self.s3.copy_object, Bucket=self.bucket, Key="to",
                     CopySource="%s/to" % self.bucket)
        self.refused("PreconditionFailed", 412, self.s3.copy_object, Bucket=self.bucket, Key="to",
                     CopySource="%s/from" % self.bucket, CopySourceIfMatch="x")
        self.refused("NoSuchKey", 404, self.s3.copy_object, Bucket=self.bucket, Key="to", CopySource="%s/none" % self.bucket)
        self.put("50%-off \u2603", b"half")
        for source, status in (("50%-off %E2%98%83", 200), ("50%25-off%20%E2%98%83", 200), ("from?versionId=null", 200), ("from?versionId=", 200),
                               ("from?versionId=null&more", 400), ("from?versionId=x", 400), ("from?more", 400)):
            with self.subTest(source):
                self.raw("PUT", "/%s/to" % self.bucket, status, "InvalidArgument" if status == 400 else None,
                         headers={"x-amz-copy-source": "/%s/%s" % (self.bucket, source)})

    def test_tags(self):
        self.put("t", Tagging="a=1&b=%26")
        self.assertEqual(self.s3.get_object_tagging(Bucket=self.bucket, Key="t")["TagSet"],
                         [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "&"}])
        self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key="t")["TagCount"], 2)
        self.s3.put_object_tagging(Bucket=self.bucket, Key="t", Tagging={"TagSet": [{"Key": "c", "Value": "<é>"}]})
        self.assertEqual(self.s3.get_object_tagging(Bucket=self.bucket, Key="t")["TagSet"], [{"Key": "c", "Value": "<é>"}])
        self.s3.delete_object_tagging(Bucket=self.bucket, Key="t")
        self.assertEqual(self.s3.get_object_tagging(Bucket=self.bucket, Key="t")["TagSet"], [])
        self.refused("InvalidTag", 400, self.s3.put_object_tagging, Bucket=self.bucket, Key="t",
                     Tagging={"TagSet": [{"Key": "x" * 129, "Value": ""}]})
        self.refused("NoSuchTagSet", 404, self.s3.get_bucket_tagging, Bucket=self.bucket)
        self.s3.put_bucket_tagging(Bucket=self.bucket, Tagging={"TagSet": [{"Key": "c", "Value": "d"}]})
        self.assertEqual(self.s3.get_bucket_tagging(Bucket=self.bucket)["TagSet"], [{"Key": "c", "Value": "d"}])

    def test_delete(self):
        for key in "abc":
            self.put(key)
        self.s3.delete_object(Bucket=self.bucket, Key="a")
        self.s3.delete_object(Bucket=self.bucket, Key="a")
        answer = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": "b"}, {"Key": "none"}]})
        self.assertEqual([entry["Key"] for entry in answer["Deleted"]], ["b", "none"])
        answer = self.s3.delete_objects(Bucket=self.bucket, Delete={"Quiet": True, "Objects": [{"Key": "c"}]})
        self.assertNotIn("Deleted", answer)
        self.assertEqual(self.keys_of(), [])
        body = b"<Delete><Object><Key>x</Key></Object></Delete>"
        self.raw("POST", "/" + self.bucket, 400, "InvalidRequest", query="delete", body=body)
        self.raw("POST", "/" + self.bucket, 400, "BadDigest", query="delete", body=body,
                 headers={"content-md5": base64.b64encode(hashlib.md5(b"").digest()).decode()})
        md5 = {"content-md5": base64.b64encode(hashlib.md5(body[1:]).digest()).decode()}
        self.raw("POST", "/" + self.bucket, 400, "MalformedXML", query="delete", body=body[1:], headers=md5)


class Buckets(S3Test):
    def test_life(self):
        self.refused("BucketAlreadyOwnedByYou", 409, self.s3.create_bucket, Bucket=self.bucket)
        self.s3.head_bucket(Bucket=self.bucket)
        self.put("x")
        self.refused("BucketNotEmpty", 409, self.s3.delete_bucket, Bucket=self.bucket)
        self.s3.delete_object(Bucket=self.bucket, Key="x")
        self.s3.delete_bucket(Bucket=self.bucket)
        self.refused("404", 404, self.s3.head_bucket, Bucket=self.bucket)
        self.refused("NoSuchBucket", 404, self.s3.list_objects, Bucket=self.bucket)
        for name in ("a", "A-upper", "x" * 64, "1.2.3.4", "a..b", "-ab", "under_score", "a.-b"):
            self.raw("PUT", "/" + name, 400, "InvalidBucketName")

    def test_location(self):
        self.assertIsNone(self.s3.get_bucket_location(Bucket=self.bucket)["LocationConstraint"])
        self.s3.create_bucket(Bucket=self.bucket + "-2", CreateBucketConfiguration={"LocationConstraint": "RegionOne"})
        self.assertEqual(self.s3.get_bucket_location(Bucket=self.bucket + "-2")["LocationConstraint"], "RegionOne")
        self.refused("InvalidLocationConstraint", 400, self.s3.create_bucket, Bucket=self.bucket + "-3",
                     CreateBucketConfiguration={"LocationConstraint": "mars"})

    def test_not_configured(self):
        self.assertNotIn("LoggingEnabled", self.s3.get_bucket_logging(Bucket=self.bucket))
        self.refused("NoSuchBucketPolicy", 404, self.s3.get_bucket_policy, Bucket=self.bucket)
        self.refused("NoSuchCORSConfiguration", 404, self.s3.get_bucket_cors, Bucket=self.bucket)
        self.refused("NoSuchLifecycleConfiguration", 404, self.s3.get_bucket_lifecycle_configuration, Bucket=self.bucket)
        self.s3.put_bucket_logging(Bucket=self.bucket, BucketLoggingStatus={})
        self.refused("NotImplemented", 501, self.s3.put_bucket_logging, Bucket=self.bucket, BucketLoggingStatus={
            "LoggingEnabled": {"TargetBucket": self.bucket, "TargetPrefix": "log/"}})
        self.raw("PUT", "/%s" % self.bucket, 400, "MalformedXML", query="logging=", body=b"<BucketLoggingStatus><A/></BucketLoggingStatus>")
        self.refused("AccessDenied", 403, self.theirs.put_bucket_logging, Bucket=self.bucket, BucketLoggingStatus={})
        self.refused("NotImplemented", 501, self.put, key="x", ServerSideEncryption="aws:kms")

    def test_listings(self):
        for key in ("a", "b/1", "b/2", "c/d/e", "f g", "z"):
            self.put(key)
        first = self.s3.list_objects(Bucket=self.bucket, Delimiter="/", MaxKeys=2)
        self.assertEqual(([entry["Key"] for entry in first["Contents"]], first["CommonPrefixes"], first["IsTruncated"]),
                         (["a"], [{"Prefix": "b/"}], True))
        rest = self.s3.list_objects(Bucket=self.bucket, Delimiter="/", Marker=first["NextMarker"])
        self.assertEqual(([entry["Key"] for entry in rest["Contents"]], rest["CommonPrefixes"]), (["f g", "z"], [{"Prefix": "c/"}]))
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, PaginationConfig={"PageSize": 2})
        self.assertEqual([entry["Key"] for page in pages for entry in page["Contents"]],
                         ["a", "b/1", "b/2", "c/d/e", "f g", "z"])
        self.assertEqual(self.keys_of(StartAfter="b/2"), ["c/d/e", "f g", "z"])
        self.assertEqual(self.keys_of(Prefix="b/"), ["b/1", "b/2"])
        self.assertEqual(self.keys_of(MaxKeys=0), [])
        self.assertEqual(self.s3.list_objects_v2(Bucket=self.bucket, FetchOwner=True, MaxKeys=1)["Contents"][0]["Owner"]["ID"],
                         self.keys.project)
        answer = self.raw("GET", "/" + self.bucket, 200, query="encoding-type=url&prefix=f%20")[2]
        self.assertIn(b"<Key>f%20g</Key>", answer)
        self.raw("GET", "/" + self.bucket, 400, "InvalidArgument", query="max-keys=x")
        self.raw("GET", "/" + self.bucket, 400, "InvalidArgument", query="encoding-type=x")
        self.raw("GET", "/" + self.bucket, 400, "InvalidArgument", query="list-type=2&continuation-token=%25")

    def test_versions(self):
        self.put("v", b"0")
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.assertEqual(self.s3.get_bucket_versioning(Bucket=self.bucket)["Status"], "Enabled")
        one, two = (self.put("v", body)["VersionId"] for body in (b"1", b"2"))
        self.assertEqual((self.get("v"), self.get("v", VersionId=one), self.get("v", VersionId="null")), (b"2", b"1", b"0"))
        marker = self.s3.delete_object(Bucket=self.bucket, Key="v")
        self.assertTrue(marker["DeleteMarker"])
        self.refused("NoSuchKey", 404, self.get, key="v")
        self.refused("MethodNotAllowed", 405, self.get, key="v", VersionId=marker["VersionId"])
        listed = self.s3.list_object_versions(Bucket=self.bucket)
        self.assertEqual([(entry["VersionId"], entry["IsLatest"]) for entry in listed["Versions"]],
                         [(two, False), (one, False), ("null", False)])
        self.assertEqual([(entry["VersionId"], entry["IsLatest"]) for entry in listed["DeleteMarkers"]],
                         [(marker["VersionId"], True)])
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, PaginationConfig={"PageSize": 1})
        seen = [entry["VersionId"] for page in pages for entry in page.get("Versions", []) + page.get("DeleteMarkers", [])]
        self.assertEqual(seen, [marker["VersionId"], two, one, "null"])
        self.s3.delete_object(Bucket=self.bucket, Key="v", VersionId=marker["VersionId"])
        self.assertEqual(self.get("v"), b"2")
        self.s3.delete_object(Bucket=self.bucket, Key="v", VersionId=two)
        self.assertEqual(self.get("v"), b"1")
        self.refused("NoSuchVersion", 404, self.get, key="v", VersionId=two)
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Suspended"})
        self.put("v", b"3")
        self.assertEqual((self.get("v"), self.get("v", VersionId="null"), self.get("v", VersionId=one)), (b"3", b"3", b"1"))


class Multipart(S3Test):
    def begin(self, key, **more):
        return {"Bucket": self.bucket, "Key": key,
                "UploadId": self.s3.create_multipart_upload(Bucket=self.bucket, Key=key, **more)["UploadId"]}

    def complete(self, upload, parts):
        return self.s3.complete_multipart_upload(**upload, MultipartUpload={
            "Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]})

    def test_upload(self):
        upload = self.begin("big", Metadata={"a": "b"}, ContentType="x/y")
        bodies = {2: os.urandom(5 * MEGABYTE), 7: os.urandom(5 * MEGABYTE + 3), 10000: b"end"}
        self.s3.upload_part(**upload, PartNumber=2, Body=b"replaced")
        parts = [(number, self.s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]) for number, body in bodies.items()]
        self.s3.upload_part(**upload, PartNumber=9, Body=b"left out")
        listed = self.s3.list_parts(**upload, MaxParts=2)
        self.assertEqual([part["PartNumber"] for part in listed["Parts"]], [2, 7])
        self.assertEqual([part["PartNumber"] for part in
                          self.s3.list_parts(**upload, PartNumberMarker=listed["NextPartNumberMarker"])["Parts"]], [9, 10000])
        self.assertEqual([entry["Key"] for entry in self.s3.list_multipart_uploads(Bucket=self.bucket)["Uploads"]], ["big"])
        etag = self.complete(upload, parts)["ETag"]
        whole = b"".join(bodies.values())
        made = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies.values())).hexdigest()
        self.assertEqual(etag, '"%s-3"' % made)
        self.assertEqual(self.complete(upload, parts)["ETag"], etag)        # an answer that was lost
        answer = self.s3.get_object(Bucket=self.bucket, Key="big")
        self.assertEqual((answer["Body"].read() == whole, answer["ETag"], answer["Metadata"], answer["ContentType"]),
                         (True, etag, {"a": "b"}, "x/y"))
        self.assertEqual(self.get("big", Range="bytes=5242878-5242882"), whole[5242878:5242883])
        part = self.s3.get_object(Bucket=self.bucket, Key="big", PartNumber=2)
        self.assertEqual((part["Body"].read() == bodies[7], part["PartsCount"]), (True, 3))
        self.assertEqual(self.s3.list_objects_v2(Bucket=self.bucket)["Contents"][0]["Size"], len(whole))
        self.assertTrue(self.swift("GET", self.bucket + "/big")[1] == whole)
        self.cloud.until(lambda: len(self.swift("GET", self.bucket + "+segments?format=json")[1]) == 3, what="the unlisted part gone")
        self.s3.copy_object(Bucket=self.bucket, Key="flat", CopySource=self.bucket + "/big")
        self.s3.delete_object(Bucket=self.bucket, Key="big")
        self.cloud.until(lambda: not self.swift("GET", self.bucket + "+segments?format=json")[1], what="parts gone")
        self.assertTrue(self.get("flat") == whole)

    def test_one_part(self):
        for body in (b"small", os.urandom(200000), b""):
            upload = self.begin("one")
            self.complete(upload, [(1, self.s3.upload_part(**upload, PartNumber=1, Body=body)["ETag"])])
            self.assertTrue(self.get("one") == body)
            self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="one")["ContentLength"], len(body))
            if body:
                self.assertEqual(self.get("one", Range="bytes=1-3"), body[1:4])

    def test_quotas_bound_parts(self):
        self.swift("POST", self.bucket, headers={"X-Container-Meta-Quota-Bytes": "1000"})
        upload = self.begin("much")
        self.s3.upload_part(**upload, PartNumber=1, Body=b"x" * 900)
        self.refused("QuotaExceeded", 403, self.s3.upload_part, **upload, PartNumber=2, Body=b"x" * 200)
        self.refused("QuotaExceeded", 403, self.s3.put_object, Bucket=self.bucket, Key="one", Body=b"x" * 1001)
        self.assertEqual([part["PartNumber"] for part in self.s3.list_parts(**upload)["Parts"]], [1])

    def test_overwriting_drops_parts(self):
        self.s3.upload_fileobj(io.BytesIO(os.urandom(6 * MEGABYTE)), self.bucket, "o",
                               Config=TransferConfig(multipart_threshold=5 * MEGABYTE, multipart_chunksize=5 * MEGABYTE))
        self.assertEqual(len(self.swift("GET", self.bucket + "+segments?format=json")[1]), 2)
        self.put("o", b"small")
        self.cloud.until(lambda: not self.swift("GET", self.bucket + "+segments?format=json")[1], what="parts gone")
        self.assertEqual(self.get("o"), b"small")

    def test_copy_part(self):
        source = os.urandom(6 * MEGABYTE)
        self.put("source", source)
        upload = self.begin("copy")
        part = self.s3.upload_part_copy(**upload, PartNumber=1, CopySource=self.bucket + "/source",
                                        CopySourceRange="bytes=1-5242881")["CopyPartResult"]["ETag"]
        last = self.s3.upload_part_copy(**upload, PartNumber=2, CopySource=self.bucket + "/source")["CopyPartResult"]["ETag"]
        self.complete(upload, [(1, part), (2, last)])
        self.assertTrue(self.get("copy") == source[1:5242882] + source)
        self.refused("InvalidArgument", 400, self.s3.upload_part_copy, **self.begin("x"), PartNumber=1,
                     CopySource=self.bucket + "/source", CopySourceRange="bytes=5-99999999")

    def test_refusals(self):
        upload = self.begin("x")
        one = self.s3.upload_part(**upload, PartNumber=1, Body=b"1")["ETag"]
        two = self.s3.upload_part(**upload, PartNumber=2, Body=b"2")["ETag"]
        for expected, parts in (("EntityTooSmall", [(1, one), (2, two)]), ("InvalidPartOrder", [(2, two), (1, one)]),
                                ("InvalidPart", [(1, two)]), ("InvalidPart", [(3, one)]), ("MalformedXML", [])):
            self.refused(expected, 400, self.complete, upload=upload, parts=parts)
        self.refused("NoSuchUpload", 404, self.s3.upload_part, Bucket=self.bucket, Key="y", UploadId=upload["UploadId"],
                     PartNumber=1, Body=b"")
        self.raw("PUT", "/%s/x" % self.bucket, 400, "InvalidArgument", query="partNumber=10001&uploadId=" + upload["UploadId"])
        self.s3.abort_multipart_upload(**upload)
        self.refused("NoSuchUpload", 404, self.s3.abort_multipart_upload, **upload)
        self.refused("NoSuchUpload", 404, self.s3.list_parts, **upload)
        self.cloud.until(lambda: not self.swift("GET", self.bucket + "+segments?format=json")[1], what="parts gone")

    def test_uploads_are_listed_by_key(self):
        for key in ("a", "a/1", "a/2", "b"):
            self.begin(key)
        second = self.begin("a")["UploadId"]
        listed = self.s3.list_multipart_uploads(Bucket=self.bucket, MaxUploads=2)
        self.assertEqual([entry["Key"] for entry in listed["Uploads"]], ["a", "a"])
        self.assertEqual(listed["NextUploadIdMarker"], second)
        rest = self.s3.list_multipart_uploads(Bucket=self.bucket, KeyMarker="a", UploadIdMarker=second)
        self.assertEqual([entry["Key"] for entry in rest["Uploads"]], ["a/1", "a/2", "b"])
        common = self.s3.list_multipart_uploads(Bucket=self.bucket, Delimiter="/", Prefix="a")
        self.assertEqual(([entry["Key"] for entry in common["Uploads"]], common["CommonPrefixes"]),
                         (["a", "a"], [{"Prefix": "a/"}]))
        self.s3.delete_bucket(Bucket=self.bucket)


class Rights(S3Test):
    def test_others_may_nothing(self):
        self.put("secret", b"s")
        self.put("public", b"p", ACL="public-read")
        for call, arguments in ((self.theirs.list_objects, {}), (self.theirs.get_bucket_acl, {}),
                                (self.theirs.get_object, {"Key": "secret"}), (self.theirs.get_object, {"Key": "none"}),
                                (self.theirs.put_object, {"Key": "new"}), (self.theirs.delete_object, {"Key": "secret"}),
                                (self.theirs.delete_bucket, {}), (self.theirs.list_multipart_uploads, {}),
                                (self.theirs.get_object_acl, {"Key": "public"}),
                                (self.theirs.put_object_acl, {"Key": "public", "ACL": "private"})):
            self.refused("AccessDenied", 403, call, Bucket=self.bucket, **arguments)
        many = self.theirs.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": "secret"}]})
        self.assertEqual([(error["Key"], error["Code"]) for error in many["Errors"]], [("secret", "AccessDenied")])
        self.assertEqual(self.get("secret"), b"s")
        self.assertEqual(self.theirs.get_object(Bucket=self.bucket, Key="public")["Body"].read(), b"p")
        self.raw("GET", "/%s/public" % self.bucket, 200, anonymous=True)
        self.raw("GET", "/%s/secret" % self.bucket, 403, "AccessDenied", anonymous=True)
        self.raw("GET", "/", 403, "AccessDenied", anonymous=True)
        self.raw("GET", "/%s/public" % self.bucket, 400, "InvalidRequest", anonymous=True, query="response-content-type=x")
        self.assertEqual(self.get("secret"), b"s")

    def test_copy_is_no_way_around(self):
        self.put("secret", b"s")
        self.theirs.create_bucket(Bucket=self.bucket + "-t")
        for key in ("secret", "none"):
            self.refused("AccessDenied", 403, self.theirs.copy_object, Bucket=self.bucket + "-t", Key="x",
                         CopySource="%s/%s" % (self.bucket, key))
        upload = self.theirs.create_multipart_upload(Bucket=self.bucket + "-t", Key="x")["UploadId"]
        self.refused("AccessDenied", 403, self.theirs.upload_part_copy, Bucket=self.bucket + "-t", Key="x", UploadId=upload,
                     PartNumber=1, CopySource=self.bucket + "/secret")
        self.put("lent", b"l", ACL="authenticated-read")
        self.theirs.copy_object(Bucket=self.bucket + "-t", Key="x", CopySource=self.bucket + "/lent")
        self.refused("InvalidArgument", 400, self.s3.copy_object, Bucket=self.bucket, Key="x",
                     CopySource=self.bucket + "+segments/x")

    def test_grants(self):
        person = 'id="%s"' % self.other.project
        self.s3.put_bucket_acl(Bucket=self.bucket, GrantRead=person, GrantWrite=person)
        self.theirs.put_object(Bucket=self.bucket, Key="theirs", Body=b"t")
        self.assertEqual(self.theirs.get_object(Bucket=self.bucket, Key="theirs")["Body"].read(), b"t")
        self.assertEqual(self.theirs.list_objects(Bucket=self.bucket)["Contents"][0]["Owner"]["ID"], self.other.project)
        self.refused("AccessDenied", 403, self.theirs.get_bucket_acl, Bucket=self.bucket)
        policy = self.s3.get_bucket_acl(Bucket=self.bucket)
        self.assertEqual([(grant["Permission"], grant["Grantee"]["ID"]) for grant in policy["Grants"]],
                         [("READ", self.other.project), ("WRITE", self.other.project)])
        self.s3.put_bucket_acl(Bucket=self.bucket, AccessControlPolicy={
            "Owner": policy["Owner"], "Grants": [{"Permission": "READ_ACP", "Grantee": {"Type": "Group", "URI":
                                                  "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"}}]})
        self.theirs.get_bucket_acl(Bucket=self.bucket)
        self.refused("AccessDenied", 403, self.theirs.list_objects, Bucket=self.bucket)
        self.refused("InvalidArgument", 400, self.s3.put_bucket_acl, Bucket=self.bucket, GrantRead='id="nobody"')
        self.refused("UnresolvableGrantByEmailAddress", 400, self.s3.put_bucket_acl, Bucket=self.bucket,
                     GrantRead='emailAddress="a@b.c"')
        self.refused("InvalidArgument", 400, self.s3.put_bucket_acl, Bucket=self.bucket, ACL="unheard-of")

    def test_swifts_lists(self):
        self.put("o", b"x")
        self.swift("POST", self.bucket, headers={"X-Container-Read": "%s:*" % self.other.project})
        self.assertEqual(self.theirs.get_object(Bucket=self.bucket, Key="o")["Body"].read(), b"x")
        self.refused("AccessDenied", 403, self.theirs.put_object, Bucket=self.bucket, Key="o")
        self.swift("POST", self.bucket, headers={"X-Container-Read": ".r:*"})
        self.raw("GET", "/%s/o" % self.bucket, 200, anonymous=True)
        self.raw("GET", "/%s" % self.bucket, 403, "AccessDenied", anonymous=True)

    def test_names_are_each_projects_own(self):
        self.put("mine", b"m")
        self.theirs.create_bucket(Bucket=self.bucket)
        self.assertNotIn("Contents", self.theirs.list_objects(Bucket=self.bucket))
        self.theirs.delete_bucket(Bucket=self.bucket)
        self.refused("AccessDenied", 403, self.theirs.list_objects, Bucket=self.bucket)
        self.assertEqual(self.get("mine"), b"m")

    def test_role(self):
        reader = self.client(Keys.of_new(self.cloud, "reader-" + self.bucket, "reader"))
        self.refused("AccessDenied", 403, reader.create_bucket, Bucket=self.bucket + "-r")
        self.refused("AccessDenied", 403, reader.list_buckets)

    def test_keys_end_at_once(self):
        keys = Keys.of_new(self.cloud, "short-" + self.bucket)
        client = self.client(keys)
        client.list_buckets()
        self.ask("DELETE", "/identity/v3/users/%s/credentials/OS-EC2/%s" % (keys.user, keys.access))
        self.refused("InvalidAccessKeyId", 403, client.list_buckets)
        self.cloud.request("POST", "/identity/v3/auth/tokens", token="")
        status = self.cloud.request("GET", "/identity/v3/projects", token="ec2 " + self.keys.access)[0]
        self.assertEqual(status, 401)       # keys are no token


class Details(S3Test):
    """What clients of Swift's S3 API and of S3 count on, beside the main ways."""
    def test_ranges(self):
        self.put("o", b"abcdefghij")
        answer = self.raw("GET", "/%s/o" % self.bucket, 206, headers={"range": "bytes=1-2,4-5"})
        self.assertIn("multipart/byteranges", answer[1]["Content-Type"])
        self.assertIn(b"\r\n\r\nbc\r\n", answer[2])
        self.assertIn(b"\r\n\r\nef\r\n", answer[2])
        head = self.s3.head_object(Bucket=self.bucket, Key="o", Range="bytes=1-5")
        self.assertEqual((head["ContentLength"], head["ResponseMetadata"]["HTTPHeaders"]["content-range"]), (5, "bytes 1-5/10"))
        self.refused("416", 416, self.s3.head_object, Bucket=self.bucket, Key="o", Range="bytes=10-")

    def test_markers_are_told(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.put("o", b"1")
        marker = self.s3.delete_object(Bucket=self.bucket, Key="o")["VersionId"]
        self.put("o2", b"1")
        for method in ("GET", "HEAD"):
            headers = Signed(self.cloud.s3, self.keys, method, "/%s/o" % self.bucket).send()[1]
            self.assertEqual((headers["x-amz-delete-marker"], headers["x-amz-version-id"]), ("true", marker))
        self.assertIsNone(Signed(self.cloud.s3, self.keys, "GET", "/%s/none" % self.bucket).send()[1]["x-amz-delete-marker"])

    def test_bodies(self):
        self.raw("POST", "/%s/o" % self.bucket, 200, query="uploads=", headers={"content-md5": base64.b64encode(b"x" * 16).decode()})
        body = b"<Delete><Object><VersionId>null</VersionId></Object></Delete>"
        self.raw("POST", "/" + self.bucket, 400, "UserKeyMustBeSpecified", query="delete=", body=body,
                 headers={"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode()})

    def test_headers(self):
        self.put("o", b"1")
        self.raw("PUT", "/%s/c" % self.bucket, 400, "InvalidArgument", headers={"x-amz-copy-source": self.bucket + "/o?nonsense"})
        self.raw("PUT", "/%s/r" % self.bucket, 200, body=b"1", headers={"x-robots-tag": "googlebot: noarchive"})
        self.assertEqual(self.raw("GET", "/%s/r" % self.bucket, 200)[1]["X-Robots-Tag"], "googlebot: noarchive")

    def test_too_many_tags(self):
        self.put("o")
        self.refused("InvalidTag", 400, self.s3.put_object_tagging, Bucket=self.bucket, Key="o",
                     Tagging={"TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]})

    def test_empty_arguments_of_versions(self):
        text = self.raw("GET", "/" + self.bucket, 200, query="versions=&delimiter=&key-marker=&prefix=")[2]
        for element in (b"<Delimiter></Delimiter>", b"<KeyMarker></KeyMarker>", b"<Prefix></Prefix>"):
            self.assertIn(element, text)


class Signatures(S3Test):
    def test_kinds(self):
        self.put("o", b"x")
        for version in ("s3", "s3v4"):
            client = self.client(self.keys, signature_version=version)
            self.assertEqual(client.get_object(Bucket=self.bucket, Key="o")["Body"].read(), b"x")
            client.list_objects(Bucket=self.bucket, Prefix="o")
            url = client.generate_presigned_url("get_object", Params={"Bucket": self.bucket, "Key": "o"}, ExpiresIn=60)
            self.assertEqual(urllib.request.urlopen(url).read(), b"x")
            put = client.generate_presigned_url("put_object", Params={"Bucket": self.bucket, "Key": "p"}, ExpiresIn=60)
            self.assertEqual(urllib.request.urlopen(urllib.request.Request(put, b"put", method="PUT",
                                                                           headers={"Content-Type": ""})).status, 200)
            number = re.search("Expires=(\\d+)", url).group(1)
            for change, status, expected in ((("/o?", "/other?"), 403, "SignatureDoesNotMatch"),
                                             (("Expires=" + number, "Expires=%d" % (int(number) + 1)), 403, "SignatureDoesNotMatch"),
                                             (("Expires=" + number, "Expires=%d" % 2 ** 32), 403 if version == "s3" else 400,
                                              "AccessDenied" if version == "s3" else "AuthorizationQueryParametersError")):
                with self.assertRaises(urllib.error.HTTPError) as caught:
                    urllib.request.urlopen(url.replace(*change))
                self.assertEqual((caught.exception.code, code(caught.exception.read())), (status, expected))
                caught.exception.close()

    def test_time_is_looked_at_first(self):
        old = Signed(self.cloud.s3, self.keys, "GET", "/" + self.bucket, time="20100707T215304Z")
        old.headers["authorization"] = old.headers["authorization"][:-4] + "0000"
        self.assertEqual(code(old.send()[2]), "RequestTimeTooSkewed")

    def test_host_names_the_bucket(self):
        self.put("a/b", b"x")
        host = "%s.localhost:%s" % (self.bucket, self.cloud.s3.rsplit(":", 1)[1])
        self.assertEqual(self.raw("GET", "/a/b", 200, headers={"host": host})[2], b"x")
        self.assertIn(b"<Key>a/b</Key>", self.raw("GET", "/", 200, headers={"host": host})[2])
        date = email.utils.formatdate(usegmt=True)
        text = "GET\n\n\n%s\n/%s/a/b" % (date, self.bucket)
        self.assertEqual(self.raw("GET", "/a/b", 200, anonymous=True, headers={
            "host": host, "date": date, "authorization": "AWS %s:%s" % (self.keys.access, signature_2(self.keys.secret, text))})[2], b"x")

    def test_forged(self):
        self.put("o", b"x")
        path = "/%s/o" % self.bucket
        good = Signed(self.cloud.s3, self.keys, "GET", path)
        self.assertEqual(good.send()[0], 200)
        for name, value in (("method", "DELETE"), ("path", path + "x"), ("query", "acl"), ("query", "versionId=null")):
            replay = Signed(self.cloud.s3, self.keys, "GET", path)
            setattr(replay, name, value)
            self.assertEqual(code(replay.send()[2]), "SignatureDoesNotMatch", name)
        wrong = Keys.of_admin(self.cloud)
        wrong.secret = self.other.secret
        self.raw("GET", path, 403, "SignatureDoesNotMatch", keys=wrong)
        wrong.access = "unknown"
        self.raw("GET", path, 403, "InvalidAccessKeyId", keys=wrong)
        for seconds in (-1000, 1000):
            self.raw("GET", path, 403, "RequestTimeTooSkewed", time=stamp(seconds))
        added = Signed(self.cloud.s3, self.keys, "PUT", path)
        added.headers["x-amz-acl"] = "public-read"
        self.assertEqual(code(added.send()[2]), "AccessDenied")
        for header in ("AWS4-HMAC-SHA256 x", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x", "AWS x",
                       "AWS :", "Basic eDp5", "AWS4-HMAC-SHA256 Credential=a/20200101/r/ec2/aws4_request, SignedHeaders=, Signature="):
            self.assertIn(Signed(self.cloud.s3, None, "GET", path, headers={"authorization": header}).send()[0], (400, 403))
        spoiled = Signed(self.cloud.s3, self.keys, "PUT", path, body=b"body")
        spoiled.body = b"evil"
        self.assertEqual(code(spoiled.send()[2]), "XAmzContentSHA256Mismatch")
        self.assertEqual(self.get("o"), b"x")

    def test_both_at_once(self):
        self.raw("GET", "/", 400, "InvalidArgument", query="X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=x")

    def test_query_ends(self):
        self.put("o", b"x")
        client = self.client(self.keys, signature_version="s3v4")
        url = client.generate_presigned_url("get_object", Params={"Bucket": self.bucket, "Key": "o"}, ExpiresIn=1)
        self.assertEqual(urllib.request.urlopen(url).read(), b"x")
        time.sleep(2.1)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url)
        self.assertEqual((caught.exception.code, code(caught.exception.read())), (403, "AccessDenied"))
        caught.exception.close()
        for life, word in (("-1", "non-negative"), ("604801", "less than 604800"), ("9" * 18, "less than 604800"),
                           ("9" * 19, "number"), ("x", "number"), ("", "number")):
            answer = self.raw("GET", "/%s/o" % self.bucket, 400, "AuthorizationQueryParametersError", anonymous=True,
                              query=url.split("?")[1].replace("X-Amz-Expires=1", "X-Amz-Expires=" + life))
            self.assertIn(word, answer[2].decode())
        query = url.split("?")[1].replace("X-Amz-Expires=1", "X-Amz-Expires=604801")
        self.raw("GET", "/%s/o" % self.bucket, 400, "AuthorizationQueryParametersError", anonymous=True, query=query)


class Bodies(S3Test):
    def stream(self, data, size=65536, trailer=None, spoil=None, key="s", decoded=None, **headers):
        headers["x-amz-decoded-content-length"] = str(len(data) if decoded is None else decoded)
        headers["content-encoding"] = "aws-chunked"
        payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
        if trailer:
            headers["x-amz-trailer"] = trailer[0]
        request = Signed(self.cloud.s3, self.keys, "PUT", "/%s/%s" % (self.bucket, key), payload=payload, headers=headers)
        return request.chunks(data, size, trailer, spoil).send()

    def test_signed_chunks(self):
        for size in (0, 10, 65536, 300000):
            data = os.urandom(size)
            self.assertEqual(self.stream(data)[0], 200)
            self.assertEqual(self.get("s"), data)
        self.assertNotIn("ContentEncoding", self.s3.head_object(Bucket=self.bucket, Key="s"))
        for spoil in range(3):
            self.assertEqual(code(self.stream(data, 100000, spoil=spoil)[2]), "SignatureDoesNotMatch")
        self.assertEqual(code(self.stream(data, decoded=5)[2]), "IncompleteBody")
        self.assertEqual(code(self.stream(data, decoded=300001)[2]), "IncompleteBody")
        self.assertEqual(self.get("s"), data)

    def test_trailers(self):
        data = os.urandom(100000)
        sums = {"crc32": zlib.crc32(data).to_bytes(4, "big"), "sha1": hashlib.sha1(data).digest(),
                "sha256": hashlib.sha256(data).digest()}
        for name, value in sums.items():
            trailer = ("x-amz-checksum-" + name, base64.b64encode(value).decode())
            status, headers, body = self.stream(data, trailer=trailer)
            self.assertEqual((status, headers[trailer[0]]), (200, trailer[1]), body)
            wrong = base64.b64encode(bytes(len(value))).decode()
            self.assertEqual(code(self.stream(data, trailer=(trailer[0], wrong))[2]), "BadDigest")
        crc = base64.b64encode(sums["crc32"]).decode()
        for value, expected in ((crc, None), ("AAAAAA==", "BadDigest")):
            body = b"186a0\r\n" + data + b"\r\n0\r\nx-amz-checksum-crc32:" + value.encode() + b"\r\n\r\n"
            answer = Signed(self.cloud.s3, self.keys, "PUT", "/%s/u" % self.bucket, body=body,
                            payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                            headers={"x-amz-trailer": "x-amz-checksum-crc32", "x-amz-decoded-content-length": "100000"}).send()
            self.assertEqual(code(answer[2]), expected)
        self.assertEqual(self.get("u"), data)

    def test_checks(self):
        md5 = base64.b64encode(hashlib.md5(b"body").digest()).decode()
        path = "/%s/m" % self.bucket
        self.raw("PUT", path, 200, body=b"body", headers={"content-md5": md5})
        self.raw("PUT", path, 400, "BadDigest", body=b"other", headers={"content-md5": md5})
        self.raw("PUT", path, 400, "InvalidDigest", body=b"body", headers={"content-md5": "x"})
        self.raw("PUT", path, 400, "BadDigest", body=b"body", headers={"x-amz-checksum-crc32c": "AAAAAA=="})
        self.raw("PUT", path, 400, "InvalidRequest", body=b"body", headers={"x-amz-checksum-sha1": "AAAAAA=="})
        self.raw("PUT", path, 200, body=b"3\r\nabc\r\n0\r\n\r\n", payload="UNSIGNED-PAYLOAD",
                 headers={"transfer-encoding": "chunked"})
        for kind, value in (("crc32c", "4waSgw=="), ("crc64nvme", "rosUhgp5mIg=")):
            self.raw("PUT", path, 200, body=b"123456789", headers={"x-amz-checksum-" + kind: value})
        self.assertEqual(self.get("m"), b"123456789")
        self.raw("PUT", path, 400, "MetadataTooLarge", headers={"x-amz-meta-a": "x" * 2049})
        self.raw("PUT", path, 400, "InvalidStorageClass", headers={"x-amz-storage-class": "GLACIER"})


class Hostile(S3Test):
    def test_xml(self):
        bombs = [b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><VersioningConfiguration><Status>&b;</Status>'
                 b'</VersioningConfiguration>',
                 b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><VersioningConfiguration><Status>&x;</Status>'
                 b'</VersioningConfiguration>',
                 b"<a>" * 100000, b"<a b=" + b"x" * 100000, b"", b"\xff\xfe<", b"<a>&#0;</a>", b"<a></b>",
                 b"<?php x?><VersioningConfiguration/>"]
        for body in bombs:
            answer = self.raw("PUT", "/" + self.bucket, 400, "MalformedXML", query="versioning", body=body)
            self.assertNotIn(b"root:", answer[2])
        self.raw("PUT", "/" + self.bucket, 400, "MaxMessageLengthExceeded", query="versioning", body=b"<" * (3 * MEGABYTE))

    def test_paths(self):
        for path, statuses in (("/../../etc/passwd", (400, 403, 404)), ("/%00", (400,)), ("/a%2f..%2fb/x", (400, 404)),
                               ("/%s/%%zz" % self.bucket, (400,)), ("/%s/%%ff" % self.bucket, (400,)), ("//", (403,))):
            self.assertIn(Signed(self.cloud.s3, None, "GET", path).send()[0], statuses, path)
        for path in ("/%00", "/%ff", "/" + self.bucket + "/%c0%af"):
            self.raw("GET", path, 400, "InvalidURI")
        self.assertEqual(Signed(self.cloud.s3, None, "GET", "/" + self.bucket, query="prefix=%ff").send()[0], 400)
        self.raw("GET", "/%s%%2Bsegments" % self.bucket, 400, "InvalidBucketName")

    def test_methods(self):
        self.raw("POST", "/", 405, "MethodNotAllowed")
        self.raw("POST", "/%s/x" % self.bucket, 405, "MethodNotAllowed")
        self.raw("PUT", "/%s/x" % self.bucket, 501, "NotImplemented", query="torrent")
        self.raw("POST", "/%s/x" % self.bucket, 501, "NotImplemented", query="restore")

    def test_head_has_no_body(self):
        status, headers, body = Signed(self.cloud.s3, self.keys, "HEAD", "/%s/none" % self.bucket).send()
        self.assertEqual((status, body), (404, b""))
        self.assertTrue(headers["x-amz-request-id"])

    def test_random_requests(self):
        """No request, however odd its query and headers, is answered with a failure of the server."""
        dice = random.Random(8471)
        words = ["acl", "uploads", "uploadId", "partNumber", "versionId", "versions", "delete", "location", "prefix", "marker",
                 "max-keys", "delimiter", "list-type", "encoding-type", "tagging", "continuation-token", "key-marker",
                 "version-id-marker", "upload-id-marker", "part-number-marker", "max-parts", "response-expires"]
        values = ["", "0", "1", "-1", "2", "null", "%01", "x" * 200, "99999999999999999999", "/", "url", "%F0%9F%98%80", "a%0d%0ab"]
        names = ["range", "if-match", "if-modified-since", "x-amz-acl", "x-amz-copy-source", "x-amz-tagging", "x-amz-grant-read",
                 "x-amz-copy-source-range", "content-md5", "x-amz-trailer", "x-amz-checksum-crc32", "x-amz-metadata-directive"]
        sent = ["", "bytes=0-", "bytes=9-1", "id=", 'id="x",', "*", '"', "a/b", "/", "a=b&a=b", "x-amz-checksum-sha1", "AAAA",
                "?versionId=", self.bucket + "/o?versionId=null", "Sat, 31 Jan 2026 10:20:30 GMT"]
        self.put("o", b"x")
        for _ in range(400):
            query = "&".join("%s=%s" % (dice.choice(words), dice.choice(values)) for _ in range(dice.randrange(4)))
            headers = {dice.choice(names): dice.choice(sent) for _ in range(dice.randrange(3))}
            path = dice.choice(["/", "/" + self.bucket, "/%s/o" % self.bucket, "/%s/n" % self.bucket])
            method = dice.choice(["GET", "HEAD", "PUT", "POST", "DELETE"])
            if method == "DELETE" and path == "/" + self.bucket:
                continue
            status = Signed(self.cloud.s3, self.keys, method, path, query=query, headers=headers,
                            body=dice.choice([b"", b"<a/>", b"x"])).send()[0]
            self.assertTrue(status < 500 or status == 501, (status, method, path, query, headers))


if __name__ == "__main__":
    unittest.main()
