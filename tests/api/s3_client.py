# SPDX-License-Identifier: Apache-2.0
"""Requests of S3, signed by hand, so that tests can sign them wrongly; and keys to sign with."""
import datetime
import hashlib
import hmac
import http.client
import re
import urllib.parse
import base64

EMPTY = hashlib.sha256(b"").hexdigest()


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def stamp(seconds=0):
    return (datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)).strftime("%Y%m%dT%H%M%SZ")


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-._~")


class Keys:
    """A user's keys in a project of its own, or in 'project'."""

    def __init__(self, cloud, user, project):
        answer = cloud.request("POST", "/identity/v3/users/%s/credentials/OS-EC2" % user, {"tenant_id": project})[2]
        self.access, self.secret = answer["credential"]["access"], answer["credential"]["secret"]
        self.user, self.project = user, project

    @classmethod
    def of_admin(cls, cloud):
        token = cloud.request("GET", "/identity/v3/auth/tokens", headers={"X-Subject-Token": cloud.token()})[2]["token"]
        return cls(cloud, token["user"]["id"], token["project"]["id"])

    @classmethod
    def of_new(cls, cloud, name, role="member"):
        project = cloud.request("POST", "/identity/v3/projects", {"project": {"name": name}})[2]["project"]["id"]
        user = cloud.request("POST", "/identity/v3/users", {"user": {"name": name, "password": "x"}})[2]["user"]["id"]
        found = cloud.request("GET", "/identity/v3/roles?name=" + role)[2]["roles"][0]["id"]
        cloud.request("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, found))
        return cls(cloud, user, project)


class Signed:
    """One request; what is signed may be changed before send()."""

    def __init__(self, url, keys, method, path, query="", body=b"", headers=(), payload=None, time=None, region="us-east-1"):
        self.host = url.split("//")[1]
        self.keys, self.method, self.path, self.query, self.body = keys, method, path, query, body
        self.time = time or stamp()
        self.scope = "%s/%s/s3/aws4_request" % (self.time[:8], region)
        self.payload = payload or hashlib.sha256(body).hexdigest()
        self.headers = {"host": self.host}
        if keys:
            self.headers.update({"x-amz-date": self.time, "x-amz-content-sha256": self.payload})
        self.headers.update({name.lower(): value for name, value in dict(headers).items()})
        self.key = sign(("AWS4" + keys.secret).encode(), self.scope.split("/")[0]) if keys else None
        for part in self.scope.split("/")[1:]:
            self.key = sign(self.key, part) if keys else None
        if keys:
            self.authorize()

    def canonical(self):
        pairs = sorted(tuple(quote(urllib.parse.unquote_plus(part)) for part in (item + "=").split("=")[:2])
                       for item in self.query.split("&") if item)
        names = sorted(name for name in self.headers if name != "authorization")
        return "\n".join([self.method, quote(urllib.parse.unquote(self.path), "/"), "&".join("%s=%s" % pair for pair in pairs)] +
                         ["%s:%s" % (name, re.sub(" +", " ", str(self.headers[name]).strip())) for name in names] +
                         ["", ";".join(names), self.payload]), ";".join(names)

    def authorize(self):
        text, names = self.canonical()
        self.signature = sign(self.key, "\n".join(["AWS4-HMAC-SHA256", self.time, self.scope,
                                                   hashlib.sha256(text.encode()).hexdigest()])).hex()
        self.headers["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
            self.keys.access, self.scope, names, self.signature)

    def chunks(self, data, size, trailer=None, spoil=None):
        """The body as signed chunks, and its trailer; 'spoil': the number of a chunk whose bytes are changed."""
        before, out = self.signature, b""
        parts = [data[at:at + size] for at in range(0, len(data), size)] + [b""]
        for number, part in enumerate(parts):
            before = sign(self.key, "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", self.time, self.scope, before, EMPTY,
                                               hashlib.sha256(part).hexdigest()])).hex()
            if number == spoil:
                part = bytes([part[0] ^ 1]) + part[1:]
            out += b"%x;chunk-signature=%s\r\n%s" % (len(part), before.encode(), part)
            out += b"\r\n" if part or not trailer else b""
        if trailer:
            text = "%s:%s\n" % trailer
            last = sign(self.key, "\n".join(["AWS4-HMAC-SHA256-TRAILER", self.time, self.scope, before,
                                             hashlib.sha256(text.encode()).hexdigest()])).hex()
            out += ("%s:%s\r\nx-amz-trailer-signature:%s\r\n\r\n" % (trailer + (last,))).encode()
        self.body = out
        return self

    def send(self):
        """(status, headers, bytes)"""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.putrequest(self.method, self.path + ("?" + self.query if self.query else ""), skip_host=True,
                              skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        if "content-length" not in self.headers and "transfer-encoding" not in self.headers:
            connection.putheader("content-length", str(len(self.body)))
        connection.endheaders()
        try:
            connection.send(self.body)
        except BrokenPipeError:
            pass
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body


def signature_2(secret, text):
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def code(body):
    """The code of an error's XML; None when it is none."""
    found = re.search(rb"<Error><Code>(\w+)</Code><Message>[^<]+</Message>.*<RequestId>[^<]+</RequestId>", body, re.DOTALL)
    return found and found.group(1).decode()
