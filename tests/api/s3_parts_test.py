# SPDX-License-Identifier: Apache-2.0
"""Parts of multipart uploads that nothing asks for any more: they go whichever way their object goes, also after a crash, and
the audit finds those that are left over."""
import os

import s3_test
from cloud import kept


class PartsTest(s3_test.S3Test):
    def setUp(self):
        super().setUp()
        self.bodies = [os.urandom(5 << 20), os.urandom(70000)]

    def begin(self, key):
        return {"Bucket": self.bucket, "Key": key,
                "UploadId": self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]}

    def uploaded(self, key):
        upload = self.begin(key)
        parts = [{"PartNumber": number, "ETag": self.s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
                 for number, body in enumerate(self.bodies, 1)]
        self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        return upload

    def parts(self):
        return [row["name"] for row in self.swift("GET", self.bucket + "+segments?format=json")[1]]

    def gone(self):
        self.cloud.until(lambda: not self.parts(), what="parts gone")

    def test_every_way_an_object_goes(self):
        ways = (lambda: self.swift("DELETE", self.bucket + "/x"), lambda: self.swift("PUT", self.bucket + "/x", body=b"new"),
                lambda: self.swift("POST", "?bulk-delete", body=(self.bucket + "/x").encode(),
                                   headers={"Content-Type": "text/plain"}),
                lambda: self.put("x"), lambda: self.s3.delete_object(Bucket=self.bucket, Key="x"))
        for way in ways:
            self.uploaded("x")
            self.assertEqual(len(self.parts()), 2)
            way()
            self.gone()

    def test_versions_keep_their_parts(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.uploaded("x")
        version = self.s3.head_object(Bucket=self.bucket, Key="x")["VersionId"]
        self.put("x", b"new")
        self.uploaded("x/y")        # another key with the first one's as its beginning
        self.s3.delete_object(Bucket=self.bucket, Key="x")
        self.assertEqual(len(self.parts()), 4)
        self.assertTrue(self.get("x", VersionId=version) == b"".join(self.bodies))
        self.s3.delete_object(Bucket=self.bucket, Key="x", VersionId=version)
        self.cloud.until(lambda: len(self.parts()) == 2, what="the version's parts gone")
        self.assertTrue(self.get("x/y") == b"".join(self.bodies))

    @kept
    def test_abort_takes_nothing_from_what_was_completed(self):
        """As after a death between the object and the end of its upload's record."""
        upload = self.uploaded("x")
        self.swift("PUT", "%s+uploads/x%%01%s" % (self.bucket, upload["UploadId"]), body=b"")
        self.s3.abort_multipart_upload(**upload)
        self.cloud.restart()
        self.assertEqual(len(self.parts()), 2)
        self.assertTrue(self.get("x") == b"".join(self.bodies))

    def test_a_copy_by_the_other_door_is_an_object_of_its_own(self):
        self.uploaded("x")
        self.swift("COPY", self.bucket + "/x", headers={"Destination": self.bucket + "/y"})
        self.assertNotIn("-", self.s3.head_object(Bucket=self.bucket, Key="y")["ETag"])
        self.s3.delete_object(Bucket=self.bucket, Key="x")
        self.gone()
        self.assertTrue(self.get("y") == b"".join(self.bodies))

    def test_the_audit_finds_what_is_left_over(self):
        upload = self.begin("open")
        self.s3.upload_part(**upload, PartNumber=1, Body=b"1")
        self.uploaded("x")
        self.assertEqual(self.cloud.audit()[0], 0)
        left = "%s+segments/lost/%s/00001" % (self.bucket, 32 * "a")
        self.swift("PUT", left, body=b"lost")
        code, text = self.cloud.audit()
        self.assertEqual(code, 1)
        self.assertIn("part-wanted", text)
        self.assertIn(left, text)
        self.assertEqual(self.cloud.audit("--fix")[0], 0)
        self.assertEqual(len(self.parts()), 3)
        self.assertEqual(self.cloud.audit()[0], 0)
        self.assertTrue(self.get("x") == b"".join(self.bodies))
