# SPDX-License-Identifier: Apache-2.0
"""What S3 tells of encryption at rest, with it and without."""
import os
import unittest

import s3_test

KEY = os.urandom(32)
CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}


def told(answer):
    return answer.get("ServerSideEncryption")


class EncryptionTest(s3_test.S3Test):
    def configure(self, algorithm, **more):
        given = dict({"SSEAlgorithm": algorithm}, **more)
        self.s3.put_bucket_encryption(Bucket=self.bucket, ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": given}]})

    def upload(self, key, **more):
        begun = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key, **more)
        part = self.s3.upload_part(Bucket=self.bucket, Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=b"1")
        done = self.s3.complete_multipart_upload(Bucket=self.bucket, Key=key, UploadId=begun["UploadId"],
                                                 MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]})
        return begun, part, done

    def raw_put(self, expect, code, **headers):
        self.raw("PUT", "/%s/raw" % self.bucket, expect, code,
                 headers={"x-amz-server-side-encryption" + name.replace("_", "-"): value for name, value in headers.items()})

    def check_wrong(self):
        self.raw_put(400, "InvalidArgument", **{"": "AES192"})
        self.raw_put(400, "InvalidArgument", **{"": "AES256", "_aws_kms_key_id": "k"})
        self.raw_put(400, "InvalidArgument", **{"": "AES256", "_customer_algorithm": "AES256"})
        self.raw_put(501, "NotImplemented", **{"": "aws:kms"})
        self.refused("NotImplemented", 501, self.configure, algorithm="aws:kms")
        self.refused("MalformedXML", 400, self.configure, algorithm="rot13")
        self.assertEqual(self.keys_of(), [])


class Without(EncryptionTest):
    def test_nothing_is_promised(self):
        self.check_wrong()
        self.refused("NotImplemented", 501, self.put, key="a", ServerSideEncryption="AES256")
        self.refused("NotImplemented", 501, self.s3.create_multipart_upload, Bucket=self.bucket, Key="a", ServerSideEncryption="AES256")
        self.refused("NotImplemented", 501, self.configure, algorithm="AES256")
        self.refused("ServerSideEncryptionConfigurationNotFoundError", 404, self.s3.get_bucket_encryption, Bucket=self.bucket)
        self.assertIsNone(told(self.put("a", b"1")))
        self.assertIsNone(told(self.s3.head_object(Bucket=self.bucket, Key="a")))


class With(EncryptionTest):
    settings = ("object_store.encryption=true",)

    def test_told(self):
        self.check_wrong()
        for size in (1, 300000):
            for more in ({}, {"ServerSideEncryption": "AES256"}):
                self.assertEqual(told(self.put("a", b"1" * size, **more)), "AES256")
                self.assertEqual(told(self.s3.get_object(Bucket=self.bucket, Key="a")), "AES256")
                self.assertEqual(told(self.s3.head_object(Bucket=self.bucket, Key="a")), "AES256")
        self.assertEqual([told(answer) for answer in self.upload("u", ServerSideEncryption="AES256")], ["AES256"] * 3)
        self.assertEqual(told(self.s3.head_object(Bucket=self.bucket, Key="u")), "AES256")
        self.assertEqual(told(self.s3.copy_object(Bucket=self.bucket, Key="c", CopySource=self.bucket + "/a")), "AES256")
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="p")["UploadId"]
        self.assertEqual(told(self.s3.upload_part_copy(Bucket=self.bucket, Key="p", UploadId=upload, PartNumber=1,
                                                       CopySource=self.bucket + "/a")), "AES256")
        self.raw("GET", "/%s/a" % self.bucket, 400, "InvalidRequest", headers={"x-amz-server-side-encryption": "AES256"})
        self.refused("InvalidRequest", 400, self.get, key="a", **CUSTOMER)

    def test_configuration(self):
        self.configure("AES256")
        rules = self.s3.get_bucket_encryption(Bucket=self.bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        self.assertEqual(rules[0]["ApplyServerSideEncryptionByDefault"], {"SSEAlgorithm": "AES256"})
        self.refused("InvalidArgument", 400, self.configure, algorithm="AES256", KMSMasterKeyID="k")
        self.s3.delete_bucket_encryption(Bucket=self.bucket)
        self.refused("ServerSideEncryptionConfigurationNotFoundError", 404, self.s3.get_bucket_encryption, Bucket=self.bucket)


class Later(EncryptionTest):
    """Encryption begins while there are objects already."""
    def test_older_objects(self):
        body = os.urandom(200000)
        self.put("old", body)
        self.cloud.settings.append("object_store.encryption=true")
        self.cloud.restart()
        self.assertIsNone(told(self.s3.head_object(Bucket=self.bucket, Key="old")))
        self.assertEqual(told(self.put("new", b"1")), "AES256")
        self.assertEqual(told(self.s3.copy_object(Bucket=self.bucket, Key="copy", CopySource=self.bucket + "/old",
                                                  ServerSideEncryption="AES256")), "AES256")
        answer = self.s3.get_object(Bucket=self.bucket, Key="copy")
        self.assertEqual((told(answer), answer["Body"].read() == body), ("AES256", True))


if __name__ == "__main__":
    unittest.main()
