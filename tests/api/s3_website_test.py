# SPDX-License-Identifier: Apache-2.0
"""A bucket's web site: set by S3's API, served by Swift's."""
import unittest

import s3_test


class Website(s3_test.S3Test):
    def site(self, **configuration):
        self.s3.put_bucket_website(Bucket=self.bucket, WebsiteConfiguration=configuration)

    def found(self):
        answer = self.s3.get_bucket_website(Bucket=self.bucket)
        answer.pop("ResponseMetadata")
        return answer

    def page(self, path, method="GET"):
        status, _, body = self.cloud.request(method, "/object-store/v1/AUTH_%s/%s/%s" % (self.keys.project, self.bucket, path),
                                             token="", headers={"Accept": "*/*"})
        return status, body

    def test_is_kept(self):
        call = dict(Bucket=self.bucket)
        self.refused("NoSuchWebsiteConfiguration", 404, self.s3.get_bucket_website, **call)
        both = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "errors/<all>.html"}}
        self.site(**both)
        self.assertEqual(self.found(), both)
        self.site(IndexDocument={"Suffix": "start.htm"})
        self.assertEqual(self.found(), {"IndexDocument": {"Suffix": "start.htm"}})
        self.s3.delete_bucket_website(**call)
        self.refused("NoSuchWebsiteConfiguration", 404, self.s3.get_bucket_website, **call)
        self.s3.delete_bucket_website(**call)

    def test_is_served(self):
        self.site(IndexDocument={"Suffix": "index.html"}, ErrorDocument={"Key": "lost.html"})
        self.put("index.html", b"<p>home", ContentType="text/html")
        self.put("sub/index.html", b"<p>below", ContentType="text/html")
        self.put("lost.html", b"<p>lost", ContentType="text/html")
        self.assertEqual(self.page("")[0], 401)
        self.swift("POST", self.bucket, headers={"X-Container-Read": ".r:*,.rlistings"})
        self.assertEqual(self.page(""), (200, b"<p>home"))
        self.assertEqual(self.page("sub/"), (200, b"<p>below"))
        self.assertEqual(self.page("none"), (404, b"<p>lost"))
        self.swift("POST", self.bucket, headers={"X-Container-Meta-Web-Error": "own.html"})
        self.put("404own.html", b"<p>of its own")
        self.assertEqual(self.page("none"), (404, b"<p>of its own"))
        self.s3.delete_bucket_website(Bucket=self.bucket)
        self.assertNotEqual(self.page("")[1], b"<p>home")

    def test_is_one_with_swifts(self):
        self.swift("POST", self.bucket, headers={"X-Container-Meta-Web-Index": "start.html"})
        self.assertEqual(self.found(), {"IndexDocument": {"Suffix": "start.html"}})
        self.site(IndexDocument={"Suffix": "index.html"})
        self.assertEqual(self.swift("HEAD", self.bucket)[0]["X-Container-Meta-Web-Index"], "index.html")

    def test_wrong_ones(self):
        for code, status, site in (
                ("InvalidArgument", 400, {"IndexDocument": {"Suffix": "a/b"}}),
                ("InvalidArgument", 400, {"IndexDocument": {"Suffix": ""}}),
                ("InvalidArgument", 400, {"IndexDocument": {"Suffix": "x" * 257}}),
                ("InvalidArgument", 400, {"IndexDocument": {"Suffix": "a\nX-Evil: 1"}}),
                ("MalformedXML", 400, {"ErrorDocument": {"Key": "a"}}),
                ("NotImplemented", 501, {"RedirectAllRequestsTo": {"HostName": "h"}}),
                ("NotImplemented", 501, {"IndexDocument": {"Suffix": "a"}, "RoutingRules": [{"Redirect": {"HostName": "h"}}]})):
            self.refused(code, status, self.s3.put_bucket_website, Bucket=self.bucket, WebsiteConfiguration=site)
        self.raw("PUT", "/" + self.bucket, 400, "MalformedXML", query="website=", body=b"<WebsiteConfiguration>")
        self.raw("PUT", "/" + self.bucket, 400, "InvalidArgument", query="website=",
                 body=b"<WebsiteConfiguration><IndexDocument><Suffix>a</Suffix></IndexDocument><ErrorDocument><Key></Key></ErrorDocument>"
                      b"</WebsiteConfiguration>")
        for call in (self.theirs.get_bucket_website, self.theirs.delete_bucket_website):
            self.refused("AccessDenied", 403, call, Bucket=self.bucket)
        self.refused("NoSuchWebsiteConfiguration", 404, self.s3.get_bucket_website, Bucket=self.bucket)


if __name__ == "__main__":
    unittest.main()
