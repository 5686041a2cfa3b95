# SPDX-License-Identifier: Apache-2.0
"""What a web server with Shibboleth is to Keystone: a reverse proxy that takes SAML 2 assertions (profile ECP), verifies them
with xmlsec1, and tells the API behind it in headers who the session's user is.

    provider = ServiceProvider(cloud_url, certificate, secret).start()
    provider.url + "/Shibboleth.sso/SAML2/ECP"      is where assertions go

With a key it is an identity provider too, for who has a password: at provider.url + "/idp/ecp"."""
import base64
import http.client
import http.server
import os
import subprocess
import tempfile
import time
import threading
import urllib.parse
import uuid
import xml.etree.ElementTree

ECP = "/Shibboleth.sso/SAML2/ECP"
NAMES = {"saml": "urn:oasis:names:tc:SAML:2.0:assertion", "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
         "soap": "http://schemas.xmlsoap.org/soap/envelope/", "ecp": "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"}
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


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def attributes(document):
    """(issuer, where it is for, {attribute: [values]}) of a document with one assertion."""
    assertion = xml.etree.ElementTree.fromstring(document).find(".//saml:Assertion", NAMES)
    values = {attribute.get("Name"): [value.text or "" for value in attribute.findall("saml:AttributeValue", NAMES)]
              for attribute in assertion.iterfind(".//saml:Attribute", NAMES)}
    recipient = assertion.find(".//saml:SubjectConfirmationData", NAMES).get("Recipient")
    return assertion.find("saml:Issuer", NAMES).text, recipient, values


ENVELOPE = """<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header>%s</S:Header><S:Body>%s</S:Body>
</S:Envelope>"""
NEXT = 'S:actor="http://schemas.xmlsoap.org/soap/actor/next" S:mustUnderstand="1"'
ASKED = ENVELOPE % ("""<paos:Request xmlns:paos="urn:liberty:paos:2003-08" %(next)s responseConsumerURL="%(consumer)s"
    service="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"/>
<ecp:RelayState xmlns:ecp="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" %(next)s>%(state)s</ecp:RelayState>""",
                    """<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_%(id)s" Version="2.0"
    IssueInstant="%(now)s" AssertionConsumerServiceURL="%(consumer)s"/>""")
TOLD = ENVELOPE % ("""<ecp:Response xmlns:ecp="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" %(next)s
    AssertionConsumerServiceURL="%(consumer)s"/>""",
                   """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r%(id)s" Version="2.0" IssueInstant="%(now)s">
<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_%(id)s" Version="2.0" IssueInstant="%(now)s">
<saml:Issuer>%(issuer)s</saml:Issuer>
<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>
<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<ds:Reference URI="#_%(id)s"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>
</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data/></ds:KeyInfo></ds:Signature>
<saml:Subject><saml:NameID>%(user)s</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData Recipient="%(consumer)s"/></saml:SubjectConfirmation></saml:Subject>
<saml:AttributeStatement><saml:Attribute Name="openstack_user"><saml:AttributeValue>%(user)s</saml:AttributeValue></saml:Attribute>
</saml:AttributeStatement></saml:Assertion></samlp:Response>""")


class ServiceProvider:
    def __init__(self, cloud, certificate, secret, port=0, key=None, passwords=None):
        """'key' and 'passwords' {user: password} make it an identity provider with the same certificate."""
        self.cloud, self.certificate, self.secret = cloud, certificate, secret
        self.key, self.passwords = key, passwords or {}
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

    def question(self, url):
        """What a client that is no browser takes to its identity provider."""
        return (ASKED % {"next": NEXT, "consumer": self.url + ECP, "state": url, "id": uuid.uuid4().hex, "now": now()}).encode()

    def vouch(self, authorization):
        """As an identity provider: the answer for who has a password; None for others."""
        kind, _, pair = (authorization or "").partition(" ")
        user, _, password = base64.b64decode(pair if kind == "Basic" else "").decode().partition(":")
        if not password or self.passwords.get(user) != password:
            return None
        with tempfile.NamedTemporaryFile(suffix=".xml") as file:
            file.write((TOLD % {"next": NEXT, "consumer": self.url + ECP, "id": uuid.uuid4().hex, "now": now(), "user": user,
                                "issuer": self.url + "/idp"}).encode())
            file.flush()
            return subprocess.run(["xmlsec1", "--sign", "--privkey-pem", self.key + "," + self.certificate, "--id-attr:ID",
                                   NAMES["saml"] + ":Assertion", file.name], check=True, stdout=subprocess.PIPE).stdout

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
                state = xml.etree.ElementTree.fromstring(body).find("soap:Header/ecp:RelayState", NAMES)
                back = state.text if state is not None and state.text.startswith(provider.url) else provider.url
                return self.answer(302, [("Set-Cookie", "sp_session=%s; Path=/" % session), ("Location", back)], b"")
            if self.path == "/idp/ecp":
                told = provider.vouch(self.headers.get("Authorization"))
                return self.answer(200 if told else 401, [("Content-Type", "text/xml")], told or b"")
            if "paos" in self.headers.get("Accept", "") and "sp_session" not in self.headers.get("Cookie", ""):
                return self.answer(200, [("Content-Type", "application/vnd.paos+xml")], provider.question(provider.url + self.path))
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
