# SPDX-License-Identifier: Apache-2.0
"""What compute has beside servers: flavors, key pairs, groups, quotas, hosts, consoles, and the metadata service."""
import base64
import hashlib
import unittest
import uuid

from cloud import CloudTest

COMPUTE = "/compute/v2.1"
PUBLIC_KEY = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlRpoJRJmWKYzMk1cQhNMo0lKE1cOYVFdYmTwMpHXfA user@host")


def version(minor):
    return {"OpenStack-API-Version": "compute 2.%d" % minor}


class ComputeSideTest(CloudTest):
    agent = True

    def compute(self, method, path, body=None, expect=None, minor=93, token=None):
        return self.ask(method, COMPUTE + path, body, expect, token, version(minor))

    def flavor(self, minor=93, **more):
        body = {"name": "f-" + uuid.uuid4().hex, "ram": 64, "vcpus": 1, "disk": 1}
        return self.compute("POST", "/flavors", {"flavor": dict(body, **more)}, minor=minor)["flavor"]

    def member(self):
        """A new project with a user in it: (project id, token)."""
        name = "p-" + uuid.uuid4().hex
        project = self.ask("POST", "/identity/v3/projects", {"project": {"name": name}})["project"]["id"]
        user = self.ask("POST", "/identity/v3/users", {"user": {"name": name, "password": "secret"}})["user"]["id"]
        roles = self.ask("GET", "/identity/v3/roles?name=member")["roles"]
        self.ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, roles[0]["id"]))
        return project, self.cloud.login(name, "secret", project=project)

    # ---- flavors ----

    def test_flavors_show_what_their_version_has(self):
        made = self.flavor(swap=0, description="small")
        old = self.compute("GET", "/flavors/" + made["id"], minor=1)["flavor"]
        self.assertEqual("", old["swap"])
        self.assertNotIn("description", old)
        self.assertNotIn("extra_specs", old)
        new = self.compute("GET", "/flavors/" + made["id"])["flavor"]
        self.assertEqual((0, "small", {}), (new["swap"], new["description"], new["extra_specs"]))
        self.assertEqual({"self", "bookmark"}, {link["rel"] for link in new["links"]})

    def test_flavor_ids_and_names_are_unique(self):
        made = self.flavor(id="F 1.x-" + uuid.uuid4().hex)
        same = {"flavor": {"name": "other", "ram": 1, "vcpus": 1, "disk": 0, "id": made["id"]}}
        self.compute("POST", "/flavors", same, expect=409)
        for bad in ({"id": " x"}, {"id": "a/b"}, {"ram": 0}, {"rxtx_factor": 0}, {"name": " "}, {"unknown": 1}):
            body = dict({"name": uuid.uuid4().hex, "ram": 1, "vcpus": 1, "disk": 0}, **bad)
            self.compute("POST", "/flavors", {"flavor": body}, expect=400)

    def test_flavors_are_filtered_sorted_and_paged(self):
        names = {self.flavor(ram=5000 + i, disk=700)["id"]: 5000 + i for i in range(3)}
        found = self.compute("GET", "/flavors/detail?minRam=5000&minDisk=700&sort_key=memory_mb&sort_dir=desc")["flavors"]
        self.assertEqual([5002, 5001, 5000], [f["ram"] for f in found if f["id"] in names])
        page = self.compute("GET", "/flavors?limit=1&minRam=5000")
        self.assertEqual(1, len(page["flavors"]))
        self.assertIn("marker=" + page["flavors"][0]["id"], page["flavors_links"][0]["href"])
        for query in ("minRam=x", "sort_key=nope", "marker=nope", "limit=-1", "is_public=maybe", "unknown=1"):
            self.compute("GET", "/flavors?" + query, expect=400)
        self.compute("GET", "/flavors?unknown=1", minor=74)

    def test_flavors_that_are_not_public_are_for_whom_has_access(self):
        private = self.flavor(**{"os-flavor-access:is_public": False})["id"]
        project, token = self.member()
        self.compute("GET", "/flavors/" + private, token=token, expect=404)
        add = {"addTenantAccess": {"tenant": project}}
        self.compute("POST", "/flavors/%s/action" % private, add, token=token, expect=403)
        listed = self.compute("POST", "/flavors/%s/action" % private, add)["flavor_access"]
        self.assertEqual([{"flavor_id": private, "tenant_id": project}], listed)
        self.compute("POST", "/flavors/%s/action" % private, add, expect=409)
        self.compute("POST", "/flavors/%s/action" % private, {"addTenantAccess": {"tenant": "nobody"}}, expect=400)
        self.assertIn(private, [f["id"] for f in self.compute("GET", "/flavors", token=token)["flavors"]])
        self.compute("POST", "/flavors/%s/action" % private, {"removeTenantAccess": {"tenant": project}})
        self.assertNotIn(private, [f["id"] for f in self.compute("GET", "/flavors", token=token)["flavors"]])
        self.assertIn(private, [f["id"] for f in self.compute("GET", "/flavors?is_public=None")["flavors"]])
        public = self.flavor()["id"]
        self.compute("GET", "/flavors/%s/os-flavor-access" % public, expect=404)
        self.compute("POST", "/flavors/%s/action" % public, add, expect=409)

    def test_extra_specs_live_and_are_checked_from_2_86_on(self):
        path = "/flavors/%s/os-extra_specs" % self.flavor()["id"]
        self.compute("POST", path, {"extra_specs": {"hw:numa_nodes": "1", "mine": 5}})
        self.assertEqual({"hw:numa_nodes": "1", "mine": "5"}, self.compute("GET", path)["extra_specs"])
        self.compute("PUT", path + "/mine", {"mine": "6"})
        self.compute("PUT", path + "/mine", {"other": "6"}, expect=400)
        self.assertEqual({"mine": "6"}, self.compute("GET", path + "/mine"))
        bad = {"hw:numa_nodes": "0", "hw:cpu_policy": "none", "hw:nope": "1", "os:monitors": "9", "hw:numa_cpus.x": "1",
               "trait:X": "maybe", "hw_rng:allowed": "perhaps"}
        for name, value in bad.items():
            self.compute("POST", path, {"extra_specs": {name: value}}, expect=400)
        good = {"hw:numa_cpus.0": "0-1,^1", "trait1:CUSTOM_X": "required", "resources:VCPU": "2", "free:form": "x",
                "hw:mem_page_size": "2MB", "capabilities:cpu_info:x": "y"}
        self.compute("POST", path, {"extra_specs": good})
        self.compute("POST", path, {"extra_specs": {"hw:nope": "1"}}, minor=85)
        self.compute("DELETE", path + "/mine")
        self.compute("DELETE", path + "/mine", expect=404)

    def test_descriptions_change_from_2_55_on(self):
        made = self.flavor()
        body = {"flavor": {"description": "new"}}
        self.assertEqual("new", self.compute("PUT", "/flavors/" + made["id"], body)["flavor"]["description"])
        self.compute("PUT", "/flavors/" + made["id"], {"flavor": {}}, expect=400)
        self.compute("PUT", "/flavors/" + made["id"], {"flavor": {"ram": 5}}, expect=400)
        self.compute("PUT", "/flavors/" + made["id"], body, minor=54, expect=404)
        self.compute("DELETE", "/flavors/" + made["id"], expect=202)
        self.compute("GET", "/flavors/" + made["id"], expect=404)

    # ---- key pairs ----

    def test_key_pairs_are_imported_and_made(self):
        name = uuid.uuid4().hex
        body = {"keypair": {"name": name, "public_key": PUBLIC_KEY}}
        made = self.compute("POST", "/os-keypairs", body, expect=201)["keypair"]
        self.assertNotIn("private_key", made)
        digest = hashlib.md5(base64.b64decode(PUBLIC_KEY.split()[1])).hexdigest()
        self.assertEqual(digest, made["fingerprint"].replace(":", ""))
        self.compute("POST", "/os-keypairs", body, expect=409)
        shown = self.compute("GET", "/os-keypairs/" + name)["keypair"]
        self.assertEqual((PUBLIC_KEY, "ssh", False), (shown["public_key"], shown["type"], shown["deleted"]))
        own = self.compute("POST", "/os-keypairs", {"keypair": {"name": name + "-own"}}, minor=1, expect=200)["keypair"]
        self.assertIn("BEGIN RSA PRIVATE KEY", own["private_key"])
        self.assertNotIn("type", own)
        x509 = self.compute("POST", "/os-keypairs", {"keypair": {"name": name + "-x", "type": "x509"}}, minor=2)["keypair"]
        self.assertIn("BEGIN CERTIFICATE", x509["public_key"])
        listed = self.compute("GET", "/os-keypairs")["keypairs"]
        self.assertTrue({name, name + "-own", name + "-x"} <= {item["keypair"]["name"] for item in listed})
        page = self.compute("GET", "/os-keypairs?limit=1&marker=" + name)
        self.assertEqual(name + "-own", page["keypairs"][0]["keypair"]["name"])
        self.assertIn("keypairs_links", page)
        self.compute("DELETE", "/os-keypairs/" + name, expect=204)
        self.compute("DELETE", "/os-keypairs/" + name + "-own", minor=1, expect=202)
        self.compute("GET", "/os-keypairs/" + name, expect=404)

    def test_key_pairs_refuse_what_is_wrong(self):
        for bad in ({"name": "a b!"}, {"name": " a"}, {"name": "x", "public_key": "ssh-rsa AAAA"}, {"name": "x", "type": "t"},
                    {}, {"name": ""}):
            self.compute("POST", "/os-keypairs", {"keypair": bad}, minor=91, expect=400)
        self.compute("POST", "/os-keypairs", {"keypair": {"name": "needs"}}, minor=92, expect=400)
        self.compute("POST", "/os-keypairs", {"keypair": {"name": "a@b.c", "public_key": PUBLIC_KEY}}, minor=91, expect=400)
        self.compute("POST", "/os-keypairs", {"keypair": {"name": "a@b.c", "public_key": PUBLIC_KEY}}, minor=92)

    def test_key_pairs_belong_to_users(self):
        _, token = self.member()
        me = self.ask("GET", "/identity/v3/users?name=admin")["users"][0]["id"]
        self.compute("GET", "/os-keypairs?user_id=" + me, token=token, expect=403)
        body = {"keypair": {"name": "k", "public_key": PUBLIC_KEY, "user_id": me}}
        self.compute("POST", "/os-keypairs", body, token=token, expect=403)
        del body["keypair"]["user_id"]
        user = self.compute("POST", "/os-keypairs", body, token=token)["keypair"]["user_id"]
        self.assertEqual("k", self.compute("GET", "/os-keypairs/k?user_id=" + user)["keypair"]["name"])

    # ---- server groups ----

    def test_server_groups_in_old_and_new_words(self):
        old = self.compute("POST", "/os-server-groups", {"server_group": {"name": "g", "policies": ["affinity"]}}, minor=1)
        old = old["server_group"]
        self.assertEqual((["affinity"], {}, []), (old["policies"], old["metadata"], old["members"]))
        new = self.compute("GET", "/os-server-groups/" + old["id"])["server_group"]
        self.assertEqual(("affinity", {}), (new["policy"], new["rules"]))
        self.assertNotIn("policies", new)
        body = {"server_group": {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": "3"}}}
        self.assertEqual({"max_server_per_host": 3},
                         self.compute("POST", "/os-server-groups", body)["server_group"]["rules"])
        for minor, bad in ((93, {"policy": "affinity", "rules": {"max_server_per_host": 3}}), (93, {"policy": "x"}),
                           (93, {"policies": ["affinity"]}), (14, {"policies": ["soft-affinity"]}), (63, {"policies": []}),
                           (63, {"policies": ["affinity", "affinity"]}), (93, {"policy": "anti-affinity", "rules": {"x": 1}})):
            self.compute("POST", "/os-server-groups", {"server_group": dict(bad, name="g")}, minor=minor, expect=400)
        _, token = self.member()
        self.compute("GET", "/os-server-groups/" + old["id"], token=token, expect=404)
        self.assertEqual([], self.compute("GET", "/os-server-groups", token=token)["server_groups"])
        self.compute("DELETE", "/os-server-groups/" + old["id"], expect=204)
        self.compute("GET", "/os-server-groups/" + old["id"], expect=404)

    # ---- quotas ----

    def test_quotas_of_projects_hold(self):
        project, token = self.member()
        path = "/os-quota-sets/" + project
        self.assertEqual(10, self.compute("GET", path)["quota_set"]["server_groups"])
        changed = self.compute("PUT", path, {"quota_set": {"server_groups": 1, "cores": "-1"}})["quota_set"]
        self.assertEqual((1, -1), (changed["server_groups"], changed["cores"]))
        group = {"server_group": {"name": "g", "policy": "affinity"}}
        self.compute("POST", "/os-server-groups", group, token=token)
        self.compute("POST", "/os-server-groups", group, token=token, expect=403)
        detail = self.compute("GET", path + "/detail")["quota_set"]["server_groups"]
        self.assertEqual({"in_use": 1, "limit": 1, "reserved": 0}, detail)
        self.compute("PUT", path, {"quota_set": {"server_groups": 0}}, expect=400)
        self.compute("PUT", path, {"quota_set": {"server_groups": 0, "force": True}})
        limits = self.compute("GET", "/limits", token=token)["limits"]["absolute"]
        self.assertEqual((0, 1), (limits["maxServerGroups"], limits["totalServerGroupsUsed"]))
        self.compute("DELETE", path, expect=202)
        self.assertEqual(10, self.compute("GET", path)["quota_set"]["server_groups"])
        self.compute("PUT", path, {"quota_set": {"cores": 1}}, token=token, expect=403)
        for bad in ({"nope": 1}, {"cores": -2}, {"cores": "x"}, {"cores": 1 << 40}, {"cores": None}, {"floating_ips": 1}):
            self.compute("PUT", path, {"quota_set": bad}, expect=400)
        self.compute("GET", "/os-quota-sets/nobody", expect=400)

    def test_quota_names_leave_with_versions(self):
        project, _ = self.member()
        names = [set(self.compute("GET", "/os-quota-sets/" + project, minor=minor)["quota_set"]) for minor in (35, 36, 57)]
        self.assertEqual({"fixed_ips", "floating_ips", "security_groups", "security_group_rules"}, names[0] - names[1])
        self.assertEqual({"injected_files", "injected_file_content_bytes", "injected_file_path_bytes"}, names[1] - names[2])

    def test_the_default_class_is_every_projects_default(self):
        project, _ = self.member()
        path = "/os-quota-class-sets/default"
        self.compute("PUT", path, {"quota_class_set": {"metadata_items": 77}})
        self.assertEqual(77, self.compute("GET", path)["quota_class_set"]["metadata_items"])
        self.assertEqual(77, self.compute("GET", "/os-quota-sets/" + project)["quota_set"]["metadata_items"])
        self.assertEqual(77, self.compute("GET", "/os-quota-sets/%s/defaults" % project)["quota_set"]["metadata_items"])
        self.compute("PUT", path, {"quota_class_set": {"metadata_items": 128}})

    # ---- hosts ----

    def host(self):
        return self.compute("GET", "/os-hypervisors/detail", minor=87)["hypervisors"][0]

    def test_hypervisors_by_version(self):
        host = self.host()
        self.assertEqual(("up", "enabled", "fake"), (host["state"], host["status"], host["hypervisor_type"]))
        self.assertEqual(host["memory_mb"], host["free_ram_mb"] + host["memory_mb_used"])
        old = self.compute("GET", "/os-hypervisors", minor=52)["hypervisors"][0]
        self.assertIsInstance(old["id"], int)
        self.assertEqual(old["id"], self.compute("GET", "/os-hypervisors/%d" % old["id"], minor=1)["hypervisor"]["id"])
        new = self.compute("GET", "/os-hypervisors/" + host["id"], minor=88)["hypervisor"]
        self.assertIn("uptime", new)
        self.assertNotIn("vcpus", new)
        name = host["hypervisor_hostname"]
        self.assertEqual(1, len(self.compute("GET", "/os-hypervisors/%s/search" % name, minor=1)["hypervisors"]))
        self.assertEqual(1, len(self.compute("GET", "/os-hypervisors?hypervisor_hostname_pattern=" + name)["hypervisors"]))
        self.compute("GET", "/os-hypervisors?hypervisor_hostname_pattern=no%25such", expect=404)
        self.compute("GET", "/os-hypervisors/1", expect=400)
        self.compute("GET", "/os-hypervisors/" + str(uuid.uuid4()), expect=404)
        statistics = self.compute("GET", "/os-hypervisors/statistics", minor=87)["hypervisor_statistics"]
        self.assertEqual((1, host["vcpus"]), (statistics["count"], statistics["vcpus"]))
        self.compute("GET", "/os-hypervisors/statistics", minor=88, expect=(400, 404))

    def test_services_are_disabled_and_forced_down(self):
        listed = self.compute("GET", "/os-services")["services"]
        self.assertEqual({"nova-scheduler", "nova-conductor", "nova-compute"}, {s["binary"] for s in listed})
        service = self.compute("GET", "/os-services?binary=nova-compute")["services"][0]
        path = "/os-services/" + service["id"]
        changed = self.compute("PUT", path, {"status": "disabled", "disabled_reason": "work"})["service"]
        self.assertEqual(("disabled", "work"), (changed["status"], changed["disabled_reason"]))
        self.compute("PUT", path, {"disabled_reason": "x"}, expect=400)
        self.assertEqual("down", self.compute("PUT", path, {"forced_down": True})["service"]["state"])
        self.compute("PUT", path, {"forced_down": False, "status": "enabled"})
        body = {"host": service["host"], "binary": "nova-compute"}
        self.assertEqual("disabled", self.compute("PUT", "/os-services/disable", body, minor=1)["service"]["status"])
        self.assertEqual("enabled", self.compute("PUT", "/os-services/enable", body, minor=1)["service"]["status"])
        self.compute("PUT", "/os-services/enable", dict(body, binary="nova-conductor"), minor=1, expect=400)
        self.compute("PUT", "/os-services/enable", dict(body, host="nowhere"), minor=1, expect=404)
        self.compute("PUT", "/os-services/1", {"status": "enabled"}, expect=400)

    def test_aggregates_put_hosts_into_zones(self):
        host = self.host()["service"]["host"]
        made = self.compute("POST", "/os-aggregates", {"aggregate": {"name": "a", "availability_zone": "z"}})["aggregate"]
        self.assertNotIn("hosts", made)
        path = "/os-aggregates/%d" % made["id"]
        self.compute("POST", "/os-aggregates", {"aggregate": {"name": "a"}}, expect=409)
        added = self.compute("POST", path + "/action", {"add_host": {"host": host}})["aggregate"]
        self.assertEqual(([host], {"availability_zone": "z"}), (added["hosts"], added["metadata"]))
        self.compute("POST", path + "/action", {"add_host": {"host": host}}, expect=409)
        self.compute("POST", path + "/action", {"add_host": {"host": "nowhere"}}, expect=404)
        zones = self.compute("GET", "/os-availability-zone")["availabilityZoneInfo"]
        self.assertEqual([{"zoneName": "z", "zoneState": {"available": True}, "hosts": None}], zones)
        other = self.compute("POST", "/os-aggregates", {"aggregate": {"name": "b", "availability_zone": "y"}})["aggregate"]
        self.compute("POST", "/os-aggregates/%d/action" % other["id"], {"add_host": {"host": host}}, expect=409)
        set_metadata = {"set_metadata": {"metadata": {"ssd": "true", "availability_zone": "y"}}}
        changed = self.compute("POST", path + "/action", set_metadata)["aggregate"]
        self.assertEqual({"ssd": "true", "availability_zone": "y"}, changed["metadata"])
        detail = self.compute("GET", "/os-availability-zone/detail")["availabilityZoneInfo"]
        self.assertTrue(detail[1]["hosts"][host]["nova-compute"]["available"])
        self.compute("DELETE", path, expect=400)
        self.compute("POST", path + "/action", {"remove_host": {"host": host}})
        self.compute("POST", path + "/action", {"remove_host": {"host": host}}, expect=404)
        for aggregate in (made, other):
            self.compute("DELETE", "/os-aggregates/%d" % aggregate["id"])
        self.compute("GET", path, expect=404)
        self.assertEqual("nova", self.compute("GET", "/os-availability-zone")["availabilityZoneInfo"][0]["zoneName"])

    def test_members_see_no_hosts(self):
        _, token = self.member()
        for path in ("/os-hypervisors", "/os-services", "/os-aggregates", "/os-availability-zone/detail",
                     "/os-simple-tenant-usage", "/os-instance_usage_audit_log"):
            self.compute("GET", path, token=token, expect=403)
        self.compute("GET", "/os-availability-zone", token=token)

    # ---- small things ----

    def test_what_is_gone_and_what_is_missing(self):
        self.compute("GET", "/os-cells", expect=410)
        self.compute("GET", "/os-baremetal-nodes", minor=35, expect=501)
        self.compute("GET", "/os-baremetal-nodes", minor=36, expect=404)
        self.assertEqual("Consoles", self.compute("GET", "/extensions/os-consoles")["extension"]["name"])
        self.compute("GET", "/extensions/nope", expect=404)

    def test_volumes_and_networks_in_old_words(self):
        network = self.ask("POST", "/network/v2.0/networks", {"network": {"name": "old"}})["network"]["id"]
        listed = self.compute("GET", "/os-tenant-networks", minor=35)["networks"]
        self.assertIn({"id": network, "label": "old", "cidr": "None"}, listed)
        self.assertEqual("old", self.compute("GET", "/os-networks/" + network, minor=35)["network"]["label"])
        self.compute("GET", "/os-networks/" + str(uuid.uuid4()), minor=35, expect=404)
        body = {"volume": {"size": "1", "display_name": "v", "metadata": {"a": "b"}}}
        volume = self.compute("POST", "/os-volumes", body, minor=35)["volume"]
        self.assertEqual(("v", 1, {"a": "b"}, [{}]),
                         (volume["displayName"], volume["size"], volume["metadata"], volume["attachments"]))
        path = "/os-volumes/" + volume["id"]
        self.cloud.until(lambda: self.compute("GET", path, minor=35)["volume"]["status"] == "available")
        self.assertIn(volume["id"], [v["id"] for v in self.compute("GET", "/os-volumes", minor=35)["volumes"]])
        snapshot = self.compute("POST", "/os-snapshots", {"snapshot": {"volume_id": volume["id"]}}, minor=35)["snapshot"]
        self.assertEqual(volume["id"], snapshot["volumeId"])
        one = "/os-snapshots/" + snapshot["id"]
        self.cloud.until(lambda: self.compute("GET", one, minor=35)["snapshot"]["status"] == "available")
        self.compute("DELETE", one, minor=35, expect=202)
        self.cloud.until(lambda: not self.compute("GET", "/os-snapshots", minor=35)["snapshots"])
        self.compute("DELETE", path, minor=35, expect=202)
        self.compute("GET", "/os-volumes", minor=36, expect=404)

    def test_events_of_unknown_servers_fail_one_by_one(self):
        event = {"server_uuid": str(uuid.uuid4()), "name": "network-changed"}
        answer = self.compute("POST", "/os-server-external-events", {"events": [event]}, expect=207)
        self.assertEqual((404, "failed"), (answer["events"][0]["code"], answer["events"][0]["status"]))
        event["name"] = "nope"
        self.compute("POST", "/os-server-external-events", {"events": [event]}, expect=400)

    def test_usage_wants_a_period(self):
        self.compute("GET", "/os-simple-tenant-usage?start=2030-01-01T00:00:00&end=2029-01-01T00:00:00", expect=400)
        self.compute("GET", "/os-simple-tenant-usage?start=yesterday", expect=400)
        self.assertEqual([], self.compute("GET", "/os-simple-tenant-usage?start=2001-01-01T00:00:00&"
                                                 "end=2001-02-01T00:00:00")["tenant_usages"])


if __name__ == "__main__":
    unittest.main()
