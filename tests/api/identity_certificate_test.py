# SPDX-License-Identifier: Apache-2.0
"""OAuth 2.0 with certificates (RFC 8705): who may have a token by one, and that it is worth nothing without."""
import base64
import hashlib
import http.client
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import unittest
import urllib.parse
import uuid

from cloud import Cloud, CloudTest

V3 = "/identity/v3"
TOKEN = V3 + "/OS-OAUTH2/token"
RULES = [{"local": [{"user": {"name": "{0}", "id": "{1}", "email": "{2}", "domain": {"name": "{3}", "id": "{4}"}}}],
          "remote": [{"type": "SSL_CLIENT_SUBJECT_DN_CN"}, {"type": "SSL_CLIENT_SUBJECT_DN_UID"},
                     {"type": "SSL_CLIENT_SUBJECT_DN_EMAILADDRESS"}, {"type": "SSL_CLIENT_SUBJECT_DN_O"},
                     {"type": "SSL_CLIENT_SUBJECT_DN_DC"},
                     {"type": "SSL_CLIENT_ISSUER_DN_CN", "any_one_of": ["root.example.org"]}]}]


class Authority:
    """A certificate authority with openssl."""

    def __init__(self, name):
        self.directory = tempfile.mkdtemp(prefix="haneul-test-ca-")
        self.ca = self.make("ca", "/CN=" + name, "-x509", "-addext", "basicConstraints=critical,CA:TRUE")[0]
        os.chmod(self.directory, 0o755)

    def make(self, name, subject, *how):
        """Files with a certificate and its key; signed by the authority, or by itself with -x509."""
        certificate, key = (os.path.join(self.directory, name + end) for end in (".pem", ".key"))
        signed = () if "-x509" in how else ("-x509", "-CA", self.ca, "-CAkey", os.path.join(self.directory, "ca.key"))
        subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-utf8",
                        "-subj", subject, "-keyout", key, "-out", certificate, *signed, *how], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.chmod(key, 0o644)
        return certificate, key

    def client(self, subject, purpose="clientAuth"):
        return self.make(uuid.uuid4().hex, subject, "-addext", "extendedKeyUsage=" + purpose,
                         "-addext", "basicConstraints=CA:FALSE")

    def close(self):
        shutil.rmtree(self.directory)


def der(certificate):
    with open(certificate) as file:
        return ssl.PEM_cert_to_DER_cert(file.read())


def thumbprint(certificate):
    return base64.urlsafe_b64encode(hashlib.sha256(der(certificate)).digest()).decode().rstrip("=")


class TlsCloud(Cloud):
    """A cloud that speaks TLS; 'certificate' is what requests show."""
    certificate = None

    def request(self, method, path, body=None, token=None, headers=None):
        context = ssl._create_unverified_context()
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        sent = dict(headers or {})
        if token != "":
            sent["X-Auth-Token"] = token or self.token()
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPSConnection(self.listen, timeout=60, context=context)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, answer.headers, json.loads(data) if data else None
        finally:
            connection.close()


class Clients:
    """Those who have a user with a default project, and ask for tokens."""

    def prepare(self):
        name = "client-" + uuid.uuid4().hex[:8]
        project = self.ask("POST", V3 + "/projects", {"project": {"name": name}}, 201)["project"]["id"]
        self.user = self.ask("POST", V3 + "/users", {"user": {"name": name, "default_project_id": project,
                                                              "email": name + "@example.org"}}, 201)["user"]
        role = self.ask("GET", V3 + "/roles?name=member")["roles"][0]["id"]
        self.ask("PUT", "%s/projects/%s/users/%s/roles/%s" % (V3, project, self.user["id"], role), expect=204)
        self.subject = "/DC=default/O=Default/UID=%s/CN=%s/emailAddress=%s" % (self.user["id"], name, self.user["email"])
        self.project = project

    def map_with(self, rules):
        body = {"mapping": {"rules": rules}}
        if self.cloud.request("PUT", V3 + "/OS-FEDERATION/mappings/oauth2_mapping", body)[0] == 409:
            self.ask("PATCH", V3 + "/OS-FEDERATION/mappings/oauth2_mapping", body, 200)

    def form(self, **fields):
        return urllib.parse.urlencode({"grant_type": "client_credentials", **fields}).encode()

    def grant(self, show, expect=200, **fields):
        """'show': the headers or the certificate that the request brings; it is taken back after."""
        with self.showing(show) as headers:
            status, _, body = self.cloud.request("POST", TOKEN, self.form(**{"client_id": self.user["id"], **fields}), "", dict(
                headers, **{"Content-Type": "application/x-www-form-urlencoded"}))
        self.assertEqual(status, expect, body)
        if expect == 401:
            self.assertEqual(body["error"], "invalid_client")
        return body.get("access_token")

    def get_self(self, show, token, expect=200):
        with self.showing(show) as headers:
            return self.ask("GET", "%s/users/%s/projects" % (V3, self.user["id"]), token=token, expect=expect, headers=headers)


class OfOurOwnTls(Clients, CloudTest):
    """Certificates that clients show to the program itself."""

    @classmethod
    def setUpClass(cls):
        cls.authority, cls.stranger = Authority("root.example.org"), Authority("root.example.org")
        certificate, key = cls.authority.make("server", "/CN=127.0.0.1")
        cls.cloud = TlsCloud(settings=("api.certificate=" + certificate, "api.key=" + key, "api.client_ca=" + cls.authority.ca))
        cls.cloud.start()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.authority.close()
        cls.stranger.close()

    def setUp(self):
        self.prepare()
        self.map_with(RULES)

    def showing(self, certificate):
        case = self

        class Showing:
            def __enter__(self):
                case.cloud.certificate = certificate
                return {}

            def __exit__(self, *unused):
                case.cloud.certificate = None
        return Showing()

    def test_token_is_bound_to_the_certificate(self):
        mine, other = self.authority.client(self.subject), self.authority.client("/CN=somebody")
        token = self.grant(mine)
        body = self.ask("GET", V3 + "/auth/tokens", headers={"X-Subject-Token": token})["token"]
        self.assertEqual(body["oauth2_credential"], {"x5t#S256": thumbprint(mine[0])})
        self.assertEqual(body["cnf"], {"x5t#S256": thumbprint(mine[0])})
        self.assertEqual((body["methods"], body["project"]["id"]), (["oauth2_credential"], self.project))
        for _ in range(2):                  # from the rows, and from memory
            self.get_self(mine, token)
            self.get_self(other, token, 401)
            self.get_self(None, token, 401)

    def test_no_other_token_comes_of_it_without_the_certificate(self):
        mine, other = self.authority.client(self.subject), self.authority.client("/CN=somebody")
        token = self.grant(mine)
        auth = {"identity": {"methods": ["token"], "token": {"id": token}}, "scope": {"project": {"id": self.project}}}
        for certificate in (None, other):
            with self.showing(certificate):
                self.assertEqual(self.cloud.authenticate(auth)[0], 401)
        with self.showing(mine):
            status, again, body = self.cloud.authenticate(auth)
        self.assertEqual(status, 201)
        self.assertEqual(body["token"]["oauth2_credential"], {"x5t#S256": thumbprint(mine[0])})
        self.get_self(None, again, 401)
        self.get_self(mine, again)

    def test_only_the_authority_of_the_configuration_counts(self):
        self.grant(self.stranger.client(self.subject), 401)
        self.grant(self.stranger.make(uuid.uuid4().hex, self.subject, "-x509"), 401)
        self.grant(self.authority.client(self.subject, "serverAuth"), 401)
        self.grant(None, 401)

    def test_every_name_that_the_mapping_gives_must_be_the_users(self):
        good = dict(part.split("=", 1) for part in self.subject[1:].split("/"))
        for key in good:
            wrong = "/" + "/".join("%s=%s" % (k, "other" if k == key else v) for k, v in good.items())
            self.grant(self.authority.client(wrong), 401)
        self.grant(self.authority.client(self.subject), 401, client_id="0" * 32)
        self.grant(self.authority.client(self.subject))

    def test_mapping_that_says_nothing_of_the_user_is_not_enough(self):
        mine = self.authority.client(self.subject)
        self.map_with([{"local": [{"user": {"domain": {"id": "{0}"}}}], "remote": [{"type": "SSL_CLIENT_SUBJECT_DN_DC"}]}])
        self.grant(mine, 401)
        self.map_with([{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "SSL_CLIENT_SUBJECT_DN_CN"},
                       {"type": "SSL_CLIENT_ISSUER_DN_CN", "any_one_of": ["another.example.org"]}]}])
        self.grant(mine, 401)
        self.ask("DELETE", V3 + "/OS-FEDERATION/mappings/oauth2_mapping", expect=204)
        self.grant(mine, 401)

    def test_user_needs_a_default_project_where_it_has_a_role_and_be_enabled(self):
        mine = self.authority.client(self.subject)
        token = self.grant(mine)
        for change in ({"default_project_id": None}, {"default_project_id": self.project, "enabled": False}):
            self.ask("PATCH", V3 + "/users/" + self.user["id"], {"user": change}, 200)
            self.grant(mine, 401)
        self.get_self(mine, token, 401)

    def test_form_is_checked(self):
        mine = self.authority.client(self.subject)
        self.grant(mine, 400, grant_type="password")
        with self.showing(mine):
            status, _, body = self.cloud.request("POST", TOKEN, b"client_id=" + self.user["id"].encode(), "")
            self.assertEqual((status, body["error"]), (400, "invalid_request"))
            self.assertEqual(self.cloud.request("POST", TOKEN, b"grant_type=client_credentials", "")[0], 401)

    def test_method_is_not_to_be_had_elsewhere(self):
        with self.showing(self.authority.client(self.subject)):
            status, _, _ = self.cloud.authenticate({"identity": {"methods": ["oauth2_credential"],
                                                                 "oauth2_credential": {"client_id": self.user["id"]}}})
        self.assertEqual(status, 401)

    def test_multi_factor_rules_hold(self):
        self.ask("PATCH", V3 + "/users/" + self.user["id"], {"user": {"options": {
            "multi_factor_auth_enabled": True, "multi_factor_auth_rules": [["password", "totp"]]}}}, 200)
        self.grant(self.authority.client(self.subject), 401)


class OfAProxy(Clients, CloudTest):
    """Certificates that a reverse proxy passes on in a header; tokens are JSON Web Signatures here."""
    settings = ("oauth2.certificate_header=X-Client-Cert", "oauth2.trusted_proxies=127.0.0.1", "token.provider=jws")

    def setUp(self):
        self.authority = Authority("root.example.org")
        self.addCleanup(self.authority.close)
        self.prepare()
        self.map_with(RULES)

    def showing(self, headers):
        class Showing:
            def __enter__(self):
                return headers or {}

            def __exit__(self, *unused):
                pass
        return Showing()

    def forms(self, certificate):
        with open(certificate) as file:
            pem = file.read()
        return ({"X-Client-Cert": urllib.parse.quote(pem)}, {"X-Client-Cert": pem.strip().replace("\n", " ")},
                {"X-Client-Cert": ":%s:" % base64.b64encode(der(certificate)).decode()})

    def test_each_form_of_the_header_is_the_certificate(self):
        mine, other = self.authority.client(self.subject)[0], self.authority.client("/CN=somebody")[0]
        for form in self.forms(mine):
            token = self.grant(form)
            self.assertEqual(token.count("."), 2)
            self.get_self(self.forms(mine)[0], token)
            self.get_self(self.forms(other)[0], token, 401)
            self.get_self(None, token, 401)
            body = self.ask("GET", V3 + "/auth/tokens", headers={"X-Subject-Token": token})["token"]
            self.assertEqual(body["oauth2_credential"], {"x5t#S256": thumbprint(mine)})

    def test_hostile_headers_are_no_certificate(self):
        mine = self.forms(self.authority.client(self.subject)[0])[2]["X-Client-Cert"]
        for text in ("", "::", "%", "%00", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE----- -----END CERTIFICATE-----",
                     mine[:-9] + ":", ":" + mine[20:], mine[:-1] + "AAAA:", "A" * 20000, ":MAA=:", "%ff"):
            status = self.cloud.request("POST", TOKEN, self.form(client_id=self.user["id"]), "", {"X-Client-Cert": text})[0]
            self.assertIn(status, (400, 401, 431), text)

    def test_header_that_comes_twice_is_not_believed(self):
        mine = self.forms(self.authority.client(self.subject)[0])[2]["X-Client-Cert"]
        connection = http.client.HTTPConnection(self.cloud.listen)
        connection.putrequest("POST", TOKEN)
        body = self.form(client_id=self.user["id"])
        for name, value in (("X-Client-Cert", mine), ("x-client-cert", mine), ("Content-Length", str(len(body)))):
            connection.putheader(name, value)
        connection.endheaders(body)
        self.assertEqual(connection.getresponse().status, 401)
        connection.close()


class OfNobody(Clients, CloudTest):
    """A header from elsewhere than the proxies; and the method switched off."""
    settings = ("oauth2.certificate_header=X-Client-Cert", "oauth2.trusted_proxies=192.0.2.0/24")

    def test_header_of_anybody_is_not_believed(self):
        authority = Authority("root.example.org")
        self.addCleanup(authority.close)
        self.prepare()
        self.map_with(RULES)
        header = ":%s:" % base64.b64encode(der(authority.client(self.subject)[0])).decode()
        status, _, body = self.cloud.request("POST", TOKEN, self.form(client_id=self.user["id"]), "", {"X-Client-Cert": header})
        self.assertEqual((status, body["error"]), (401, "invalid_client"))


class OfSecretsAlone(Clients, CloudTest):
    settings = ("oauth2.certificate_header=X-Client-Cert", "oauth2.trusted_proxies=127.0.0.1",
                "oauth2.oauth2_authn_methods=client_secret_basic")

    def test_certificate_is_nothing_where_only_secrets_are(self):
        authority = Authority("root.example.org")
        self.addCleanup(authority.close)
        self.prepare()
        self.map_with(RULES)
        header = ":%s:" % base64.b64encode(der(authority.client(self.subject)[0])).decode()
        self.assertEqual(self.cloud.request("POST", TOKEN, self.form(client_id=self.user["id"]), "", {"X-Client-Cert": header})[0],
                         401)


if __name__ == "__main__":
    unittest.main()
