# SPDX-License-Identifier: Apache-2.0
"""Policies of buckets, public access blocks, ownership controls and CORS rules: what they say and what they do."""
import json
import unittest
import urllib.error
import urllib.request

import s3_test



class PolicyTest(s3_test.S3Test):
    def statement(self, action, resource=("", "/*"), effect="Allow", principal="*", **more):
        return dict({"Effect": effect, "Principal": principal, "Action": action,
                     "Resource": ["arn:aws:s3:::%s%s" % (self.bucket, end) for end in resource]}, **more)

    def set(self, *statements):
        text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=text)
        return text

    def wrong(self, text):
        return self.refused("MalformedPolicy", 400, self.s3.put_bucket_policy, Bucket=self.bucket,
                            Policy=text if isinstance(text, str) else json.dumps(text))

    def may(self, call, **arguments):
        return call(Bucket=self.bucket, **arguments)

    def may_not(self, call, **arguments):
        self.refused("AccessDenied" if "head" not in call.__name__ else "403", 403, call, Bucket=self.bucket, **arguments)


class Policies(PolicyTest):
    def test_kept_as_it_came(self):
        text = self.set(self.statement("s3:GetObject"))
        self.assertEqual(self.s3.get_bucket_policy(Bucket=self.bucket)["Policy"], text)
        self.may_not(self.theirs.get_bucket_policy)
        self.s3.delete_bucket_policy(Bucket=self.bucket)
        self.refused("NoSuchBucketPolicy", 404, self.s3.get_bucket_policy, Bucket=self.bucket)

    def test_allows(self):
        self.put("dir/a", b"1")
        self.put("b", b"2")
        self.may_not(self.theirs.get_object, Key="dir/a")
        self.set(self.statement("s3:GetObject", ["/dir/*"]), self.statement(["s3:PutObject", "s3:DeleteObject"], ["/in/?"]),
                 self.statement("s3:ListBucket", [""], Condition={"StringLike": {"s3:prefix": ["dir/*", "x"]}}))
        self.assertEqual(self.may(self.theirs.get_object, Key="dir/a")["Body"].read(), b"1")
        self.raw("GET", "/%s/dir/a" % self.bucket, 200, anonymous=True)
        self.may_not(self.theirs.get_object, Key="b")
        self.may(self.theirs.put_object, Key="in/1", Body=b"x")
        self.may_not(self.theirs.put_object, Key="in/12", Body=b"x")
        self.may(self.theirs.create_multipart_upload, Key="in/2")
        self.may_not(self.theirs.create_multipart_upload, Key="out")
        self.may(self.theirs.list_objects_v2, Prefix="dir/")
        self.may_not(self.theirs.list_objects_v2, Prefix="di")
        self.may_not(self.theirs.list_objects_v2)
        self.refused("404", 404, self.theirs.head_object, Bucket=self.bucket, Key="dir/none")
        self.may_not(self.theirs.head_object, Key="none")
        many = self.theirs.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": "in/1"}, {"Key": "b"}]})
        self.assertEqual(([one["Key"] for one in many["Deleted"]], [one["Key"] for one in many["Errors"]]), (["in/1"], ["b"]))

    def test_denies_before_it_allows(self):
        self.put("a", b"1")
        self.set(self.statement("s3:*"), self.statement("s3:GetObject", effect="Deny"),
                 self.statement("s3:PutBucketPolicy", effect="Deny"))
        self.may_not(self.s3.get_object, Key="a")
        self.may_not(self.theirs.get_object, Key="a")
        self.may(self.theirs.list_objects_v2)
        self.set(self.statement("s3:ListBucket"))      # its own project is never locked out of the policy
        self.may(self.s3.get_object, Key="a")

    def test_principals(self):
        self.put("a", b"1")
        arn = "arn:aws:iam::%s:%s"
        for principal in ({"AWS": self.other.project}, {"AWS": [arn % (self.other.project, "root")]},
                          {"AWS": ["x", arn % (self.other.project, "user/" + self.other.user)]},
                          {"AWS": arn % (self.other.project, "user/other")}, {"CanonicalUser": self.other.project}):
            self.set(self.statement("s3:GetObject", principal=principal))
            self.may(self.theirs.get_object, Key="a")
            self.raw("GET", "/%s/a" % self.bucket, 403, "AccessDenied", anonymous=True)
        for principal in ({"AWS": arn % (self.keys.project, "root")}, {"AWS": arn % (self.other.project, "user/nobody")}):
            self.set(self.statement("s3:GetObject", principal=principal))
            self.may_not(self.theirs.get_object, Key="a")
        deny = self.statement("s3:GetObject", effect="Deny")
        deny["NotPrincipal"] = {"AWS": self.keys.project}
        del deny["Principal"]
        self.set(self.statement("s3:GetObject"), deny)
        self.may(self.s3.get_object, Key="a")
        self.may_not(self.theirs.get_object, Key="a")

    def test_conditions(self):
        self.put("a", b"1", Tagging="security=public")
        self.put("b", b"1")
        holding = [{"StringEquals": {"s3:ExistingObjectTag/security": "public"}}, {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}},
                   {"Bool": {"aws:SecureTransport": "false"}}, {"DateLessThan": {"aws:CurrentTime": "2140-01-01T00:00:00Z"}},
                   {"NumericGreaterThan": {"aws:EpochTime": 1000}}, {"Null": {"s3:x-amz-acl": "true"}},
                   {"StringNotEquals": {"s3:x-amz-acl": "private"}}, {"StringLikeIfExists": {"aws:Referer": "http://x/*"}},
                   {"StringEqualsIgnoreCase": {"aws:username": ["OTHER", "x"]}}, {"StringEquals": {"s3:authType": "REST-HEADER"}},
                   {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::%s:user/*" % self.other.project}}]
        failing = [{"StringEquals": {"s3:ExistingObjectTag/security": "private"}}, {"NotIpAddress": {"aws:SourceIp": "127.0.0.1"}},
                   {"Bool": {"aws:SecureTransport": True}}, {"DateGreaterThan": {"aws:CurrentTime": "2140-01-01T00:00:00Z"}},
                   {"NumericLessThanEquals": {"aws:EpochTime": 1000}}, {"Null": {"s3:x-amz-acl": False}},
                   {"StringEquals": {"s3:x-amz-acl": "private"}}, {"StringLike": {"aws:Referer": "http://x/*"}},
                   {"StringNotEqualsIgnoreCase": {"aws:username": "OTHER"}}, {"StringNotLike": {"aws:userid": "*"}},
                   {"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": "x"}}]
        for condition in holding:
            with self.subTest(condition=condition):
                self.set(self.statement("s3:GetObject", Condition=condition))
                self.may(self.theirs.get_object, Key="a")
        for condition in failing:
            with self.subTest(condition=condition):
                self.set(self.statement("s3:GetObject", Condition=condition))
                self.may_not(self.theirs.get_object, Key="a")
        self.set(self.statement("s3:GetObject", Condition=dict(holding[0], **failing[2])))      # all must hold
        self.may_not(self.theirs.get_object, Key="a")

    def test_conditions_of_puts(self):
        self.set(self.statement("s3:PutObject", Condition={"StringEquals": {"s3:RequestObjectTag/k": "v"},
                                                           "ForAllValues:StringLike": {"s3:RequestObjectTagKeys": ["k", "l*"]}}),
                 self.statement("s3:PutObject", effect="Deny", Condition={"StringLike": {"s3:x-amz-acl": "public*"}}))
        self.may(self.theirs.put_object, Key="a", Tagging="k=v&l1=x")
        self.may_not(self.theirs.put_object, Key="a", Tagging="k=v&m=x")
        self.may_not(self.theirs.put_object, Key="a")
        self.may_not(self.theirs.put_object, Key="a", Tagging="k=v", ACL="public-read")
        self.may_not(self.s3.put_object, Key="a", ACL="public-read")

    def test_versions_and_copies(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        version = self.put("a", b"1")["VersionId"]
        self.set(self.statement("s3:GetObject"))
        self.may(self.theirs.get_object, Key="a")
        self.may_not(self.theirs.get_object, Key="a", VersionId=version)
        self.theirs.create_bucket(Bucket=self.bucket + "-t")
        source = {"Bucket": self.bucket, "Key": "a"}
        self.theirs.copy_object(Bucket=self.bucket + "-t", Key="c", CopySource=source)
        self.refused("AccessDenied", 403, self.theirs.copy_object, Bucket=self.bucket + "-t", Key="c",
                     CopySource=dict(source, VersionId=version))
        self.set(self.statement("s3:GetObjectVersion"))
        self.may(self.theirs.get_object, Key="a", VersionId=version)
        self.may_not(self.theirs.get_object, Key="a")

    def test_malformed(self):
        good = self.statement("s3:GetObject")
        for change in ({"Effect": "Maybe"}, {"Action": "ec2:Run"}, {"Action": []}, {"Resource": "arn:aws:s3:::other/*"},
                       {"Resource": 1}, {"Principal": "me"}, {"Principal": {"AWS": "a*"}}, {"Principal": {"Service": "x"}},
                       {"NotAction": "s3:GetObject"}, {"Extra": 1}, {"Condition": []}, {"Condition": {"Nope": {"aws:Referer": "x"}}},
                       {"Condition": {"StringLike": {"aws:Nope": "x"}}}, {"Condition": {"StringLike": {"aws:Referer": []}}},
                       {"Condition": {"IpAddress": {"aws:SourceIp": "1.2.3"}}}, {"Condition": {"NumericEquals": {"s3:max-keys": "x"}}},
                       {"Condition": {"StringLike": {"aws:Referer": {"a": "b"}}}}, {"Condition": {"Bool": {"aws:Referer": "2"}}}):
            with self.subTest(change=change):
                self.wrong({"Version": "2012-10-17", "Statement": [dict(good, **change)]})
        for text in ("", "{", "[]", "{}", {"Statement": []}, {"Version": "2013-01-01", "Statement": good}, {"Statement": [1]},
                     {"Statement": good, "More": 1}, {"Statement": [good] * 300},
                     json.dumps({"Statement": dict(good, Sid="x" * 21000)})):
            with self.subTest(text=str(text)[:40]):
                self.wrong(text)
        allow = dict(good, NotPrincipal={"AWS": "x"})
        del allow["Principal"]
        self.wrong({"Statement": allow})
        self.refused("NoSuchBucketPolicy", 404, self.s3.get_bucket_policy, Bucket=self.bucket)

    def test_status(self):
        def public():
            return self.s3.get_bucket_policy_status(Bucket=self.bucket)["PolicyStatus"]["IsPublic"]
        self.assertFalse(public())
        self.set(self.statement("s3:GetObject"))
        self.assertTrue(public())
        self.set(self.statement("s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
        self.assertFalse(public())
        self.set(self.statement("s3:GetObject", principal={"AWS": self.other.project}))
        self.assertFalse(public())
        self.s3.put_bucket_acl(Bucket=self.bucket, ACL="public-read")
        self.assertTrue(public())


class PublicAccess(PolicyTest):
    def block(self, **which):
        self.s3.put_public_access_block(Bucket=self.bucket, PublicAccessBlockConfiguration=which)

    def test_kept(self):
        self.refused("NoSuchPublicAccessBlockConfiguration", 404, self.s3.get_public_access_block, Bucket=self.bucket)
        self.block(BlockPublicAcls=True)
        self.assertEqual(self.s3.get_public_access_block(Bucket=self.bucket)["PublicAccessBlockConfiguration"],
                         {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False,
                          "RestrictPublicBuckets": False})
        body = b"<PublicAccessBlockConfiguration><BlockPublicAcls>maybe</BlockPublicAcls></PublicAccessBlockConfiguration>"
        self.raw("PUT", "/" + self.bucket, 400, "MalformedXML", query="publicAccessBlock", body=body)
        self.s3.delete_public_access_block(Bucket=self.bucket)
        self.refused("NoSuchPublicAccessBlockConfiguration", 404, self.s3.get_public_access_block, Bucket=self.bucket)

    def test_access_lists(self):
        self.put("a", b"1", ACL="public-read")
        self.may(self.theirs.get_object, Key="a")
        self.block(IgnorePublicAcls=True)
        self.may_not(self.theirs.get_object, Key="a")
        self.block(BlockPublicAcls=True)
        self.may(self.theirs.get_object, Key="a")
        self.may_not(self.s3.put_object, Key="b", ACL="public-read")
        self.may_not(self.s3.put_bucket_acl, ACL="authenticated-read")
        self.may_not(self.s3.put_object_acl, Key="a", GrantRead='uri="http://acs.amazonaws.com/groups/global/AllUsers"')
        self.may(self.s3.put_object_acl, Key="a", ACL="private")

    def test_policies(self):
        self.put("a", b"1")
        self.set(self.statement("s3:GetObject"))
        self.block(RestrictPublicBuckets=True)
        self.may_not(self.theirs.get_object, Key="a")
        self.may(self.s3.get_object, Key="a")
        self.block(BlockPublicPolicy=True)
        self.may(self.theirs.get_object, Key="a")
        self.may_not(self.s3.put_bucket_policy, Policy=json.dumps({"Statement": self.statement("s3:GetObject")}))
        self.set(self.statement("s3:GetObject", principal={"AWS": self.other.project}))


class Ownership(PolicyTest):
    def own(self, which):
        self.s3.put_bucket_ownership_controls(Bucket=self.bucket, OwnershipControls={"Rules": [{"ObjectOwnership": which}]})

    def owner(self, key):
        return self.s3.get_object_acl(Bucket=self.bucket, Key=key)["Owner"]["ID"]

    def test_kept(self):
        self.refused("OwnershipControlsNotFoundError", 404, self.s3.get_bucket_ownership_controls, Bucket=self.bucket)
        self.own("BucketOwnerPreferred")
        self.assertEqual(self.s3.get_bucket_ownership_controls(Bucket=self.bucket)["OwnershipControls"]["Rules"],
                         [{"ObjectOwnership": "BucketOwnerPreferred"}])
        self.refused("MalformedXML", 400, self.own, which="Nobody")
        self.s3.create_bucket(Bucket=self.bucket + "-o", ObjectOwnership="BucketOwnerEnforced")
        self.assertEqual(self.s3.get_bucket_ownership_controls(Bucket=self.bucket + "-o")["OwnershipControls"]["Rules"],
                         [{"ObjectOwnership": "BucketOwnerEnforced"}])
        self.s3.delete_bucket_ownership_controls(Bucket=self.bucket)
        self.refused("OwnershipControlsNotFoundError", 404, self.s3.get_bucket_ownership_controls, Bucket=self.bucket)

    def test_whose_objects_are(self):
        self.set(self.statement("s3:PutObject"))
        for which, plain, given in (("ObjectWriter", self.other, self.other), ("BucketOwnerPreferred", self.other, self.keys),
                                    ("BucketOwnerEnforced", self.keys, self.keys)):
            self.own(which)
            self.may(self.theirs.put_object, Key="plain")
            self.may(self.theirs.put_object, Key="given", ACL="bucket-owner-full-control")
            self.assertEqual((self.owner("plain"), self.owner("given")), (plain.project, given.project))

    def test_lists_count_for_nothing(self):
        self.put("a", b"1", ACL="public-read")
        self.s3.put_bucket_acl(Bucket=self.bucket, ACL="public-read")
        self.refused("InvalidBucketAclWithObjectOwnership", 400, self.own, which="BucketOwnerEnforced")
        self.s3.put_bucket_acl(Bucket=self.bucket, ACL="private")
        self.may(self.theirs.get_object, Key="a")
        self.own("BucketOwnerEnforced")
        self.may_not(self.theirs.get_object, Key="a")
        for call, arguments in ((self.s3.put_object, {"Key": "b", "ACL": "private"}), (self.s3.put_bucket_acl, {"ACL": "private"}),
                                (self.s3.put_object_acl, {"Key": "a", "ACL": "private"})):
            self.refused("AccessControlListNotSupported", 400, call, Bucket=self.bucket, **arguments)


class Cors(s3_test.S3Test):
    def rules(self, *rules):
        self.s3.put_bucket_cors(Bucket=self.bucket, CORSConfiguration={"CORSRules": list(rules)})

    def ask(self, method, key="", expect=200, **headers):
        request = urllib.request.Request("%s/%s/%s" % (self.cloud.s3, self.bucket, key), method=method,
                                         headers={name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with urllib.request.urlopen(request) as answer:
                status, got = answer.status, answer.headers
        except urllib.error.HTTPError as error:
            status, got = error.code, error.headers
        self.assertEqual(status, expect)
        return got["Access-Control-Allow-Origin"], got["Access-Control-Allow-Methods"], got

    def preflight(self, origin, method, expect=200, **headers):
        return self.ask("OPTIONS", "k", expect, Origin=origin, Access_Control_Request_Method=method, **headers)

    def test_kept(self):
        rule = {"ID": "x", "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["http://*.a", "b"], "AllowedHeaders": ["x-*"],
                "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 5}
        self.rules(rule)
        self.assertEqual(self.s3.get_bucket_cors(Bucket=self.bucket)["CORSRules"], [rule])
        self.refused("AccessDenied", 403, self.theirs.get_bucket_cors, Bucket=self.bucket)
        for change in ({"AllowedMethods": ["PATCH"]}, {"AllowedOrigins": ["*a*"]}, {"AllowedHeaders": ["**"]}):
            with self.assertRaises(s3_test.ClientError) as caught:
                self.rules(dict(rule, **change))
            self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidRequest")
        for body in (b"<CORSConfiguration/>", b"<CORSConfiguration><CORSRule/></CORSConfiguration>", b"<x/>", b"",
                     b"<CORSConfiguration><CORSRule><AllowedOrigin>a</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
                     b"<MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule></CORSConfiguration>"):
            self.raw("PUT", "/" + self.bucket, 400, "MalformedXML", query="cors", body=body)
        self.assertEqual(self.s3.get_bucket_cors(Bucket=self.bucket)["CORSRules"], [rule])
        self.s3.delete_bucket_cors(Bucket=self.bucket)
        self.refused("NoSuchCORSConfiguration", 404, self.s3.get_bucket_cors, Bucket=self.bucket)

    def test_preflights(self):
        self.preflight("http://x.a", "GET", 403)
        self.rules({"AllowedMethods": ["GET"], "AllowedOrigins": ["http://*.a"], "AllowedHeaders": ["x-amz-*"], "MaxAgeSeconds": 7},
                   {"AllowedMethods": ["PUT", "POST"], "AllowedOrigins": ["*"]})
        origin, methods, headers = self.preflight("http://x.a", "GET", Access_Control_Request_Headers="X-Amz-Date, x-amz-b")
        self.assertEqual((origin, methods, headers["Access-Control-Allow-Headers"], headers["Access-Control-Max-Age"],
                          headers["Access-Control-Allow-Credentials"]), ("http://x.a", "GET", "X-Amz-Date, x-amz-b", "7", "true"))
        self.assertEqual(self.preflight("http://q", "PUT")[:2], ("*", "PUT, POST"))
        self.preflight("http://x.b", "GET", 403)
        self.preflight("http://x.a", "GET", 403, Access_Control_Request_Headers="content-type")
        self.preflight("http://x.a", "DELETE", 403)
        self.ask("OPTIONS", "k", 400)
        self.ask("OPTIONS", "k", 400, Origin="http://x.a")

    def test_answers(self):
        self.put("a", b"1", ACL="public-read")
        self.assertEqual(self.ask("GET", "a", Origin="http://x")[0], None)
        self.rules({"AllowedMethods": ["GET"], "AllowedOrigins": ["http://x"], "ExposeHeaders": ["ETag", "x-amz-meta-a"]})
        origin, methods, headers = self.ask("GET", "a", Origin="http://x")
        self.assertEqual((origin, methods, headers["Access-Control-Expose-Headers"]), ("http://x", "GET", "ETag, x-amz-meta-a"))
        self.assertIn("Origin", headers["Vary"])
        self.assertEqual(self.ask("GET", "b", 403, Origin="http://x")[0], "http://x")      # errors are for the site too
        self.assertEqual(self.ask("GET", "a", Origin="http://y")[0], None)
        self.assertEqual(self.ask("GET", "a")[0], None)


if __name__ == "__main__":
    unittest.main()
