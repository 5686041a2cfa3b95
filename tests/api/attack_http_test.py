# SPDX-License-Identifier: Apache-2.0
"""Published attacks on what all services share (docs/security-cases.md): memory, logs, framing, slow clients."""
import base64
import glob
import http.client
import os
import random
import resource
import socket
import string
import threading
import time
import uuid

from cloud import CloudTest
from servers_test import COMPUTE, LATEST, ServersTest

V3 = "/identity/v3"


def memory(process):
    """Resident memory of a process in KiB."""
    with open("/proc/%d/status" % process.pid) as file:
        return int([line for line in file if line.startswith("VmRSS")][0].split()[1])


class Memory(CloudTest):
    @classmethod
    def setUpClass(cls):
        # What was freed is not kept to find uses of it, which would look like growth.
        before = os.environ.get("ASAN_OPTIONS")
        os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
        super().setUpClass()
        os.environ.pop("ASAN_OPTIONS")
        if before is not None:
            os.environ["ASAN_OPTIONS"] = before

    def flood(self, count, seed):
        """Requests for what is not there, on one connection."""
        host, port = self.cloud.listen.split(":")
        connection = http.client.HTTPConnection(host, int(port))
        any_of = random.Random(seed)
        for _ in range(count):
            word = "".join(any_of.choices(string.ascii_letters + "/.-_%25", k=any_of.randrange(1, 200)))
            prefix = any_of.choice(("", "/identity/v3", "/compute/v2.1", "/network/v2.0", "/image/v2", "/volume/v3", "/placement", "/metadata"))
            connection.request(any_of.choice(("GET", "POST", "DELETE", "PUT", "PATCH")), "%s/%s" % (prefix, word),
                               headers={"X-Auth-Token": any_of.choice(("x" * any_of.randrange(1, 300), self.cloud.token()))})
            answer = connection.getresponse()
            answer.read()
            self.assertIn(answer.status, (300, 400, 401, 403, 404, 405), word)
        connection.close()

    def test_CVE_2021_40797_what_is_not_there_leaves_nothing(self):
        self.flood(3000, 1)
        before = memory(self.cloud.processes[0])
        self.flood(12000, 2)
        self.assertLess(memory(self.cloud.processes[0]) - before, 16 * 1024)

    def test_a_body_is_bounded_in_size_and_depth(self):
        token = self.cloud.token()
        for body, expect in ((b"[" * 100000, 400), (b'{"a":' * 100000, 400), (b'{"user": {"name": "' + b"x" * (4 << 20) + b'"}}', (400, 413)),
                             (b'{"user": ' + b"1" * 100000 + b"}", 400), (b'{"user": {"name": 1e999999999}}', 400),
                             (b"\xef\xbb\xbf{}", 400), (b'{"a": "\xff"}', 400), (b'{"user": {}, "user": {}}', 400)):
            before = time.monotonic()
            self.ask("POST", V3 + "/users", body, expect, token, {"Content-Type": "application/json"})
            self.assertLess(time.monotonic() - before, 5)


class Slow(CloudTest):
    """Ten thousand connections that want something slowly or nothing at all, and one client that is served all the same."""
    settings = ("api.threads=2", "api.workers=4")
    # What was freed is given back: AddressSanitizer would keep 256 MiB of it, which is no connection's.
    variables = {"ASAN_OPTIONS": "quarantine_size_mb=16"}
    CLIENTS = 10000
    BYTES_EACH = 64 * 1024      # of memory, with sanitizers: half of it the heads, a sixth of a long answer
    PAGE = "/openapi.json"      # a long answer, for those that do not read it

    def heads(self):
        """How they begin: nothing; half a head; half a body; half an upload; an answer read, then nothing; one not read."""
        token = self.cloud.token()
        return (b"", b"GET /identity/v3 HTTP/1.1\r\nHost: x\r\nX-A: ",
                b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
                ("PUT /image/v2/images/%s/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nTransfer-Encoding: chunked\r\n"
                 "Content-Type: application/octet-stream\r\n\r\n1\r\n" % (uuid.uuid4(), token)).encode(),
                b"GET /identity/v3 HTTP/1.1\r\nHost: x\r\n\r\n",
                ("GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % self.PAGE).encode())

    def connect(self, number, head):
        """From one of four addresses, each of which has ports of its own."""
        host, port = self.cloud.listen.split(":")
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.bind(("127.0.0.%d" % (2 + number % 4), 0))
        client.connect((host, int(port)))
        client.sendall(head)
        return client

    def drip(self, clients, stop):
        """A byte now and then, for those whose head or body is not at its end."""
        while not stop.wait(0.01):
            for number in random.sample(range(len(clients)), 20):
                if number % 6 in (1, 2, 3):
                    try:
                        clients[number].send(b"x")
                    except OSError:
                        pass

    def test_slow_and_idle_clients_starve_nobody(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.assertGreater(hard, self.CLIENTS + 500, "ulimit -Hn is too small for this test")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        token, heads, clients, took = self.cloud.token(), self.heads(), [], []
        self.ask("GET", self.PAGE)
        before = memory(self.cloud.processes[0])
        stop = threading.Event()
        thread = threading.Thread(target=self.drip, args=(clients, stop))
        try:
            for number in range(self.CLIENTS):
                clients.append(self.connect(number, heads[number % len(heads)]))
            thread.start()
            for number in range(100):
                start = time.monotonic()
                if number % 2:
                    self.ask("GET", V3 + "/users", None, 200, token)
                else:
                    self.ask("POST", V3 + "/regions", {"region": {}}, 201, token)
                took.append(time.monotonic() - start)
            each = (memory(self.cloud.processes[0]) - before) * 1024 / self.CLIENTS
            there = len(os.listdir("/proc/%d/fd" % self.cloud.processes[0].pid))
        finally:
            stop.set()
            if thread.ident:
                thread.join()
            for client in clients:
                client.close()
        print("%d connections of %.0f KiB; median %.0f ms, 95th of a hundred %.0f ms"
              % (there, each / 1024, sorted(took)[50] * 1000, sorted(took)[94] * 1000), flush=True)
        self.assertGreater(there, self.CLIENTS * 0.95, "they were cut off")
        self.assertLess(sorted(took)[94], 1.0, "the slowest of a hundred: %s" % sorted(took)[-3:])
        self.assertLess(each, self.BYTES_EACH)
        self.cloud.until(lambda: self.ask("GET", V3 + "/users", None, 200, token))


class Framing(CloudTest):
    def raw(self, text):
        host, port = self.cloud.listen.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(text.encode())
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while True:
                more = connection.recv(65536)
                if not more:
                    return answer.decode()
                answer += more

    def test_CVE_2026_22797_a_body_of_two_lengths_hides_no_request(self):
        hidden = "GET /identity/v3/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\n\r\n" % self.cloud.token()
        for framing in ("Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4",
                        "Content-Length: 0\r\nContent-Length: %d" % len(hidden), "Transfer-Encoding: xchunked", "Transfer-Encoding:\tchunked, identity",
                        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "Content-Length: 0x10", "Content-Length: 1 0"):
            answer = self.raw("POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n0\r\n\r\n%s" % (framing, hidden))
            unknown = framing.startswith("Transfer-Encoding") and "\n" not in framing
            self.assertTrue(answer.startswith("HTTP/1.1 501" if unknown else "HTTP/1.1 400"), (framing, answer[:80]))
            self.assertNotIn('"users"', answer)

    def test_CVE_2014_3497_what_is_asked_for_is_not_written_into_heads(self):
        for path in ("/identity/v3/%0d%0aX-Evil:%201", "/identity/%0d%0a%0d%0a<script>", "/image/v2/images/%0aX-Evil:%201", "/console/%0d%0aX-Evil:%201"):
            answer = self.raw("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path)
            head, _, body = answer.partition("\r\n\r\n")
            self.assertNotIn("X-Evil", head)
            self.assertNotIn("<script>", head)
            self.assertFalse("<script>" in body and "text/html" in head, path)

    def test_OSSN_0101_a_forged_host_changes_nothing_for_others(self):
        self.raw("GET /identity/v3 HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        for path in ("/identity/v3", "/compute/", "/network/", "/image/versions", "/volume/", "/"):
            status, _, body = self.cloud.request("GET", path, token="")
            self.assertNotIn("evil.example", str(body))
        status, _, body = self.cloud.request("GET", V3 + "/auth/catalog")
        self.assertNotIn("evil.example", str(body))


class Secrets(ServersTest):
    """CVE-2014-4615, CVE-2014-7230, CVE-2014-7231: nothing that is secret reaches a log, at any level."""
    settings = ("log.levels=default=debug",)

    def secret(self, name):
        value = "%s-%s" % (name, uuid.uuid4().hex)
        self.seeded[name] = value
        return value

    def keep(self, name, value):
        self.seeded[name] = value
        return value

    def identity(self):
        user = self.ask("POST", V3 + "/users", {"user": {"name": "u", "password": self.secret("password")}}, 201)["user"]["id"]
        project = self.ask("POST", V3 + "/projects", {"project": {"name": "p"}}, 201)["project"]["id"]
        role = self.ask("GET", V3 + "/roles?name=member")["roles"][0]["id"]
        self.ask("PUT", "%s/projects/%s/users/%s/roles/%s" % (V3, project, user, role))
        self.keep("token", self.cloud.token())
        token = self.keep("second token", self.cloud.login(user, self.seeded["password"], project))
        self.cloud.authenticate({"identity": {"methods": ["password"], "password": {"user": {"id": user, "password": self.secret("wrong password")}}}})
        self.cloud.authenticate({"identity": {"methods": ["password"], "password": {"user": {"id": user, "password": [self.secret("odd password")]}}}})
        self.cloud.authenticate({"identity": {"methods": ["token"], "token": {"id": self.secret("wrong token")}}})
        self.ask("GET", V3 + "/users", None, 401, self.secret("wrong header"))
        self.ask("GET", V3 + "/auth/tokens", None, 200, None, {"X-Subject-Token": token})
        self.ask("GET", V3 + "/auth/tokens", None, 404, None, {"X-Subject-Token": self.secret("wrong subject")})
        self.ask("POST", "%s/users/%s/password" % (V3, user), {"user": {"original_password": self.seeded["password"],
                                                                        "password": self.secret("new password")}}, 204, token)
        token = self.cloud.login(user, self.seeded["new password"], project)
        made = self.ask("POST", "%s/users/%s/application_credentials" % (V3, user), {"application_credential": {
            "name": "a", "secret": self.secret("application secret")}}, 201, token)["application_credential"]
        self.cloud.authenticate({"identity": {"methods": ["application_credential"], "application_credential": {
            "id": made["id"], "secret": self.secret("wrong application secret")}}})
        self.ask("POST", "%s/users/%s/application_credentials" % (V3, user), {"application_credential": {
            "name": "b", "secret": {"x": self.secret("odd application secret")}}}, 400, token)
        key = self.ask("POST", "%s/users/%s/credentials/OS-EC2" % (V3, user), {"tenant_id": project}, 201, token)["credential"]
        self.keep("ec2 secret", key["secret"])
        blob = base64.b32encode(self.secret("seed").encode()).decode()
        self.keep("seed blob", blob)
        self.ask("POST", V3 + "/credentials", {"credential": {"type": "totp", "blob": blob, "user_id": user}}, 201, token)
        self.ask("POST", V3 + "/credentials", {"credential": {"type": "cert", "blob": {"x": self.secret("odd blob")}, "user_id": user}},
                 (201, 400), token)

    def servers(self):
        data = self.secret("user data")
        server = self.active(user_data=self.keep("encoded user data", base64.b64encode(data.encode()).decode()), config_drive=True,
                             adminPass=self.secret("admin password"))
        self.boot(400, user_data=self.secret("odd user data") + "!")
        self.boot(400, adminPass={"x": self.secret("odd admin password")})
        self.act(server, "changePassword", {"adminPass": self.secret("changed password")}, (202, 400, 409, 501))
        self.act(server, "rebuild", {"imageRef": self.image, "adminPass": self.secret("rebuild password")}, 202)
        self.settled(server, "ACTIVE")
        url = self.act(server, "os-getVNCConsole", {"type": "novnc"}, 200, headers={})["console"]["url"]
        token = self.keep("console token", url.rpartition("%3D")[2])
        self.ask("GET", COMPUTE + "/os-console-auth-tokens/" + token, None, 200, headers=LATEST)
        self.cloud.request("GET", "/console/websockify?token=" + token, token="")
        key = self.compute("POST", "/os-keypairs", {"keypair": {"name": "k"}}, (200, 201), headers={})["keypair"]
        self.keep("private key", key["private_key"].split("\n")[3])
        with open(os.path.join(self.cloud.data, "metadata_secret")) as file:
            self.keep("metadata secret", file.read().strip())
        self.remove(server)

    def volumes(self):
        volume = self.ask("POST", "/volume/v3/volumes", {"volume": {"size": 1}}, 202)["volume"]["id"]
        self.cloud.until(lambda: self.ask("GET", "/volume/v3/volumes/" + volume)["volume"]["status"] == "available")
        offer = self.ask("POST", "/volume/v3/os-volume-transfer", {"transfer": {"volume_id": volume, "name": "t"}}, 202)["transfer"]
        self.keep("transfer key", offer["auth_key"])
        self.ask("POST", "/volume/v3/os-volume-transfer/%s/accept" % offer["id"], {"accept": {"auth_key": self.secret("wrong transfer key")}}, (400, 403))

    def keys(self):
        for path in glob.glob(os.path.join(self.cloud.data, "api", "**"), recursive=True):
            if os.path.isfile(path) and os.path.getsize(path) < 200 and not path.endswith((".db", "-wal", "-shm")):
                with open(path, errors="replace") as file:
                    text = file.read().strip()
                if len(text) >= 16:
                    self.keep("file " + os.path.basename(path), text)

    def test_CVE_2014_4615_CVE_2014_7230_CVE_2014_7231_secrets_stay_out_of_logs(self):
        self.seeded = {}
        self.identity()
        self.servers()
        self.volumes()
        self.keys()
        time.sleep(0.5)
        log = self.cloud.log()
        self.assertGreater(len(log), 10000)
        found = sorted(name for name, value in self.seeded.items() if value in log or (len(value) > 60 and value[20:60] in log))
        self.assertEqual([], found, [line for line in log.splitlines() if any(self.seeded[name][20:60] in line for name in found)][:5])
        _, _, metrics = self.cloud.request("GET", "/metrics", token="")
        self.assertEqual([], [name for name, value in self.seeded.items() if value.encode() in metrics])
