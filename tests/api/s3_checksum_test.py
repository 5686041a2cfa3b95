# SPDX-License-Identifier: Apache-2.0
"""Checksums: of uploads and what they become, of forms; and what ?attributes tells."""
import base64
import hashlib
import os
import unittest
import zlib
from xml.etree import ElementTree

import s3_test
from botocore.exceptions import ClientError
from s3_client import Signed, quote
from s3_form_test import FormBase

PART = 5 << 20
TABLE = []
for byte in range(256):
    crc = byte
    for _ in range(8):
        crc = crc >> 1 ^ (0x9a6c9329ac4bc9b5 if crc & 1 else 0)
    TABLE.append(crc)


def crc64(data):
    crc = 0xffffffffffffffff
    for one in data:
        crc = crc >> 8 ^ TABLE[(crc ^ one) & 255]
    return (crc ^ 0xffffffffffffffff).to_bytes(8, "big")


SUMS = {"CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"), "SHA1": lambda data: hashlib.sha1(data).digest(),
        "SHA256": lambda data: hashlib.sha256(data).digest(), "CRC64NVME": crc64}


def text(data):
    return base64.b64encode(data).decode()


class UploadTest(s3_test.S3Test):
    """Uploads begun and completed by hand: Debian's client knows nothing of types of checksums."""

    def ask(self, method, query, headers=None, body=b""):
        """(headers, members of the answer's document); a refusal as the client tells of it."""
        status, got, document = Signed(self.cloud.s3, self.keys, method, "/%s/k" % self.bucket, query=query, body=body,
                                       headers=headers or {}).send()
        root = ElementTree.fromstring(document) if document else []
        members = {one.tag.split("}")[-1]: one.text for one in root}
        if status >= 300:
            raise ClientError({"Error": {"Code": members["Code"]}, "ResponseMetadata": {"HTTPStatusCode": status}}, method)
        return got, members

    def begin(self, algorithm=None, kind=None):
        sent = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind}
        got, members = self.ask("POST", "uploads=", {name: value for name, value in sent.items() if value})
        return {"UploadId": members["UploadId"], "ChecksumAlgorithm": got["x-amz-checksum-algorithm"],
                "ChecksumType": got["x-amz-checksum-type"]}

    def complete(self, upload, parts, **done):
        """'done': ChecksumType, a sum of the whole, MpuObjectSize, as newer clients name them."""
        headers = {"x-amz-mp-object-size" if name == "MpuObjectSize" else "x-amz-checksum-" + name[8:].lower(): str(value)
                   for name, value in done.items()}
        root = ElementTree.Element("CompleteMultipartUpload")
        for part in parts:
            entry = ElementTree.SubElement(root, "Part")
            for name, value in part.items():
                ElementTree.SubElement(entry, name).text = str(value)
        return self.ask("POST", "uploadId=" + quote(upload), headers, ElementTree.tostring(root))[1]

    def part(self, upload, number, data, algorithm):
        """ETag and sum of what was sent."""
        sent = {"x-amz-checksum-" + algorithm.lower(): text(SUMS[algorithm](data))} if algorithm else {}
        got = self.ask("PUT", "partNumber=%d&uploadId=%s" % (number, quote(upload)), sent, data)[0]
        entry = {"PartNumber": number, "ETag": got["ETag"]}
        if algorithm:
            entry["Checksum" + algorithm] = got["x-amz-checksum-" + algorithm.lower()]
        return entry

    def upload(self, parts, algorithm=None, copy=(), **done):
        upload = self.begin(algorithm, done.get("ChecksumType") if algorithm else None)
        listed = []
        for number, part in enumerate(parts, 1):
            if number in copy:
                self.put("source", part)
                made = self.s3.upload_part_copy(CopySource="%s/source" % self.bucket, Bucket=self.bucket, Key="k",
                                                UploadId=upload["UploadId"], PartNumber=number)["CopyPartResult"]
                listed.append({"ETag": made["ETag"], "PartNumber": number})
            else:
                listed.append(self.part(upload["UploadId"], number, part, algorithm))
        return upload, self.complete(upload["UploadId"], listed, **done)

    def head(self, query=""):
        """What is told of sums, by the client's names."""
        got = self.ask("HEAD", query, {"x-amz-checksum-mode": "ENABLED"})[0]
        return {"Checksum" + ("Type" if name == "type" else name.upper()): got["x-amz-checksum-" + name]
                for name in ("crc32", "sha1", "sha256", "crc64nvme", "type") if got["x-amz-checksum-" + name]}


class Uploads(UploadTest):
    def test_composite(self):
        parts = [os.urandom(PART), os.urandom(10)]
        for algorithm in ("CRC32", "SHA1", "SHA256"):
            wanted = text(SUMS[algorithm](b"".join(SUMS[algorithm](part) for part in parts))) + "-2"
            upload, done = self.upload(parts, algorithm, ChecksumType="COMPOSITE", **{"Checksum" + algorithm: wanted})
            self.assertEqual((upload["ChecksumAlgorithm"], upload["ChecksumType"]), (algorithm, "COMPOSITE"))
            for answer in (done, self.head()):
                self.assertEqual((answer["Checksum" + algorithm], answer["ChecksumType"]), (wanted, "COMPOSITE"))
            self.assertEqual(self.head("partNumber=2")["Checksum" + algorithm], text(SUMS[algorithm](parts[1])))
        self.assertNotIn("ChecksumSHA256", self.s3.head_object(Bucket=self.bucket, Key="k"))

    def test_of_all_bytes(self):
        for algorithm, sizes in (("CRC32", (PART, PART + 7, 3)), ("CRC64NVME", (PART, 3))):
            parts = [os.urandom(size) for size in sizes]
            wanted = text(SUMS[algorithm](b"".join(parts)))
            done = self.upload(parts, algorithm, copy=(2,), ChecksumType="FULL_OBJECT", **{"Checksum" + algorithm: wanted})[1]
            self.assertEqual((done["Checksum" + algorithm], done["ChecksumType"]), (wanted, "FULL_OBJECT"))
        for algorithm, kind in (("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
            self.refused("InvalidRequest", 400, self.begin, algorithm=algorithm, kind=kind)

    def test_sum_that_was_not_asked_for(self):
        parts = [os.urandom(PART), b"1"]
        wanted = text(SUMS["CRC32"](b"".join(parts)))
        self.assertEqual(self.upload(parts, ChecksumType="FULL_OBJECT", ChecksumCRC32=wanted)[1]["ChecksumCRC32"], wanted)
        self.refused("BadDigest", 400, self.upload, parts=[b"1"], ChecksumType="FULL_OBJECT", ChecksumCRC32=wanted)

    def test_wrong(self):
        right = text(SUMS["SHA256"](SUMS["SHA256"](b"1")))
        for done, expected in (({"ChecksumSHA256": text(SUMS["SHA256"](b"2")) + "-1"}, "BadDigest"), ({"ChecksumSHA1": "x"}, "InvalidRequest"),
                               ({"ChecksumSHA256": right + "-2"}, "BadDigest"), ({"MpuObjectSize": 2}, "InvalidRequest")):
            self.refused(expected, 400, self.upload, parts=[b"1"], algorithm="SHA256", **done)
        self.assertEqual(self.keys_of(), [])
        self.upload([b"1"], "SHA256", ChecksumSHA256=right, MpuObjectSize=1)
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
        where = {"Bucket": self.bucket, "Key": "k", "UploadId": upload}
        self.refused("InvalidRequest", 400, self.s3.upload_part, Body=b"1", PartNumber=1, ChecksumAlgorithm="SHA1", **where)
        part = self.s3.upload_part(Body=b"1", PartNumber=1, ChecksumAlgorithm="SHA256", **where)
        listed = self.s3.list_parts(**where)
        self.assertEqual((listed["ChecksumAlgorithm"], listed["Parts"][0]["ChecksumSHA256"]), ("SHA256", part["ChecksumSHA256"]))
        entry = {"ETag": part["ETag"], "PartNumber": 1, "ChecksumSHA256": text(SUMS["SHA256"](b"2"))}
        self.refused("InvalidPart", 400, self.s3.complete_multipart_upload, MultipartUpload={"Parts": [entry]}, **where)
        entry["ChecksumSHA256"] = part["ChecksumSHA256"]
        first = self.s3.complete_multipart_upload(MultipartUpload={"Parts": [entry]}, **where)
        again = self.s3.complete_multipart_upload(MultipartUpload={"Parts": [entry]}, **where)
        self.assertEqual((again["ETag"], again["ChecksumSHA256"]), (first["ETag"], first["ChecksumSHA256"]))


class Attributes(UploadTest):
    ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]

    def attributes(self, wanted=ALL, **more):
        return self.s3.get_object_attributes(Bucket=self.bucket, Key="k", ObjectAttributes=wanted, **more)

    def test_of_one(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        put = self.put("k", b"abc", ChecksumAlgorithm="SHA256")
        got = self.attributes()
        self.assertEqual((got["ETag"], got["ObjectSize"], got["StorageClass"], got["Checksum"]["ChecksumSHA256"], got["VersionId"]),
                         (put["ETag"].strip('"'), 3, "STANDARD", text(SUMS["SHA256"](b"abc")), put["VersionId"]))
        self.assertNotIn("ObjectParts", got)
        got = self.attributes(["ObjectSize"])
        self.assertNotIn("ETag", got)
        self.put("k", b"defg")
        self.assertEqual((self.attributes()["ObjectSize"], self.attributes(VersionId=put["VersionId"])["ObjectSize"]), (4, 3))
        self.refused("AccessDenied", 403, self.theirs.get_object_attributes, Bucket=self.bucket, Key="k", ObjectAttributes=["ETag"])
        self.refused("NoSuchKey", 404, self.s3.get_object_attributes, Bucket=self.bucket, Key="none", ObjectAttributes=["ETag"])
        self.raw("GET", "/%s/k" % self.bucket, 400, "InvalidArgument", query="attributes=")
        self.raw("GET", "/%s/k" % self.bucket, 400, "InvalidArgument", query="attributes=",
                 headers={"x-amz-object-attributes": "ETag,Colour"})

    def test_of_parts(self):
        parts = [os.urandom(PART), os.urandom(PART), os.urandom(9)]
        done = self.upload(parts, "SHA256")[1]
        got = self.attributes()
        self.assertEqual((got["ObjectSize"], got["Checksum"]["ChecksumSHA256"], got["ObjectParts"]["TotalPartsCount"]),
                         (2 * PART + 9, done["ChecksumSHA256"], 3))
        self.assertEqual([(part["PartNumber"], part["Size"], part["ChecksumSHA256"]) for part in got["ObjectParts"]["Parts"]],
                         [(number, len(part), text(SUMS["SHA256"](part))) for number, part in enumerate(parts, 1)])
        page = self.attributes(MaxParts=1, PartNumberMarker=1)["ObjectParts"]
        self.assertEqual((page["Parts"][0]["PartNumber"], page["IsTruncated"], page["NextPartNumberMarker"]), (2, True, 2))
        self.assertFalse(self.attributes(MaxParts=1, PartNumberMarker=2)["ObjectParts"]["IsTruncated"])


class FormSums(FormBase):
    def test_sums_and_tags(self):
        body = os.urandom(100000)
        right = text(SUMS["SHA256"](body))
        tags = "<Tagging><TagSet><Tag><Key>k</Key><Value>v&amp;w</Value></Tag></TagSet></Tagging>"
        fields = self.signed("k", [("tagging", tags)], [["starts-with", "$tagging", ""]])
        self.assertEqual(self.post(fields + [("x-amz-checksum-sha256", right)], body)[0], 204)
        self.assertEqual(self.s3.get_object_tagging(Bucket=self.bucket, Key="k")["TagSet"], [{"Key": "k", "Value": "v&w"}])
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="k", ChecksumMode="ENABLED")["ChecksumSHA256"], right)
        fields = self.signed("bad")
        self.refuses(400, "BadDigest", fields + [("x-amz-checksum-sha256", right)], body + b"1")
        self.refuses(400, "InvalidRequest", fields + [("x-amz-checksum-sha256", "x")], body)
        self.refuses(400, "InvalidRequest", fields + [("x-amz-checksum-sha256", right), ("x-amz-checksum-crc32", "AAAAAA==")], body)
        self.refuses(400, "MalformedXML", self.signed("bad", [("tagging", "<x")], [["starts-with", "$tagging", ""]]), body)
        self.assertEqual(self.keys_of(), ["k"])

    def test_policy_sees_the_key_that_is_made(self):
        fields = self.by_hand([{"bucket": self.bucket}, ["starts-with", "$key", "foo"]], [("key", "${filename}")])
        self.assertEqual(self.post(fields, b"1", "foo.txt")[0], 204)
        self.refuses(403, "AccessDenied", fields, b"1", "bar.txt")


if __name__ == "__main__":
    unittest.main()
