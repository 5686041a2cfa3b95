# SPDX-License-Identifier: Apache-2.0
"""A real identity provider for tests: glewlwyd (Debian), which speaks OpenID Connect, in a directory of its own.

    provider = Glewlwyd("http://127.0.0.1:8470/callback")
    provider.start()
    provider.password_token("kim")      the provider's own answer for a user and its password
    provider.stop()"""
import base64
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from cloud import free_port

PROGRAM = "/usr/bin/glewlwyd"
SCHEMA = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
CONFIG = """port=%(port)d
bind_address="127.0.0.1"
external_url="http://127.0.0.1:%(port)d"
login_url="login.html"
api_prefix="api"
cookie_secure=0
session_expiration=3600
session_key="GLEWLWYD2_SESSION_ID"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
log_mode="console"
log_level="ERROR"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database = { type="sqlite3" path="%(directory)s/db" };
"""
PASSWORD = "correct horse"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


class Glewlwyd:
    client, secret = "haneul", "between-us"

    def __init__(self, redirect_uris, algorithm="rsa"):
        """'algorithm': "rsa" (RS256) or "ecdsa" (ES256)."""
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.issuer = self.url + "/api/oidc"
        self.redirect_uris, self.algorithm = redirect_uris, algorithm
        self.cookies = {}
        self.process = None

    # ---- life ----

    def start(self):
        self.directory = tempfile.mkdtemp(prefix="haneul-glewlwyd-")
        with open(SCHEMA) as schema:
            database = sqlite3.connect(self.directory + "/db")
            database.executescript(schema.read())
            database.close()
        with open(self.directory + "/conf", "w") as file:
            file.write(CONFIG % {"port": self.port, "directory": self.directory})
        options = {}
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "nobody", self.directory], check=True)
            options = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        self.run(options)
        self.session = self.login("admin", "password")
        self._configure()
        return self

    def run(self, options=None):
        self.options = options if options is not None else self.options
        with open(self.directory + "/log", "ab") as log:
            self.process = subprocess.Popen([PROGRAM, "--config-file=" + self.directory + "/conf"], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, **self.options)
        end = time.monotonic() + 30
        while True:
            try:
                return self.request("GET", "/config", expect=(200, 401))
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def halt(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def stop(self):
        self.halt()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- its own API ----

    def send(self, method, url, body=None, headers=None):
        """(status, headers, body as bytes); redirections are not followed."""
        request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def request(self, method, path, body=None, expect=(200,), session=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if session:
            headers["Cookie"] = session
        status, answered, data = self.send(method, self.url + path if path == "/config" else self.url + "/api" + path,
                                           None if body is None else json.dumps(body).encode(), headers)
        if status not in expect:
            raise AssertionError("%s %s: %s %s" % (method, path, status, data[:500]))
        return answered, data

    def login(self, user, password):
        """The cookie of a session."""
        headers, _ = self.request("POST", "/auth/", {"username": user, "password": password})
        return headers["Set-Cookie"].split(";")[0]

    def _keys(self):
        if self.algorithm == "rsa":
            command = ["openssl", "genrsa", "2048"]
        else:
            command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"]
        private = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        if self.algorithm != "rsa":
            private = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt"], input=private, check=True,
                                     stdout=subprocess.PIPE).stdout
        public = subprocess.run(["openssl", "pkey", "-pubout"], input=private, check=True, stdout=subprocess.PIPE).stdout
        return private.decode(), public.decode()

    def parameters(self):
        private, public = self._keys()
        return {"iss": self.issuer, "jwt-type": self.algorithm, "jwt-key-size": "256", "key": private, "cert": public,
                "code-duration": 600, "refresh-token-duration": 3600, "access-token-duration": 600,
                "auth-type-code-enabled": True, "auth-type-password-enabled": True, "auth-type-client-enabled": False,
                "auth-type-implicit-enabled": False, "auth-type-refresh-enabled": True, "jwks-show": True,
                "pkce-allowed": True, "pkce-method-plain-allowed": False, "allowed-scope": ["openid", "cloud"],
                "name-claim": "mandatory", "email-claim": "mandatory", "allow-non-oidc": True,
                "claims": [{"name": "groups", "user-property": "groups", "type": "string", "mandatory": True}],
                "subject-type": "public", "encrypt-out-token-allow": False}

    def renew_keys(self):
        """The provider signs with another key from now on."""
        self.request("PUT", "/mod/plugin/oidc", {"module": "oidc", "name": "oidc", "display_name": "oidc",
                                                 "parameters": self.parameters()}, session=self.session)
        self.request("PUT", "/mod/plugin/oidc/reset/", session=self.session)

    def _configure(self):
        with_groups = {"multiple": True, "read": True, "write": True, "profile-read": True}
        self.request("PUT", "/mod/user/database", {"module": "database", "name": "database", "display_name": "users",
                                                   "order_rank": 0, "readonly": False, "parameters": {
                                                       "use-glewlwyd-connection": True,
                                                       "data-format": {"groups": with_groups}}}, session=self.session)
        self.request("PUT", "/mod/user/database/reset/", session=self.session)
        for scope in ("cloud", "elsewhere"):
            self.request("POST", "/scope/", {"name": scope, "display_name": scope, "password_required": True,
                                             "password_max_age": 0, "scheme": {}}, session=self.session)
        self.request("POST", "/mod/plugin/", {"module": "oidc", "name": "oidc", "display_name": "oidc",
                                              "parameters": self.parameters()}, session=self.session)
        self.request("POST", "/client/?source=database", {
            "client_id": self.client, "name": "haneul", "confidential": True, "client_secret": self.secret, "enabled": True,
            "password": self.secret, "redirect_uri": self.redirect_uris, "scope": ["openid", "cloud", "elsewhere"],
            "authorization_type": ["code", "password", "refresh_token", "id_token"],
            "token_endpoint_auth_method": ["client_secret_basic", "client_secret_post"]}, session=self.session)

    def add_user(self, name, *groups):
        self.request("POST", "/user/?source=database", {
            "username": name, "password": PASSWORD, "name": name.title(), "email": name + "@example.org", "enabled": True,
            "groups": list(groups), "scope": ["openid", "cloud", "elsewhere"]}, session=self.session)
        session = self.login(name, PASSWORD)
        self.request("PUT", "/auth/grant/" + self.client, {"scope": "cloud elsewhere openid"}, session=session)

    # ---- what clients of it do ----

    def tokens(self, name, scope="openid cloud"):
        """What the provider gives for a password."""
        form = {"grant_type": "password", "username": name, "password": PASSWORD, "scope": scope}
        basic = base64.b64encode(("%s:%s" % (self.client, self.secret)).encode()).decode()
        status, _, body = self.send("POST", self.issuer + "/token", urllib.parse.urlencode(form).encode(),
                                    {"Authorization": "Basic " + basic, "Content-Type": "application/x-www-form-urlencoded"})
        if status != 200:
            raise AssertionError("%s %s" % (status, body))
        return json.loads(body)

    def browse(self, url, name):
        """Follows a browser of that user through the provider; returns where it is sent to at last."""
        session = self.login(name, PASSWORD)
        for _ in range(5):
            if "g_continue" not in url:
                url += "&g_continue"
            status, headers, body = self.send("GET", url, None, {"Cookie": session})
            if status != 302:
                raise AssertionError("%s: %s %s" % (url, status, body))
            url = urllib.parse.urljoin(url, headers["Location"])
            if not url.startswith(self.url):
                return url
        raise AssertionError("the provider does not send the browser back: " + url)
