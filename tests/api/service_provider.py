# SPDX-License-Identifier: Apache-2.0
"""What a web server with Shibboleth is to Keystone: a reverse proxy that takes SAML 2 assertions (profile ECP), verifies them
with xmlsec1, and tells the API behind it in headers who the session's user is.

    provider = ServiceProvider(cloud_url, certificate, secret).start()
    provider.url + "/Shibboleth.sso/SAML2/ECP"      is where assertions go

By itself:  python3 service_provider.py PORT CLOUD_URL CERTIFICATE SECRET"""
import http.client
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import uuid
import xml.etree.ElementTree

ECP = "/Shibboleth.sso/SAML2/ECP"
NAMES = {"saml": "urn:oasis:names:tc:SAML:2.0:assertion", "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
         "soap": "http://schemas.xmlsoap.org/soap/envelope/"}
OURS = ("openstack_", "shib-", "shib_", "openstack-", "x-haneul-proxy-secret")     # headers that only the proxy may set


def verify(document, certificate):
    """None when xmlsec1 finds the one assertion in it signed by the certificate's key, else what it says."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(document)
        file.flush()
        done = subprocess.run(["xmlsec1", "--verify", "--enabled-key-data", "x509", "--trusted-pem", certificate,
                               "--id-attr:ID", NAMES["saml"] + ":Assertion", file.name],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return None if done.returncode == 0 else done.stdout


def attributes(document):
    """(issuer, where it is for, {attribute: [values]}) of a document with one assertion."""
    assertion = xml.etree.ElementTree.fromstring(document).find(".//saml:Assertion", NAMES)
    values = {attribute.get("Name"): [value.text or "" for value in attribute.findall("saml:AttributeValue", NAMES)]
              for attribute in assertion.iterfind(".//saml:Attribute", NAMES)}
    recipient = assertion.find(".//saml:SubjectConfirmationData", NAMES).get("Recipient")
    return assertion.find("saml:Issuer", NAMES).text, recipient, values


class ServiceProvider:
    def __init__(self, cloud, certificate, secret, port=0):
        self.cloud, self.certificate, self.secret = cloud, certificate, secret
        self.sessions, self.refused = {}, []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self.url = "http://127.0.0.1:%d" % self.server.server_port

    def start(self):
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def accept(self, document):
        """The name of a new session for an assertion; None when it is not good."""
        wrong = verify(document, self.certificate)
        if not wrong:
            issuer, recipient, values = attributes(document)
            wrong = None if recipient == self.url + ECP else "it is for " + recipient
        if wrong:
            self.refused.append(wrong)
            return None
        session = uuid.uuid4().hex
        self.sessions[session] = dict({name: ";".join(of) for name, of in values.items()}, **{"Shib-Identity-Provider": issuer})
        return session

    def asserted(self, cookie):
        session = (cookie or "").partition("sp_session=")[2].split(";")[0]
        return dict(self.sessions.get(session, {}), **{"X-Haneul-Proxy-Secret": self.secret})


def _handler(provider):
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def answer(self, status, headers, body):
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == ECP:
                session = provider.accept(body)
                if not session:
                    return self.answer(403, [], b"")
                return self.answer(302, [("Set-Cookie", "sp_session=%s; Path=/" % session), ("Location", provider.url)], b"")
            headers = {name: value for name, value in self.headers.items()
                       if not name.lower().startswith(OURS) and name.lower() not in ("connection", "content-length")}
            headers.update(provider.asserted(self.headers.get("Cookie")))
            cloud = http.client.HTTPConnection(urllib.parse.urlparse(provider.cloud).netloc, timeout=60)
            try:
                cloud.request(self.command, self.path, body or None, headers)
                answered = cloud.getresponse()
                self.answer(answered.status, answered.getheaders(), answered.read())
            finally:
                cloud.close()

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    return Handler


def make_certificate(directory):
    """Paths of a new key and its certificate."""
    key, certificate = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=cloud", "-keyout", key,
                    "-out", certificate], check=True, stderr=subprocess.DEVNULL)
    return key, certificate


if __name__ == "__main__":
    ServiceProvider(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[1])).server.serve_forever()
