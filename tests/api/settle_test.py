# SPDX-License-Identifier: Apache-2.0
"""Nothing stays on its way for ever: states without tasks and tasks without an end are ended with a recorded cause; what
happened can be asked for; delete always works."""
import signal
import subprocess
import time

from cloud import PROGRAM, freeze
from servers_test import COMPUTE, LATEST, ServersTest

VOLUME = "/volume/v3"


class SettleBase(ServersTest):
    settings = ("tasks.settle_seconds=2",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.unlimited(cls.cloud.request("GET", "/identity/v3/projects?name=admin")[2]["projects"][0]["id"])

    @classmethod
    def unlimited(cls, project):
        for path, names in ((COMPUTE, ("instances", "cores", "ram")), (VOLUME, ("volumes", "snapshots"))):
            cls.cloud.request("PUT", "%s/os-quota-sets/%s" % (path, project), {"quota_set": dict.fromkeys(names, -1)})

    def why(self, resource, id):
        done = subprocess.run([PROGRAM, "why", "--data", self.cloud.data, resource, id], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def quiet(self):
        self.cloud.until(lambda: self.cloud.sql("SELECT count(*) FROM rest_task") == [["0"]], what="no task")

    def volume(self, status="available"):
        volume = self.ask("POST", VOLUME + "/volumes", {"volume": {"size": 1}}, 202)["volume"]["id"]
        self.until_volume(volume, status)
        return volume

    def until_volume(self, volume, status):
        self.cloud.until(lambda: self.ask("GET", VOLUME + "/volumes/" + volume)["volume"]["status"] == status,
                         what="volume %s" % status)

    def gone(self, path):
        self.cloud.until(lambda: self.cloud.request("GET", path)[0] == 404, what="the end of " + path)


class SettleTest(SettleBase):
    def test_states_without_a_task_end_with_a_fault(self):
        server, volume, image = self.active(), self.volume(), self.make_image()
        self.quiet()
        self.cloud.sql("UPDATE compute_server SET task_state = 'suspending' WHERE id = '%s'" % server["id"],
                       "UPDATE volume_volume SET status = 'creating' WHERE id = '%s'" % volume,
                       "UPDATE image_image SET status = 'saving' WHERE id = '%s'" % image)
        shown = self.settled(server, "ERROR")
        self.assertRegex(shown["fault"]["message"], "suspending.*nothing has worked on it for [0-9]+ s")
        self.until_volume(volume, "error")
        self.cloud.until(lambda: self.ask("GET", "/image/v2/images/" + image)["status"] == "queued")
        self.assertIn("it stayed in suspending", self.why("server", server["id"]))
        self.remove(server)
        self.ask("DELETE", VOLUME + "/volumes/" + volume)
        self.ask("DELETE", "/image/v2/images/" + image)

    def test_a_server_that_stays_in_deleting_is_deleted(self):
        server = self.active()
        self.quiet()
        self.cloud.sql("UPDATE compute_server SET task_state = 'deleting' WHERE id = '%s'" % server["id"])
        self.gone(COMPUTE + "/servers/" + server["id"])

    def test_a_task_whose_time_is_over_has_failed(self):
        server = self.active()
        self.quiet()
        agent = self.cloud.processes[1]
        freeze(agent)
        try:
            self.act(server, "suspend")
            self.cloud.until(lambda: self.cloud.sql("SELECT running FROM rest_task WHERE resource_id = '%s'" % server["id"])
                             == [["1"]], what="the task is sent")
            self.cloud.sql("UPDATE rest_task SET deadline = %d WHERE resource_id = '%s'"
                           % ((time.time() - 40) * 1000000, server["id"]))
            shown = self.settled(server, "ACTIVE")
        finally:
            agent.send_signal(signal.SIGCONT)
        self.assertIsNone(shown["OS-EXT-STS:task_state"])
        actions = self.compute("GET", "/servers/%s/os-instance-actions" % server["id"])["instanceActions"]
        self.assertEqual([action["message"] for action in actions if action["action"] == "suspend"], ["Error"])
        self.assertRegex(self.why("server", server["id"]), "compute.power failed for good.*it did not end within")
        self.quiet()
        self.remove(server)


class DeleteTest(SettleBase):
    """Whatever a row says, it can be deleted, as often as one likes."""
    settings = ()

    VM_STATES = ("active", "building", "stopped", "paused", "suspended", "rescued", "resized", "error", "shelved",
                 "shelved_offloaded")
    TASK_STATES = ("spawning", "block_device_mapping", "rebooting", "powering-off", "image_snapshot", "resize_prep",
                   "resize_reverting", "rebuilding", "shelving", "unshelving", "deleting")

    def test_servers_from_each_state(self):
        states = [(vm, None) for vm in self.VM_STATES] + [("active", task) for task in self.TASK_STATES]
        servers = [self.active() for _ in states]
        self.quiet()
        for server, (vm, task) in zip(servers, states):
            self.cloud.sql("UPDATE compute_server SET vm_state = '%s', task_state = %s WHERE id = '%s'"
                           % (vm, "'%s'" % task if task else "NULL", server["id"]))
        for server in servers:
            self.compute("DELETE", "/servers/" + server["id"], None, 204)
            self.compute("DELETE", "/servers/" + server["id"], None, (204, 404))
        for server in servers:
            self.gone(COMPUTE + "/servers/" + server["id"])
            self.compute("DELETE", "/servers/" + server["id"], None, 404)

    def test_servers_whose_host_is_not_there(self):
        for state in ("active", "error"):
            server = self.active()
            self.quiet()
            self.cloud.sql("UPDATE compute_server SET vm_state = '%s', host = 'nowhere' WHERE id = '%s'" % (state, server["id"]))
            self.compute("DELETE", "/servers/" + server["id"], None, 204)
            self.gone(COMPUTE + "/servers/" + server["id"])
        status, text = self.cloud.audit("--fix")        # what is left on the host that nobody knew of
        self.assertEqual(status, 0, text)

    def test_volumes_from_each_state(self):
        states = ("available", "error", "error_deleting", "error_extending", "error_restoring", "creating", "deleting",
                  "extending", "uploading", "attaching", "detaching", "reserved", "in-use", "awaiting-transfer")
        volumes = {status: self.volume() for status in states}
        self.quiet()
        for status, volume in volumes.items():
            self.cloud.sql("UPDATE volume_volume SET status = '%s' WHERE id = '%s'" % (status, volume))
        for status, volume in volumes.items():
            if status in states[:5]:
                self.ask("DELETE", VOLUME + "/volumes/" + volume, expect=202)
            else:
                self.ask("DELETE", VOLUME + "/volumes/" + volume, expect=400)
                self.ask("POST", VOLUME + "/volumes/%s/action" % volume, {"os-force_delete": {}}, 202)
        for volume in volumes.values():
            self.gone(VOLUME + "/volumes/" + volume)
            self.ask("DELETE", VOLUME + "/volumes/" + volume, expect=404)

    def test_volumes_whose_host_is_not_there(self):
        volume = self.volume()
        self.quiet()
        self.cloud.sql("UPDATE volume_volume SET host = 'nowhere@fake#fake', status = 'error' WHERE id = '%s'" % volume)
        self.ask("DELETE", VOLUME + "/volumes/" + volume, expect=202)
        self.ask("GET", VOLUME + "/volumes/" + volume, expect=404)
        self.assertEqual(self.cloud.audit("--fix")[0], 0)

    def test_snapshots_from_each_state(self):
        states = ("available", "error", "error_deleting", "creating", "deleting")
        volume = self.volume()
        snapshots = {}
        for status in states:
            snapshots[status] = self.ask("POST", VOLUME + "/snapshots", {"snapshot": {"volume_id": volume}}, 202)["snapshot"]["id"]
        self.quiet()
        for status, snapshot in snapshots.items():
            self.cloud.sql("UPDATE volume_snapshot SET status = '%s' WHERE id = '%s'" % (status, snapshot))
        for status, snapshot in snapshots.items():
            if status in states[:3]:
                self.ask("DELETE", VOLUME + "/snapshots/" + snapshot, expect=202)
            else:
                self.ask("POST", VOLUME + "/snapshots/%s/action" % snapshot, {"os-force_delete": {}}, 202)
        for snapshot in snapshots.values():
            self.gone(VOLUME + "/snapshots/" + snapshot)
        self.ask("DELETE", VOLUME + "/volumes/" + volume)
        self.gone(VOLUME + "/volumes/" + volume)

    def test_images_from_each_state(self):
        for status in ("queued", "saving", "uploading", "importing", "active", "deactivated", "killed"):
            image = self.make_image()
            self.quiet()
            self.cloud.sql("UPDATE image_image SET status = '%s' WHERE id = '%s'" % (status, image))
            self.ask("DELETE", "/image/v2/images/" + image, expect=204)
            self.ask("DELETE", "/image/v2/images/" + image, expect=404)


class WhyTest(SettleBase):
    settings = ()

    def test_one_request_id_from_the_client_to_the_guest(self):
        self.ctl("agent", "log set default debug")
        body = {"server": {"name": "s", "imageRef": self.image, "flavorRef": "small", "networks": [{"uuid": self.network}]}}
        status, headers, answer = self.cloud.request("POST", COMPUTE + "/servers", body, headers=LATEST)
        self.assertEqual(status, 202)
        request, server = headers["x-openstack-request-id"], answer["server"]
        self.settled(server, "ACTIVE")
        self.quiet()
        text = self.why("server", server["id"])
        for what in ("request POST /compute/v2.1/servers", "task compute.spawn done, try 1", "event server.boot",
                     "vm_state: active", "task network.port done"):
            self.assertRegex(text, "(?m)%s.*" % what)
        self.assertGreaterEqual(text.count(request), 4, text)
        log = self.cloud.log()
        self.assertRegex(log, r"%s.*POST /compute/v2.1/servers 202" % request)
        self.assertRegex(log, r"%s.*compute.spawn %s: done" % (request, server["id"]))
        port = self.ask("GET", "/network/v2.0/ports?device_id=" + server["id"])["ports"][0]
        self.assertIn(request, self.why("port", port["id"]))
        self.act(server, "os-stop")
        self.settled(server, "SHUTOFF")
        self.remove(server)
        text = self.why("server", server["id"])
        for what in ("action os-stop", "event server.stop", "request DELETE", "event server.delete"):
            self.assertIn(what, text)

    def test_a_server_without_a_host_says_why_to_administrators(self):
        self.compute("POST", "/flavors", {"flavor": {"id": "huge", "name": "huge", "ram": 1 << 30, "vcpus": 1, "disk": 1}})
        server = self.boot(flavorRef="huge")
        shown = self.settled(server, "ERROR")
        self.assertRegex(shown["fault"]["details"], r"^\S+: [0-9]+ MEMORY_MB are free and 1073741824 are needed$")
        self.assertNotIn("MEMORY_MB", shown["fault"]["message"])
        self.assertIn("MEMORY_MB are free", self.why("server", server["id"]))
        self.remove(server)
        server = self.boot(availability_zone="nova", hints=None, outer={"os:scheduler_hints": {"same_host": [server["id"]]}})
        shown = self.settled(server, "ERROR")
        self.assertIn("same_host", shown["fault"]["details"])
        self.remove(server)
        member = self.member()
        shown = self.boot(flavorRef="huge", token=member, networks="none")
        shown = self.settled(shown, "ERROR")
        shown = self.compute("GET", "/servers/" + shown["id"], token=member)["server"]
        self.assertNotIn("details", shown["fault"])
        self.remove(shown)

    def member(self):
        role = self.ask("GET", "/identity/v3/roles?name=member")["roles"][0]["id"]
        project = self.ask("POST", "/identity/v3/projects", {"project": {"name": "why"}})["project"]["id"]
        user = self.ask("POST", "/identity/v3/users", {"user": {"name": "why", "password": "x"}})["user"]["id"]
        self.ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, role))
        self.unlimited(project)
        return self.cloud.login(user, "x", project)

    def ctl(self, role, line):
        done = subprocess.run([PROGRAM, "ctl", "--data", self.cloud.data, role, *line.split()], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_both_roles_tell_what_goes_on(self):
        server = self.active()
        self.quiet()
        self.assertEqual(self.ctl("api", "tasks"), "0 tasks\n")
        self.assertRegex(self.ctl("api", "reconcile now"), r"^\S+: told\n$")
        self.cloud.until(lambda: self.ctl("agent", "tasks") == "0 tasks; connected\n")
        self.assertEqual(self.ctl("agent", "reconcile now"), "begun\n")
        self.assertRegex(self.ctl("api", "arena top"), r"^[0-9]+ [A-Z]+ /")
        self.assertRegex(self.ctl("agent", "arena top"), r"^[0-9]+ [a-z]+\.")
        for role in ("api", "agent"):
            self.assertIn("process VmRSS", self.ctl(role, "stats"))
            self.ctl(role, "log set compute debug")
        self.remove(server)

    def test_unknown_things_are_said_to_be_unknown(self):
        done = subprocess.run([PROGRAM, "why", "--data", self.cloud.data, "nothing", "x"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no resource 'nothing'", done.stdout)
        self.assertIn("is not there (any more)", self.why("server", "0"))


class ForgetTest(SettleBase):
    settings = ("history.rows=20",)

    def test_only_so_much_is_kept(self):
        for _ in range(12):
            self.remove(self.active())
        self.cloud.sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
                       "INSERT INTO rest_history (id, resource_id, kind) SELECT i, 'x', 'event' FROM n")
        self.cloud.sql("UPDATE rest_periodic SET next_at = 0")
        self.cloud.restart()
        self.cloud.until(lambda: int(self.cloud.sql("SELECT count(*) FROM rest_history")[0][0]) <= 25, what="a small history")
