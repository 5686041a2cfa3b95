# SPDX-License-Identifier: Apache-2.0
"""Lifecycle rules: kept as they came, told of objects, and followed. A day is two seconds here."""
import datetime
import email.utils
import time
import unittest

import s3_test

DAY = 2


class LifecycleTest(s3_test.S3Test):
    def rules(self, *rules):
        made = [dict({"Status": "Enabled"}, **(rule if "Prefix" in rule or "Filter" in rule else dict(rule, Filter={}))) for rule in rules]
        self.s3.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": made})

    def version(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def versions(self):
        """names of versions, names of markers"""
        answer = self.s3.list_object_versions(Bucket=self.bucket)
        return ["%s" % one["Key"] for one in answer.get("Versions", [])], [one["Key"] for one in answer.get("DeleteMarkers", [])]

    def until(self, call, wanted, seconds=8 * DAY):
        end = time.monotonic() + seconds
        while call() != wanted and time.monotonic() < end:
            time.sleep(0.2)
        self.assertEqual(call(), wanted)


class Rules(LifecycleTest):
    def test_kept(self):
        self.refused("NoSuchLifecycleConfiguration", 404, self.s3.get_bucket_lifecycle_configuration, Bucket=self.bucket)
        midnight = datetime.datetime(2140, 1, 1, tzinfo=datetime.timezone.utc)
        rules = [{"ID": "a", "Status": "Enabled", "Prefix": "x/", "Expiration": {"Days": 3}},
                 {"ID": "b", "Status": "Disabled", "Filter": {"Tag": {"Key": "k", "Value": "v"}}, "Expiration": {"Date": midnight}},
                 {"ID": "c", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                  "Filter": {"Prefix": "y"}},
                 {"ID": "d", "Status": "Enabled", "Expiration": {"ExpiredObjectDeleteMarker": True},
                  "NoncurrentVersionExpiration": {"NoncurrentDays": 2, "NewerNoncurrentVersions": 3}, "Filter": {}},
                 {"ID": "e", "Status": "Enabled", "Expiration": {"Days": 1},
                  "Filter": {"And": {"Prefix": "z", "Tags": [{"Key": "k", "Value": "v"}, {"Key": "l", "Value": ""}],
                                     "ObjectSizeGreaterThan": 5, "ObjectSizeLessThan": 9}}}]
        self.rules(*rules)
        kept = self.s3.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"]
        self.assertEqual([dict(rule, Filter=rule.get("Filter") or {}) for rule in kept],
                         [dict(rule, Filter=rule.get("Filter") or {}) for rule in rules])
        self.rules({"Expiration": {"Days": 1}}, {"Expiration": {"Days": 2}})
        ids = [rule["ID"] for rule in self.s3.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"]]
        self.assertEqual(len(set(ids)), 2)
        self.s3.delete_bucket_lifecycle(Bucket=self.bucket)
        self.refused("NoSuchLifecycleConfiguration", 404, self.s3.get_bucket_lifecycle_configuration, Bucket=self.bucket)

    def test_refused(self):
        day = {"Expiration": {"Days": 1}}
        for rules, expected in (([dict(day, ID="x" * 256)], "InvalidArgument"), ([dict(day, ID="x"), dict(day, ID="x")], "InvalidArgument"),
                                ([{"Expiration": {"Days": 0}}], "InvalidArgument"), ([dict(day, Status="enabled")], "MalformedXML"),
                                ([dict(day, Prefix="a", Filter={})], "MalformedXML"), ([{}], "InvalidRequest"),
                                ([{"Expiration": {}}], "MalformedXML"), ([{"Expiration": {"Days": 1, "Date": "2140-01-01"}}], "MalformedXML"),
                                ([{"Expiration": {"Date": "2140-01-01T01:00:00Z"}}], "InvalidArgument"),
                                ([{"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 101}}], "InvalidArgument"),
                                ([{"NoncurrentVersionExpiration": {}}], "MalformedXML"),
                                ([{"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 0}}], "InvalidArgument"),
                                ([{"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                                   "Filter": {"Tag": {"Key": "k", "Value": "v"}}}], "MalformedXML"),
                                ([dict(day, Filter={"Prefix": "a", "ObjectSizeLessThan": 5})], "MalformedXML")):
            with self.subTest(rules=rules):
                with self.assertRaises(s3_test.ClientError) as caught:
                    self.rules(*rules)
                self.assertEqual(caught.exception.response["Error"]["Code"], expected)
        with self.assertRaises(s3_test.ClientError) as caught:
            self.rules({"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]})
        self.assertEqual(caught.exception.response["Error"]["Code"], "NotImplemented")
        self.refused("NoSuchLifecycleConfiguration", 404, self.s3.get_bucket_lifecycle_configuration, Bucket=self.bucket)

    def test_told(self):
        self.assertNotIn("Expiration", self.put("a/1", b"1"))
        self.rules({"ID": "far", "Prefix": "a/", "Expiration": {"Days": 9}}, {"ID": "n ear", "Prefix": "a/n", "Expiration": {"Days": 5}})
        now = time.time()
        for told, rule, days in ((self.put("a/1", b"1"), "far", 9), (self.put("a/n", b"1"), "n%20ear", 5),
                                 (self.s3.head_object(Bucket=self.bucket, Key="a/n"), "n%20ear", 5),
                                 (self.s3.get_object(Bucket=self.bucket, Key="a/1"), "far", 9)):
            date, name = told["Expiration"].split('"')[1::2]
            self.assertEqual(name, rule)
            self.assertTrue(0 <= email.utils.parsedate_to_datetime(date).timestamp() - now - days * 86400 <= 86400)
        self.assertNotIn("Expiration", self.put("b", b"1"))


class Days(LifecycleTest):
    settings = ("object_store.lifecycle_seconds=1", "object_store.lifecycle_day=%d" % DAY)

    def test_objects(self):
        for key, size, tags in (("p/1", 5, ""), ("q/1", 5, ""), ("q/tagged", 5, "k=v&l=m"), ("q/big", 50, "k=v"), ("later", 5, "")):
            self.put(key, b"x" * size, Tagging=tags)
        self.rules({"Prefix": "p/", "Expiration": {"Days": 1}}, {"Prefix": "later", "Expiration": {"Days": 50}},
                   {"Prefix": "q/1", "Status": "Disabled", "Expiration": {"Days": 1}},
                   {"Filter": {"And": {"Prefix": "q/", "Tags": [{"Key": "k", "Value": "v"}], "ObjectSizeLessThan": 9}},
                    "Expiration": {"Days": 1}})
        self.assertEqual(len(self.keys_of()), 5)
        self.until(self.keys_of, ["later", "q/1", "q/big"])
        self.put("p/new", b"1")                    # it is young
        time.sleep(DAY / 2)
        self.assertIn("p/new", self.keys_of())
        self.until(self.keys_of, ["later", "q/1", "q/big"])

    def test_dates(self):
        self.put("past/a")
        self.put("future/a")
        self.rules({"Prefix": "past/", "Expiration": {"Date": "2015-01-01"}}, {"Prefix": "future/", "Expiration": {"Date": "2140-01-01"}})
        self.until(self.keys_of, ["future/a"])

    def test_versions(self):
        self.version()
        for _ in range(5):
            self.put("a", b"1")
            self.put("kept/a", b"1")
        self.rules({"Filter": {"Prefix": "a"}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}})
        self.until(self.versions, (["a"] * 3 + ["kept/a"] * 5, []))
        self.rules({"Filter": {"Prefix": "a"}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}, "Expiration": {"Days": 1}})
        self.until(lambda: self.versions()[0], ["kept/a"] * 5)
        self.until(self.versions, (["kept/a"] * 5, []))        # a marker that nothing is behind goes by the same rule

    def test_current_leaves_a_marker(self):
        self.version()
        self.put("a", b"1")
        self.rules({"Expiration": {"Days": 1}})
        self.until(self.versions, (["a"], ["a"]))
        time.sleep(2 * DAY)
        self.assertEqual(self.versions(), (["a"], ["a"]))      # once

    def test_markers(self):
        self.version()
        for key in ("lone", "behind"):
            version = self.put(key, b"1")["VersionId"]
            self.s3.delete_object(Bucket=self.bucket, Key=key)
            if key == "lone":
                self.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version)
        self.assertEqual(self.versions(), (["behind"], ["behind", "lone"]))
        self.rules({"Expiration": {"ExpiredObjectDeleteMarker": True}})
        self.until(self.versions, (["behind"], ["behind"]))

    def test_uploads(self):
        for key in ("p/a", "q/a"):
            upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
            self.s3.upload_part(Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"1")
        self.rules({"Prefix": "p/", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}})
        self.until(lambda: [one["Key"] for one in self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])], ["q/a"])

    def test_locked(self):
        self.bucket += "-l"
        self.s3.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True)
        for hold in ("ON", "OFF"):
            self.put("a", b"1", ObjectLockLegalHoldStatus=hold)
        self.put("a", b"1")
        self.rules({"NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
        self.until(self.versions, (["a", "a"], []))
        time.sleep(2 * DAY)
        self.assertEqual(self.versions(), (["a", "a"], []))

    def test_many(self):
        for number in range(1205):
            self.put("k%04d" % number)
        self.rules({"Prefix": "k1", "Expiration": {"Days": 1}}, {"Prefix": "k0", "Expiration": {"Days": 1}})
        self.until(self.keys_of, [])


if __name__ == "__main__":
    unittest.main()
