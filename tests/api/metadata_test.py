# SPDX-License-Identifier: Apache-2.0
"""A server's metadata and its console: what a guest and a browser get, on the fake drivers."""
import base64
import hashlib
import hmac
import os
import socket
import urllib.parse
import uuid

from cloud import CloudTest

COMPUTE = "/compute/v2.1"
LATEST = {"OpenStack-API-Version": "compute 2.93"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlRpoJRJmWKYzMk1cQhNMo0lKE1cOYVFdYmTwMpHXfA user@host"
USER_DATA = b"#!/bin/sh\necho \xff\x00\n"


class MetadataTest(CloudTest):
    agent = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.network = cls.post("/network/v2.0/networks", {"network": {"name": "net"}})["network"]["id"]
        cls.post("/network/v2.0/subnets", {"subnet": {"network_id": cls.network, "cidr": "10.1.0.0/24", "ip_version": 4,
                                                      "dns_nameservers": ["9.9.9.9"]}})
        cls.post(COMPUTE + "/flavors", {"flavor": {"id": "1", "name": "tiny", "ram": 64, "vcpus": 1, "disk": 1}})
        cls.post(COMPUTE + "/os-keypairs", {"keypair": {"name": "mine", "public_key": KEY}})
        image = cls.post("/image/v2/images", {"name": "image", "disk_format": "raw", "container_format": "bare"})["id"]
        cls.cloud.request("PUT", "/image/v2/images/%s/file" % image, b"\0" * 65536,
                          headers={"Content-Type": "application/octet-stream"})
        cls.server = cls.post(COMPUTE + "/servers", {"server": {
            "name": "My Server", "flavorRef": "1", "imageRef": image, "networks": [{"uuid": cls.network}], "key_name": "mine",
            "metadata": {"role": "web"}, "user_data": base64.b64encode(USER_DATA).decode()}})["server"]["id"]
        cls.cloud.until(lambda: cls.show()["status"] == "ACTIVE", what="the server")
        cls.address = cls.show()["addresses"]["net"][0]["addr"]

    @classmethod
    def post(cls, path, body):
        status, _, answer = cls.cloud.request("POST", path, body, headers=LATEST)
        assert status in (200, 201, 202), (path, status, answer)
        return answer

    @classmethod
    def show(cls):
        return cls.cloud.request("GET", COMPUTE + "/servers/" + cls.server, headers=LATEST)[2]["server"]

    def signed(self, address=None, network=None, secret=None):
        if secret is None:
            with open(os.path.join(self.cloud.data, "metadata_secret")) as file:
                secret = file.read().strip()
        text = ((network or self.network) + (address or self.address)).encode()
        return {"X-Forwarded-For": address or self.address, "X-Neutron-Network-ID": network or self.network,
                "X-Metadata-Signature": hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}

    def guest(self, path, expect=200, method="GET", body=None, **who):
        status, _, answer = self.cloud.request(method, "/metadata" + path, body, token="", headers=self.signed(**who))
        self.assertEqual(expect, status, "%s: %s" % (path, answer))
        return answer.decode() if isinstance(answer, bytes) and path.split("/")[-1] not in ("user_data", "user-data") else answer

    # ---- who may ask ----

    def test_only_the_servers_own_address_is_answered(self):
        self.guest("/openstack/latest/meta_data.json", expect=403, secret="guess")
        self.guest("/openstack/latest/meta_data.json", expect=404, address="10.1.0.250")
        self.guest("/openstack/latest/meta_data.json", expect=404, network=str(uuid.uuid4()))
        status, _, _ = self.cloud.request("GET", "/metadata/openstack/latest/meta_data.json", token="")
        self.assertEqual(400, status)

    def test_a_proxy_of_neutron_names_the_server(self):
        with open(os.path.join(self.cloud.data, "metadata_secret")) as file:
            secret = file.read().strip().encode()
        headers = {"X-Instance-ID": self.server, "X-Tenant-ID": self.show()["tenant_id"],
                   "X-Instance-ID-Signature": hmac.new(secret, self.server.encode(), hashlib.sha256).hexdigest()}
        status, _, answer = self.cloud.request("GET", "/metadata/openstack/latest/meta_data.json", token="", headers=headers)
        self.assertEqual((200, self.server), (status, answer["uuid"]))
        headers["X-Tenant-ID"] = "other"
        self.assertEqual(404, self.cloud.request("GET", "/metadata/latest/meta-data", token="", headers=headers)[0])

    # ---- the trees ----

    def test_the_openstack_tree(self):
        self.assertEqual("latest", self.guest("/openstack").split("\n")[-1])
        self.assertEqual(["meta_data.json", "user_data"], self.guest("/openstack/2012-08-10").split("\n"))
        self.assertIn("vendor_data2.json", self.guest("/openstack/latest/").split("\n"))
        data = self.guest("/openstack/latest/meta_data.json")
        self.assertEqual((self.server, "My Server", {"role": "web"}, {"mine": KEY}),
                         (data["uuid"], data["name"], data["meta"], data["public_keys"]))
        self.assertEqual("my-server.novalocal", data["hostname"])
        self.assertEqual([{"name": "mine", "type": "ssh", "data": KEY}], data["keys"])
        self.assertEqual(512, len(base64.b64decode(data["random_seed"])))
        self.assertNotIn("random_seed", self.guest("/openstack/2012-08-10/meta_data.json"))
        self.assertEqual(USER_DATA, self.guest("/openstack/latest/user_data"))
        self.assertEqual({}, self.guest("/openstack/latest/vendor_data.json"))
        network = self.guest("/openstack/latest/network_data.json")
        self.assertEqual("ipv4_dhcp", network["networks"][0]["type"])
        self.assertEqual([{"type": "dns", "address": "9.9.9.9"}], network["services"])
        self.assertEqual(network["links"][0]["id"], network["networks"][0]["link"])
        for path in ("/openstack/2011-01-01", "/openstack/latest/nope", "/openstack/2012-08-10/network_data.json"):
            self.guest(path, expect=404)

    def test_the_ec2_tree(self):
        self.assertEqual("1.0", self.guest("/").split("\n")[0])
        self.assertEqual("meta-data/\nuser-data", self.guest("/latest"))
        listed = self.guest("/latest/meta-data/").split("\n")
        self.assertEqual(sorted(listed), listed)
        self.assertNotIn("placement/", self.guest("/2007-12-15/meta-data/").split("\n"))
        self.assertEqual("my-server.novalocal", self.guest("/latest/meta-data/local-hostname"))
        self.assertEqual(self.address, self.guest("/latest/meta-data/local-ipv4"))
        self.assertEqual("tiny", self.guest("/latest/meta-data/instance-type"))
        self.assertEqual("0=mine", self.guest("/latest/meta-data/public-keys/"))
        self.assertEqual(KEY, self.guest("/latest/meta-data/public-keys/0/openssh-key"))
        self.assertEqual("nova", self.guest("/latest/meta-data/placement/availability-zone"))
        self.assertEqual("/dev/vda", self.guest("/latest/meta-data/block-device-mapping/root"))
        self.assertEqual("default", self.guest("/latest/meta-data/security-groups"))
        self.assertEqual(USER_DATA, self.guest("/2009-04-04/user-data"))
        self.guest("/latest/meta-data/nope", expect=404)
        self.guest("/3000-01-01/meta-data", expect=404)

    def test_the_guest_tells_its_password_once(self):
        self.guest("/openstack/latest/password", method="POST", body=b"x" * 1021, expect=400)
        self.guest("/openstack/latest/password", method="POST", body=b"encrypted")
        self.guest("/openstack/latest/password", method="POST", body=b"again", expect=409)
        self.assertEqual("encrypted", self.guest("/openstack/latest/password"))
        shown = self.ask("GET", COMPUTE + "/servers/%s/os-server-password" % self.server)
        self.assertEqual("encrypted", shown["password"])

    # ---- the console ----

    def console(self):
        body = {"os-getVNCConsole": {"type": "novnc"}}
        url = self.ask("POST", COMPUTE + "/servers/%s/action" % self.server, body, expect=200)
        url = urllib.parse.urlparse(url["console"]["url"])
        return url, urllib.parse.parse_qs(url.query)["path"][0]

    def websocket(self, url, path, **headers):
        lines = {"Host": url.netloc, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==", "Sec-WebSocket-Protocol": "binary"}
        lines.update(headers)
        connection = socket.create_connection((url.hostname, url.port), timeout=10)
        head = "".join("%s: %s\r\n" % item for item in lines.items())
        connection.sendall(("GET /%s HTTP/1.1\r\n%s\r\n" % (path, head)).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = connection.recv(4096)
            if not more:
                break
            answer += more
        status, _, rest = answer.partition(b"\r\n\r\n")
        return connection, int(status.split()[1]), rest

    def test_a_good_token_joins_the_display(self):
        display = socket.socket()
        display.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            display.bind(("127.0.0.1", 5900))
        except OSError:
            self.skipTest("something else has port 5900, which the fake driver names")
        display.listen(1)
        url, path = self.console()
        connection, status, rest = self.websocket(url, path, Origin="http://" + url.netloc)
        screen, _ = display.accept()
        screen.sendall(b"RFB 003.008\n")
        while len(rest) < 14:
            rest += connection.recv(100)
        self.assertEqual((101, b"\x82\x0cRFB 003.008\n"), (status, rest))
        connection.sendall(bytes([0x82, 0x82, 0, 0, 0, 0]) + b"hi")
        self.assertEqual(b"hi", screen.recv(2))
        for each in (connection, screen, display):
            each.close()

    def test_a_bad_token_ends_the_connection(self):
        url, path = self.console()
        connection, status, rest = self.websocket(url, path.replace("token=", "token=bad"))
        self.assertEqual((101, b""), (status, rest + connection.recv(10)))
        connection.close()

    def test_pages_of_other_sites_are_refused(self):
        url, path = self.console()
        connection, status, _ = self.websocket(url, path, Origin="http://evil.example")
        self.assertEqual(403, status)
        connection.close()

    def test_files_outside_are_not_served(self):
        for path in ("..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/passwd", "/etc/passwd", ".hidden"):
            self.assertIn(self.cloud.request("GET", "/console/" + path, token="")[0], (404, 501))

    def test_the_token_is_told_to_operators_alone(self):
        _, path = self.console()
        token = path.partition("token=")[2]
        shown = self.ask("GET", COMPUTE + "/os-console-auth-tokens/" + token, headers=LATEST)["console"]
        self.assertEqual((self.server, 5900), (shown["instance_uuid"], shown["port"]))
        self.ask("GET", COMPUTE + "/os-console-auth-tokens/" + str(uuid.uuid4()), expect=404, headers=LATEST)
