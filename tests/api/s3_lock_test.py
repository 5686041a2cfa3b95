# SPDX-License-Identifier: Apache-2.0
"""Object lock: what is held goes by no door before its time; and what is set comes back."""
import datetime
import time
import unittest

import s3_test

FAR = datetime.datetime(2140, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
FARTHER = FAR + datetime.timedelta(days=1)


class Locks(s3_test.S3Test):
    def setUp(self):
        super().setUp()
        self.plain, self.bucket = self.bucket, self.bucket + "-l"
        self.s3.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True)

    def retain(self, key, mode="GOVERNANCE", until=FAR, **more):
        self.s3.put_object_retention(Bucket=self.bucket, Key=key, Retention={"Mode": mode, "RetainUntilDate": until}, **more)

    def hold(self, key, to):
        self.s3.put_object_legal_hold(Bucket=self.bucket, Key=key, LegalHold={"Status": to})

    def delete(self, key, version, **more):
        self.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version, **more)

    def held(self, key, version, **more):
        self.refused("AccessDenied", 403, self.delete, key=key, version=version, **more)
        self.assertEqual(self.get(key, VersionId=version), b"1")

    def configure(self, bucket=None, **rule):
        conf = {"ObjectLockEnabled": "Enabled"}
        if rule:
            conf["Rule"] = {"DefaultRetention": rule}
        self.s3.put_object_lock_configuration(Bucket=bucket or self.bucket, ObjectLockConfiguration=conf)

    def test_configuration(self):
        self.assertEqual(self.s3.get_bucket_versioning(Bucket=self.bucket)["Status"], "Enabled")
        self.assertEqual(self.s3.get_object_lock_configuration(Bucket=self.bucket)["ObjectLockConfiguration"],
                         {"ObjectLockEnabled": "Enabled"})
        self.configure(Mode="COMPLIANCE", Years=1)
        self.assertEqual(self.s3.get_object_lock_configuration(Bucket=self.bucket)["ObjectLockConfiguration"]["Rule"],
                         {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 1}})
        for rule, expected in (({"Mode": "GOVERNANCE", "Days": 0}, "InvalidRetentionPeriod"),
                               ({"Mode": "GOVERNANCE", "Years": 101}, "InvalidRetentionPeriod"),
                               ({"Mode": "governance", "Days": 1}, "MalformedXML"), ({"Mode": "GOVERNANCE"}, "MalformedXML"),
                               ({"Mode": "GOVERNANCE", "Days": 1, "Years": 1}, "MalformedXML")):
            self.refused(expected, 400, self.configure, **rule)
        self.refused("ObjectLockConfigurationNotFoundError", 404, self.s3.get_object_lock_configuration, Bucket=self.plain)
        self.refused("InvalidBucketState", 409, self.configure, bucket=self.plain)
        self.s3.put_bucket_versioning(Bucket=self.plain, VersioningConfiguration={"Status": "Enabled"})
        self.configure(self.plain)
        for bucket in (self.plain, self.bucket):
            self.refused("InvalidBucketState", 409, self.s3.put_bucket_versioning, Bucket=bucket,
                         VersioningConfiguration={"Status": "Suspended"})
            self.swift("POST", bucket, headers={"X-Versions-Enabled": "false"}, expect=(403,))

    def test_without_a_lock(self):
        self.s3.put_object(Bucket=self.plain, Key="a")
        for call, more in ((self.s3.get_object_retention, {}), (self.s3.get_object_legal_hold, {}),
                           (self.s3.put_object_retention, {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": FAR}}),
                           (self.s3.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
                           (self.s3.put_object, {"ObjectLockLegalHoldStatus": "ON"})):
            self.refused("InvalidRequest", 400, call, Bucket=self.plain, Key="a", **more)

    def test_retention(self):
        version = self.put("a", b"1")["VersionId"]
        self.refused("NoSuchObjectLockConfiguration", 404, self.s3.get_object_retention, Bucket=self.bucket, Key="a")
        self.retain("a")
        self.assertEqual(self.s3.get_object_retention(Bucket=self.bucket, Key="a")["Retention"],
                         {"Mode": "GOVERNANCE", "RetainUntilDate": FAR})
        head = self.s3.head_object(Bucket=self.bucket, Key="a")
        self.assertEqual((head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]), ("GOVERNANCE", FAR))
        self.held("a", version)
        self.s3.delete_object(Bucket=self.bucket, Key="a")         # a marker may come
        self.held("a", version)
        many = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": "a", "VersionId": version}]})
        self.assertEqual([error["Code"] for error in many["Errors"]], ["AccessDenied"])
        self.swift("DELETE", "%s/a?version-id=%s" % (self.bucket, version), expect=(403,))
        self.delete("a", version, BypassGovernanceRetention=True)

    def test_object_from_before_versions(self):
        self.bucket = self.plain
        self.put("a", b"1")
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.configure()
        self.hold("a", "ON")
        self.held("a", "null")
        self.swift("DELETE", self.bucket + "/a?version-id=null", expect=(403,))
        self.assertEqual(self.get("a"), b"1")
        self.hold("a", "OFF")
        self.delete("a", "null")

    def test_retention_is_kept_or_longer(self):
        self.put("g", b"1")
        self.retain("g")
        self.retain("g", until=FARTHER)
        self.refused("AccessDenied", 403, self.retain, key="g")
        self.refused("AccessDenied", 403, self.retain, key="g", mode="COMPLIANCE", until=FARTHER)
        self.retain("g", BypassGovernanceRetention=True)
        version = self.put("c", b"1", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=FAR)["VersionId"]
        for more in ({"mode": "GOVERNANCE", "until": FARTHER}, {"mode": "COMPLIANCE", "until": FAR - datetime.timedelta(1)}):
            self.refused("AccessDenied", 403, self.retain, key="c", BypassGovernanceRetention=True, **more)
        self.retain("c", "COMPLIANCE", FARTHER)
        self.held("c", version, BypassGovernanceRetention=True)
        for mode, until, expected in (("governance", FAR, "MalformedXML"), ("COMPLIANCE", "2001-01-01T00:00:00Z", "InvalidArgument")):
            self.refused(expected, 400, self.retain, key="g", mode=mode, until=until)

    def test_retention_ends(self):
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        version = self.put("a", b"1", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=soon)["VersionId"]
        self.held("a", version)
        time.sleep(3.2)
        self.delete("a", version)

    def test_legal_hold(self):
        version = self.put("a", b"1", ObjectLockLegalHoldStatus="ON")["VersionId"]
        self.assertEqual(self.s3.get_object_legal_hold(Bucket=self.bucket, Key="a")["LegalHold"], {"Status": "ON"})
        self.held("a", version, BypassGovernanceRetention=True)
        self.refused("MalformedXML", 400, self.hold, key="a", to="maybe")
        self.hold("a", "OFF")
        self.delete("a", version)

    def test_default(self):
        self.configure(Mode="GOVERNANCE", Days=1)
        versions = {"put": self.put("put", b"1")["VersionId"]}
        self.swift("PUT", self.bucket + "/swift", b"1")
        versions["copy"] = self.s3.copy_object(Bucket=self.bucket, Key="copy", CopySource=self.bucket + "/put")["VersionId"]
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="parts")["UploadId"]
        part = self.s3.upload_part(Bucket=self.bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"1")
        versions["parts"] = self.s3.complete_multipart_upload(
            Bucket=self.bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
        )["VersionId"]
        versions["swift"] = self.s3.head_object(Bucket=self.bucket, Key="swift")["VersionId"]
        for key, version in versions.items():
            until = self.s3.get_object_retention(Bucket=self.bucket, Key=key)["Retention"]["RetainUntilDate"]
            self.assertAlmostEqual((until - datetime.datetime.now(datetime.timezone.utc)).total_seconds(), 86400, delta=60)
            self.held(key, version)
        self.swift("POST", self.bucket + "/swift", headers={"X-Delete-After": "1"}, expect=(403,))
        self.swift("PUT", self.bucket + "/swift", b"2", headers={"X-Delete-After": "1"}, expect=(403,))

    def test_uploads(self):
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="a", ObjectLockMode="GOVERNANCE",
                                                 ObjectLockRetainUntilDate=FAR, ObjectLockLegalHoldStatus="OFF")["UploadId"]
        part = self.s3.upload_part(Bucket=self.bucket, Key="a", UploadId=upload, PartNumber=1, Body=b"1")
        done = self.s3.complete_multipart_upload(Bucket=self.bucket, Key="a", UploadId=upload,
                                                 MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]})
        self.held("a", done["VersionId"])
        self.assertNotIn("Uploads", self.s3.list_multipart_uploads(Bucket=self.bucket))

    def test_wrong_headers(self):
        for more in ({"ObjectLockMode": "GOVERNANCE"}, {"ObjectLockRetainUntilDate": FAR},
                     {"ObjectLockMode": "x", "ObjectLockRetainUntilDate": FAR}, {"ObjectLockLegalHoldStatus": "x"},
                     {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime.datetime(2001, 1, 1)}):
            self.refused("InvalidArgument", 400, self.put, key="a", **more)
        self.assertEqual(self.keys_of(), [])

    def test_others(self):
        self.put("a", b"1", ACL="public-read-write")
        self.s3.put_bucket_acl(Bucket=self.bucket, ACL="public-read-write")
        for call, more in ((self.theirs.get_object_retention, {}), (self.theirs.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
                           (self.theirs.put_object, {"ObjectLockLegalHoldStatus": "ON"})):
            self.refused("AccessDenied", 403, call, Bucket=self.bucket, Key="a", **more)
        version = self.s3.head_object(Bucket=self.bucket, Key="a")["VersionId"]
        self.retain("a")
        self.refused("AccessDenied", 403, self.theirs.delete_object, Bucket=self.bucket, Key="a", VersionId=version,
                     BypassGovernanceRetention=True)


if __name__ == "__main__":
    unittest.main()
