# SPDX-License-Identifier: Apache-2.0
"""The object store's care for what came through S3: damage in parts and old versions, and a full disk."""
import os
import unittest

from botocore.exceptions import BotoCoreError, ClientError

from cloud import in_files
from object_store_care_test import CareTest, FullDiskTest
from s3_test import MEGABYTE, S3Test


class S3CareTest(CareTest, S3Test):
    put = S3Test.put

    def setUp(self):
        CareTest.setUp(self)
        S3Test.setUp(self)

    def upload(self, key, *parts):
        """An upload with these parts: its id, and what completing it wants."""
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
        done = [{"PartNumber": i, "ETag": self.s3.upload_part(Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=i,
                                                              Body=body)["ETag"]} for i, body in enumerate(parts, 1)]
        return upload, {"Parts": done}

    def complete(self, key, upload, parts):
        return self.s3.complete_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload=parts)

    def breaks(self, call, **arguments):
        """The answer is an error, or breaks off before its end."""
        try:
            call(**arguments)["Body"].read()
        except (ClientError, BotoCoreError):
            return
        self.fail("damaged bytes were given out as good")

    def breaks_for_swift(self, name):
        """The same through the other door."""
        path = "/object-store/v1/AUTH_%s/%s/%s" % (self.keys.project, self.bucket, name)
        try:
            status, headers, body = self.cloud.request("GET", path, headers={"Accept": "*/*"})
        except Exception as error:
            self.assertIn("IncompleteRead", repr(error))
            return
        self.assertGreaterEqual(status, 500, name)


@in_files
class Scrubber(S3CareTest):
    settings = ("object_store.scrub_seconds=1",)

    def flip(self, harmed):
        """Changes a byte of each of these blobs and, in the index, of each body of one of these lengths."""
        for path in harmed["blobs"]:
            with open(path, "r+b") as file:
                file.seek(70000)
                byte = file.read(1)
                file.seek(70000)
                file.write(bytes([byte[0] ^ 0x40]))
        lengths = ", ".join(map(str, harmed["lengths"]))
        changed = self.break_index("UPDATE data SET bytes = CAST(substr(bytes, 1, 99) || char(unicode(substr(bytes, 100, 1)) + 1) ||"
                                   " substr(bytes, 101) AS BLOB) WHERE length(bytes) IN (%s)" % lengths)
        self.assertEqual(changed, len(harmed["lengths"]))

    def test_damage_in_parts_and_versions_is_found_and_never_given_out(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        before = set(self.blobs())
        versions = {key: self.put(key, body)["VersionId"] for key, body in (("large", os.urandom(200000)), ("small", b"a" * 3001))}
        for key in versions:
            self.put(key, b"newer")
        parts = self.upload("done", os.urandom(5 * MEGABYTE), b"b" * 3002)
        self.complete("done", *parts)
        open_upload = self.upload("open", os.urandom(5 * MEGABYTE), b"c" * 3003)
        self.put("now", b"d" * 3004)
        harmed = {"blobs": set(self.blobs()) - before, "lengths": (3001, 3002, 3003, 3004)}
        self.assertEqual(len(harmed["blobs"]), 3)
        self.flip(harmed)

        wanted = ["/large ", "/small ", "/done/%s/00001 " % parts[0], "/done/%s/00002 " % parts[0],
                  "/open/%s/00001 " % open_upload[0], "/open/%s/00002 " % open_upload[0], "/now "]
        self.cloud.until(lambda: all(what in self.cloud.audit()[1] for what in wanted))
        code, text = self.cloud.audit()
        self.assertEqual(text.count("object-whole "), len(wanted), text)
        for key, version in versions.items():
            self.breaks(self.s3.get_object, Bucket=self.bucket, Key=key, VersionId=version)
            self.assertEqual(self.get(key), b"newer")
        self.breaks_for_swift("now")
        self.breaks_for_swift("done")
        self.breaks(self.s3.get_object, Bucket=self.bucket, Key="now")
        self.breaks(self.s3.get_object, Bucket=self.bucket, Key="done")
        self.breaks(self.s3.get_object, Bucket=self.bucket, Key="done", PartNumber=2)
        with self.assertRaises(ClientError):
            self.s3.copy_object(Bucket=self.bucket, Key="copy", CopySource={"Bucket": self.bucket, "Key": "now"})
        source = {"Bucket": self.bucket, "Key": "large", "VersionId": versions["large"]}
        self.s3.copy_object(Bucket=self.bucket, Key="copy", CopySource=source)      # shares the blob
        self.breaks(self.s3.get_object, Bucket=self.bucket, Key="copy")
        self.complete("open", *open_upload)
        self.breaks(self.s3.get_object, Bucket=self.bucket, Key="open")

        for version in self.s3.list_object_versions(Bucket=self.bucket)["Versions"]:
            self.s3.delete_object(Bucket=self.bucket, Key=version["Key"], VersionId=version["VersionId"])
        self.cloud.until(lambda: self.cloud.audit()[0] == 0)
        self.assertEqual(set(self.blobs()) - before, set())


@in_files
@unittest.skipIf(os.geteuid() != 0, "mounting a small disk needs root")
class FullDisk(FullDiskTest, S3CareTest):
    put = S3Test.put

    def full(self, call, **arguments):
        """Refused for want of room. False: there was some in the log of the index."""
        try:
            call(**arguments)
        except ClientError as error:
            answer = error.response
            self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), ("ServiceUnavailable", 507))
            return True
        return False

    def test_is_told_and_loses_nothing(self):
        now = {"large": os.urandom(300000), "small": os.urandom(1000)}
        for key, body in now.items():
            self.put(key, body)
        for key in ("gone-1", "gone-2"):
            self.put(key, os.urandom(100000))
        parts = os.urandom(5 * MEGABYTE), os.urandom(1000)
        upload, done = self.upload("parts", *parts)
        other, _ = self.upload("other")
        self.fill()
        kept = self.blobs()
        where = {"Bucket": self.bucket}
        self.assertTrue(self.full(self.s3.put_object, Key="new", Body=os.urandom(MEGABYTE), **where))
        self.assertTrue(self.full(self.s3.put_object, Key="large", Body=os.urandom(400000), **where))
        self.assertTrue(self.full(self.s3.upload_part, Key="parts", UploadId=upload, PartNumber=1, Body=os.urandom(5 * MEGABYTE), **where))
        self.assertTrue(self.full(self.s3.upload_part_copy, Key="other", UploadId=other, PartNumber=1,
                                  CopySource={"Bucket": self.bucket, "Key": "large"}, CopySourceRange="bytes=0-199999", **where))
        small = os.urandom(60000)
        for i in range(200):            # until the log of the index is full, too
            if self.full(self.s3.put_object, Key="fill", Body=small, **where):
                break
            now["fill"] = small
        else:
            self.fail("the disk is not full")
        for i in range(40):
            key = "x-%d-%s" % (i, "y" * 900)
            if not self.full(self.s3.copy_object, Key=key, CopySource={"Bucket": self.bucket, "Key": "large"}, **where):
                now[key] = now["large"]
        completed = not self.full(self.s3.complete_multipart_upload, Key="parts", UploadId=upload, MultipartUpload=done, **where)
        answer = self.s3.delete_objects(Delete={"Objects": [{"Key": "gone-1"}, {"Key": "gone-2"}]}, **where)
        gone = {entry["Key"] for entry in answer.get("Deleted", [])}
        self.assertEqual(gone | {entry["Key"] for entry in answer.get("Errors", [])}, {"gone-1", "gone-2"})
        for again in range(2):
            for key, body in now.items():
                self.assertEqual(self.get(key), body)
            if not again:
                self.cloud.restart()
        os.unlink(os.path.join(self.folder, "ballast"))
        if not completed:
            self.complete("parts", upload, done)
        now["parts"] = b"".join(parts)
        self.assertEqual(self.get("parts"), now["parts"])
        self.assertEqual(set(self.keys_of()), set(now) | ({"gone-1", "gone-2"} - gone))
        self.put("after", os.urandom(MEGABYTE))
        self.s3.abort_multipart_upload(Key="other", UploadId=other, **where)
        code, text = self.cloud.audit()
        self.assertEqual(code, 0, text)
