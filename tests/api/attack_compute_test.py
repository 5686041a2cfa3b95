# SPDX-License-Identifier: Apache-2.0
"""Published attacks on compute, its metadata service and its consoles (docs/security-cases.md)."""
import base64
import hashlib
import hmac
import os
import re
import socket
import urllib.parse
import uuid

import hostile
from servers_test import COMPUTE, LATEST, ServersTest


class ComputeAttack(ServersTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.member, cls.project = cls.make_member("tenant")
        cls.other, cls.other_project = cls.make_member("other")

    @classmethod
    def make_member(cls, name):
        project = cls.post("/identity/v3/projects", {"project": {"name": name}})["project"]["id"]
        user = cls.post("/identity/v3/users", {"user": {"name": name, "password": "x"}})["user"]["id"]
        role = cls.cloud.request("GET", "/identity/v3/roles?name=member")[2]["roles"][0]["id"]
        cls.cloud.request("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, role))
        return cls.cloud.login(user, "x", project), project

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()


class Metadata(ComputeAttack):
    def setUp(self):
        cls = type(self)
        if not hasattr(cls, "server"):
            cls.server = self.active(user_data=base64.b64encode(b"a secret of the guest").decode())
            cls.port = self.ask("GET", "/network/v2.0/ports?device_id=" + cls.server["id"])["ports"][0]
            cls.address = cls.port["fixed_ips"][0]["ip_address"]
            with open(os.path.join(self.cloud.data, "metadata_secret")) as file:
                cls.secret = file.read().strip().encode()

    def sign(self, text, secret=None):
        return hmac.new(secret or self.secret, text.encode(), hashlib.sha256).hexdigest()

    def get(self, headers, path="/metadata/openstack/latest/user_data"):
        status, _, body = self.cloud.request("GET", path, None, "", headers)
        if status != 200:
            self.assertNotIn("a secret of the guest", str(body))
        return status

    def proxied(self, **changes):
        headers = {"X-Neutron-Network-ID": self.network, "X-Forwarded-For": self.address,
                   "X-Metadata-Signature": self.sign(self.network + self.address)}
        headers.update(changes)
        return {key: value for key, value in headers.items() if value is not None}

    def test_a_server_is_told_what_is_its_own(self):
        self.assertEqual(200, self.get(self.proxied()))

    def test_CVE_2014_3517_who_asks_is_signed(self):
        network, address = "X-Neutron-Network-ID", "X-Forwarded-For"
        for changes in ({"X-Metadata-Signature": None}, {"X-Metadata-Signature": ""}, {"X-Metadata-Signature": "0" * 64},
                        {"X-Metadata-Signature": self.sign(self.network + self.address)[:-1]},
                        {"X-Metadata-Signature": self.sign(self.network + self.address, b"guess")},
                        {"X-Metadata-Signature": self.sign(self.network + self.address, b"\0")},
                        {address: "10.1.0.250"}, {address: self.address + ", 10.1.0.250"}, {address: self.address + " "},
                        {network: str(uuid.uuid4())}, {network: self.network[:-1], address: self.network[-1] + self.address},
                        {network: self.network + self.address[0], address: self.address[1:]}):
            if changes == {address: self.address + " "}:
                continue        # HTTP takes the space away
            with self.subTest(str(changes)):
                self.assertIn(self.get(self.proxied(**changes)), (400, 403, 404))

    def test_CVE_2014_3517_a_server_is_not_named_without_a_signature(self):
        for headers in ({}, {"X-Instance-ID": self.server["id"]}, {"X-Instance-ID": self.server["id"], "X-Tenant-ID": self.server["tenant_id"]},
                        {"X-Instance-ID": self.server["id"], "X-Tenant-ID": self.server["tenant_id"], "X-Instance-ID-Signature": "0" * 64},
                        {"X-Instance-ID": self.server["id"], "X-Tenant-ID": self.server["tenant_id"],
                         "X-Instance-ID-Signature": self.sign(str(uuid.uuid4()))},
                        {"X-Instance-ID": self.server["id"], "X-Tenant-ID": self.other_project,
                         "X-Instance-ID-Signature": self.sign(self.server["id"])},
                        {"X-Forwarded-For": self.address}, {"X-Forwarded-For": self.address, "X-Real-IP": self.address},
                        {"X-Forwarded-For": "127.0.0.1", "X-Instance-ID": self.server["id"]}):
            self.assertIn(self.get(headers), (400, 403, 404), headers)

    def test_a_good_signature_is_for_the_address_alone(self):
        """A guest that may send headers through a proxy adds a name to what the proxy signed."""
        headers = self.proxied(**{"X-Instance-ID": str(uuid.uuid4()), "X-Tenant-ID": "x"})
        self.assertEqual(200, self.get(headers))

    def test_OSSA_2014_024_the_secret_is_for_the_roles_alone(self):
        self.assertEqual(0, os.stat(os.path.join(self.cloud.data, "metadata_secret")).st_mode & 0o037)

    def test_signatures_do_not_open_the_apis(self):
        for path in (COMPUTE + "/servers", "/identity/v3/users"):
            self.ask("GET", path, None, 401, "", self.proxied())


class Console(ComputeAttack):
    def console(self, server):
        url = self.act(server, "os-getVNCConsole", {"type": "novnc"}, 200, headers={})["console"]["url"]
        url = urllib.parse.urlparse(url)
        return url, urllib.parse.parse_qs(url.query)["path"][0]

    def websocket(self, url, path, **headers):
        lines = {"Host": url.netloc, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==", "Sec-WebSocket-Protocol": "binary"}
        lines.update(headers)
        with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
            head = "".join("%s: %s\r\n" % item for item in lines.items())
            connection.sendall(("GET /%s HTTP/1.1\r\n%s\r\n" % (path, head)).encode())
            return int(connection.recv(4096).split()[1])

    def knows(self, path):
        token = path.partition("token=")[2]
        return self.cloud.request("GET", COMPUTE + "/os-console-auth-tokens/" + token, headers=LATEST)[0] == 200

    def test_CVE_2015_0259_pages_of_others_open_no_console(self):
        url, path = self.console(self.active())
        self.assertEqual(101, self.websocket(url, path, Origin="http://" + url.netloc))
        for origin in ("http://evil.example", "null", "", "http://", url.netloc, "https://" + url.netloc, "http://%s.evil.example" % url.netloc,
                       "http://evil.example#" + url.netloc, "http://%s@evil.example" % url.netloc, "http://%s:1" % url.hostname,
                       "http://" + url.netloc + "/", "file://" + url.netloc):
            with self.subTest(origin):
                self.assertEqual(403, self.websocket(url, path, Origin=origin))

    def test_OSSN_0101_the_host_that_a_browser_names_makes_no_page_ours(self):
        url, path = self.console(self.active())
        for _ in range(200):
            self.assertEqual(403, self.websocket(url, path, Host="evil.example", Origin="http://evil.example"))
        self.assertEqual(403, self.websocket(url, path, Origin="http://evil.example"))
        self.assertEqual(101, self.websocket(url, path, Host="evil.example", Origin="http://" + url.netloc))

    def test_CVE_2013_0335_a_token_dies_with_its_server(self):
        server = self.active()
        url, path = self.console(server)
        self.assertTrue(self.knows(path))
        self.remove(server)
        again = self.active()       # whose display has the same port, as all of the fake driver do
        self.assertFalse(self.knows(path))
        before = self.cloud.log().count("console token is not valid")
        self.websocket(url, path)
        self.cloud.until(lambda: self.cloud.log().count("console token is not valid") > before)
        self.remove(again)

    def test_CVE_2013_0335_a_token_opens_the_display_that_its_server_has_now(self):
        server = self.active()
        url, path = self.console(server)
        self.assertEqual(101, self.websocket(url, path))
        self.act(server, "os-stop")
        self.settled(server, "SHUTOFF")
        self.assertGreaterEqual(self.websocket(url, path), 400)

    def test_CVE_2013_0335_a_token_is_for_one_project(self):
        server = self.active()
        for action in ("os-getVNCConsole", "os-getSPICEConsole", "os-getSerialConsole"):
            self.act(server, action, {"type": "novnc"}, (400, 404), token=self.other, headers={})
        self.compute("POST", "/servers/%s/remote-consoles" % server["id"], {"remote_console": {"protocol": "vnc", "type": "novnc"}}, 404,
                     token=self.other)

    def test_CVE_2021_3654_pages_do_not_lead_elsewhere(self):
        for path in ("//evil.example", "//evil.example/%2e%2e", "//evil.example/..", "/%2f/evil.example/%2e%2e", "/\\evil.example", "/.%2e/x",
                     "//evil.example/%0d%0aLocation:%20x", "/console//evil.example/..", "/console/%2f%2fevil.example/", "/console/app/..",
                     "/console/..//evil.example", "/console"):
            status, headers, _ = self.cloud.request("GET", path, token="")
            self.assertIn(status, (300, 400, 404, 501), path)
            self.assertIsNone(headers.get("Location"), path)


class Scheduling(ComputeAttack):
    def statements(self):
        _, _, text = self.cloud.request("GET", "/metrics", token="")
        return int(re.search(r'haneul_statements_total{service="compute"} (\d+)', text.decode()).group(1))

    def test_CVE_2012_3371_hints_cost_no_more_for_being_many(self):
        def cost(count):
            ids = [str(uuid.uuid4()) for _ in range(count)]
            before = self.statements()
            server = self.boot(outer={"os:scheduler_hints": {"different_host": ids}})
            after = self.statements()
            self.settled(server, "ACTIVE")
            self.remove(server)
            return after - before
        cost(1)
        self.assertLess(cost(100), cost(1) + 40)
        for hint in ("same_host", "different_host"):
            self.boot(400, outer={"os:scheduler_hints": {hint: [str(uuid.uuid4())] * 101}})
            self.boot(400, outer={"os:scheduler_hints": {hint: [["x"]]}})
        self.boot(400, outer={"os:scheduler_hints": {"group": {"x": 1}}})

    def test_CVE_2014_3708_a_filter_by_address_is_one_question(self):
        def cost(query):
            before = self.statements()
            self.compute("GET", "/servers/detail" + query)
            return self.statements() - before
        servers = [self.active() for _ in range(3)]
        cost("?ip=10.1")
        self.assertLessEqual(cost("?ip=10.1"), cost("") + 4)
        for server in servers:
            self.remove(server)

    def test_CVE_2017_16239_a_rebuild_asks_what_a_boot_asks_of_an_image(self):
        server = self.active()
        image = self.post("/image/v2/images", {"name": "large", "disk_format": "qcow2", "container_format": "bare", "visibility": "public"})["id"]
        self.ask("PUT", "/image/v2/images/%s/file" % image, hostile.qcow2(size=10 << 40), 204, headers={"Content-Type": "application/octet-stream"})
        self.act(server, "rebuild", {"imageRef": image}, 400)
        fat = self.post("/image/v2/images", {"name": "fat", "disk_format": "raw", "container_format": "bare", "visibility": "public", "min_ram": 1 << 20})["id"]
        self.ask("PUT", "/image/v2/images/%s/file" % fat, b"x", 204, headers={"Content-Type": "application/octet-stream"})
        self.act(server, "rebuild", {"imageRef": fat}, 400)
        empty = self.post("/image/v2/images", {"name": "empty", "disk_format": "raw", "container_format": "bare", "visibility": "public"})["id"]
        self.act(server, "rebuild", {"imageRef": empty}, 400)
        hidden = self.post("/image/v2/images", {"name": "hidden", "disk_format": "raw", "container_format": "bare", "visibility": "private"})["id"]
        self.act(server, "rebuild", {"imageRef": hidden}, (400, 404), token=self.member)

    def test_CVE_2013_2096_a_disk_without_end_boots_on_no_flavor(self):
        image = self.post("/image/v2/images", {"name": "large", "disk_format": "qcow2", "container_format": "bare", "visibility": "public"})["id"]
        self.ask("PUT", "/image/v2/images/%s/file" % image, hostile.qcow2(size=10 << 40), 204, headers={"Content-Type": "application/octet-stream"})
        self.boot(400, imageRef=image)
        self.ask("POST", "/volume/v3/volumes", {"volume": {"size": 1, "imageRef": image}}, 400)
        self.boot(400, imageRef=None, block_device_mapping_v2=[{"boot_index": 0, "uuid": image, "source_type": "image",
                                                                 "destination_type": "volume", "volume_size": 1}])

    def test_CVE_2012_3361_files_are_not_injected(self):
        for path in ("../../etc/passwd", "/etc/passwd", "a"):
            body = [{"path": path, "contents": base64.b64encode(b"x").decode()}]
            self.boot(400, personality=body)
            answer = self.boot((202, 400), personality=body, headers={"OpenStack-API-Version": "compute 2.50"})
            if "id" in answer:
                self.settled(answer, "ACTIVE", "ERROR")

    def test_CVE_2019_14433_a_fault_tells_the_tenant_no_more_than_it_needs(self):
        """A flavor that no host has room for, and a server whose image is gone: what the tenant sees names no path or address."""
        self.post(COMPUTE + "/flavors", {"flavor": {"id": "huge", "name": "huge", "ram": 64, "vcpus": 1, "disk": 1 << 20}})
        net = self.ask("POST", "/network/v2.0/networks", {"network": {"name": "n"}}, token=self.member)["network"]["id"]
        self.ask("POST", "/network/v2.0/subnets", {"subnet": {"network_id": net, "cidr": "10.9.0.0/24", "ip_version": 4}}, token=self.member)
        server = self.boot(flavorRef="huge", networks=[{"uuid": net}], token=self.member)
        shown = self.cloud.until(lambda: (lambda row: row["status"] == "ERROR" and row)(self.show(server, token=self.member)))
        self.assertNotIn("details", shown["fault"])
        for word in (self.cloud.data, "/var/lib", "instances/", "127.0.0.1", "libvirt", ".c:"):
            self.assertNotIn(word, str(shown["fault"]))
