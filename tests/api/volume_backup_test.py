# SPDX-License-Identifier: Apache-2.0
"""Backups of volumes on the fake driver, kept in the object store: their life, what is refused, records, a death on the way."""
import base64
import json
import os
import signal
import unittest
import uuid

import volume_test
from volume_test import V3, version


class VolumeBackupTest(volume_test.VolumeTest):
    def backup(self, volume, expect=202, wait="available", token=None, **fields):
        answer = self.ask("POST", V3 + "/backups", {"backup": dict(fields, volume_id=volume["id"])}, expect, token)
        if expect != 202:
            return answer
        self.assertEqual(sorted(answer["backup"]), ["id", "links", "name"])
        return self.settled(answer["backup"], wait) if wait else answer["backup"]

    def show(self, backup, minor=0, expect=200, token=None):
        return self.ask("GET", V3 + "/backups/" + backup["id"], None, expect, token, version(minor)).get("backup")

    def settled(self, backup, status="available"):
        self.cloud.until(lambda: self.show(backup)["status"] == status, what="a backup that is " + status)
        return self.show(backup)

    def restore(self, backup, expect=202, **fields):
        return self.ask("POST", "%s/backups/%s/restore" % (V3, backup["id"]), {"restore": fields}, expect)

    def remove(self, backup):
        self.ask("DELETE", V3 + "/backups/" + backup["id"], expect=202)
        self.gone("backups", backup)

    def test_a_backup_is_made_shown_and_removed(self):
        volume = self.make(name="v")
        backup = self.backup(volume, name="b", description="d", container="c")
        self.assertEqual((backup["name"], backup["description"], backup["container"], backup["size"]), ("b", "d", "c", 1))
        self.assertEqual((backup["object_count"], backup["is_incremental"], backup["fail_reason"]), (1, False, None))
        self.assertEqual(self.status(volume), "available")
        self.assertNotIn("metadata", backup)
        self.assertEqual(self.show(backup, 43)["metadata"], {})
        self.assertIn(backup["id"], [row["id"] for row in self.ask("GET", V3 + "/backups?name=b")["backups"]])
        self.assertEqual(self.ask("GET", V3 + "/backups/detail?volume_id=" + volume["id"])["backups"], [backup])
        changed = self.ask("PUT", V3 + "/backups/" + backup["id"], {"backup": {"name": "n", "description": "e"}}, 200,
                           headers=version(9))["backup"]
        self.assertEqual((changed["id"], changed["name"]), (backup["id"], "n"))
        self.assertEqual(self.show(backup)["description"], "e")
        self.assertEqual(os.listdir(os.path.join(self.cloud.data, "backups")), [])
        self.show(backup, expect=404, token=self.other)
        self.ask("DELETE", V3 + "/backups/" + backup["id"], expect=404, token=self.other)
        self.remove(backup)
        self.delete(volume)
        self.assertEqual(self.cloud.audit()[0], 0)

    def test_a_backup_comes_back_as_a_new_volume_or_over_one(self):
        volume = self.make(metadata={"k": "v"}, imageRef=self.image()["id"])
        backup = self.backup(volume)
        self.delete(volume)
        answer = self.restore(backup)["restore"]
        self.assertEqual((answer["backup_id"], answer["volume_name"]), (backup["id"], "restore_backup_" + backup["id"]))
        fresh = self.wait({"id": answer["volume_id"]})
        self.settled(backup)
        self.assertEqual((fresh["metadata"], fresh["bootable"], fresh["size"]), ({"k": "v"}, "true", 1))
        target = self.make(size=2)
        self.assertEqual(self.restore(backup, volume_id=target["id"])["restore"]["volume_id"], target["id"])
        self.assertEqual(self.wait(target)["size"], 2)
        self.settled(backup)
        self.cloud.until(lambda: os.listdir(os.path.join(self.cloud.data, "backups")) == [], what="tidy staging")
        for row in (fresh, target):
            self.delete(row)
        self.remove(backup)
        self.assertEqual(self.cloud.audit()[0], 0)

    def test_a_volume_may_be_made_of_a_backup(self):
        volume = self.make(metadata={"k": "v"})
        backup = self.backup(volume)

        def make(expect, minor=47, **fields):
            return self.ask("POST", V3 + "/volumes", {"volume": dict(fields, backup_id=backup["id"])}, expect,
                            headers=version(minor)).get("volume")

        make(400, minor=46)
        make(400, size=1, imageRef=self.image()["id"])
        fresh = self.wait(make(202, size=2))
        self.assertEqual((fresh["size"], fresh["metadata"]), (2, {"k": "v"}))
        self.settled(backup)
        self.remove(backup)
        for row in (volume, fresh):
            self.delete(row)

    def test_a_snapshot_may_be_backed_up(self):
        volume = self.make()
        snapshot = self.snapshot(volume)
        backup = self.backup(volume, snapshot_id=snapshot["id"])
        self.assertEqual(backup["snapshot_id"], snapshot["id"])
        self.assertEqual(self.ask("GET", V3 + "/snapshots/" + snapshot["id"])["snapshot"]["status"], "available")
        self.backup(self.make(), 400, snapshot_id=snapshot["id"])
        self.remove(backup)

    def test_what_is_refused(self):
        volume = self.make()
        self.backup({"id": str(uuid.uuid4())}, 404)
        self.backup({"id": "x"}, 400)
        self.backup(volume, 404, token=self.other)
        self.backup(volume, 501, incremental=True)
        self.backup(volume, 400, odd=1)
        self.act(volume, "os-reset_status", {"status": "in-use"})
        self.backup(volume, 400)
        self.act(volume, "os-reset_status", {"status": "available"})
        backup = self.backup(volume)
        small = self.make(size=2)
        big = self.backup(small)
        self.restore(big, 400, volume_id=volume["id"])
        self.restore(backup, 404, volume_id=str(uuid.uuid4()))
        action = "%s/backups/%s/action" % (V3, backup["id"])
        self.ask("POST", action, {"os-reset_status": {"status": "odd"}}, 400)
        self.ask("POST", action, {"os-reset_status": {"status": "error"}}, 202)
        self.assertEqual(self.show(backup)["status"], "error")
        self.restore(backup, 400)
        self.ask("GET", "%s/backups/%s/export_record" % (V3, backup["id"]), expect=400)
        self.ask("POST", action, {"os-force_delete": {}}, 202)
        self.gone("backups", backup)
        self.remove(big)

    def test_quotas_count_backups(self):
        project = self.ask("GET", "/identity/v3/projects?name=admin")["projects"][0]["id"]
        path, volume = V3 + "/os-quota-sets/" + project, self.make()
        used = self.ask("GET", path + "?usage=true")["quota_set"]
        for name, more in (("backups", 0), ("backup_gigabytes", 0)):
            self.ask("PUT", path, {"quota_set": {name: used[name]["in_use"] + more}})
            self.backup(volume, 413)
            self.ask("PUT", path, {"quota_set": {name: 1000}})
        self.assertEqual(self.status(volume), "available")
        backup = self.backup(volume)
        self.assertEqual(self.ask("GET", path + "?usage=true")["quota_set"]["backups"]["in_use"], used["backups"]["in_use"] + 1)
        self.remove(backup)

    def test_a_record_is_exported_and_imported(self):
        volume = self.make()
        backup = self.backup(volume, name="b")
        record = self.ask("GET", "%s/backups/%s/export_record" % (V3, backup["id"]))["backup-record"]
        path = V3 + "/backups/import_record"
        self.ask("POST", path, {"backup-record": record}, 400)
        fields = json.loads(base64.b64decode(record["backup_url"]))

        def import_one(expect, **changes):
            url = base64.b64encode(json.dumps(dict(fields, **changes)).encode()).decode()
            return self.ask("POST", path, {"backup-record": dict(record, backup_url=url)}, expect)

        other = import_one(201, id=str(uuid.uuid4()))["backup"]
        self.assertEqual(self.settled(other)["size"], 1)
        lost = import_one(201, id=str(uuid.uuid4()), place=str(uuid.uuid4()))["backup"]
        self.assertEqual(self.settled(lost, "error")["fail_reason"], "its bytes are not there")
        import_one(400, id="x")
        import_one(400, id=str(uuid.uuid4()), size=0)
        import_one(400, id=str(uuid.uuid4()), place="../x")
        self.ask("POST", path, {"backup-record": dict(record, backup_url="%%%")}, 400)
        self.ask("POST", path, {"backup-record": dict(record, backup_service="x")}, 503)
        self.ask("POST", path, {"backup-record": record}, 403, self.other)
        self.remove(backup)         # the bytes stay: the imported one has them too
        self.assertEqual(self.cloud.audit()[0], 0)
        fresh = self.restore(other)["restore"]["volume_id"]
        self.wait({"id": fresh})
        self.settled(other)
        self.remove(other)
        self.remove(lost)
        self.assertEqual(self.cloud.audit()[0], 0)

    def test_audit_sees_lost_bytes_and_stray_ones(self):
        volume = self.make()
        lost, stray = self.backup(volume), self.backup(volume)
        self.cloud.sql("UPDATE volume_backup SET bytes = 1 WHERE id = '%s'" % lost["id"],
                       "DELETE FROM volume_backup WHERE id = '%s'" % stray["id"])
        code, text = self.cloud.audit()
        self.assertEqual(code, 1)
        self.assertIn("backup-bytes " + lost["id"], text)
        self.assertIn("bytes-backup " + stray["id"], text)
        self.assertEqual(self.cloud.audit("--fix")[0], 0)
        self.assertEqual(self.show(lost)["status"], "error")
        self.remove(lost)

    def test_a_backup_survives_the_death_of_the_api(self):
        volume = self.make()
        backup = self.backup(volume, wait=None)
        process = self.cloud.processes[0]
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        self.cloud.restart()
        self.settled(backup)
        self.assertEqual(self.status(volume), "available")
        self.remove(backup)
        self.cloud.audit("--fix")
        self.assertEqual(self.cloud.audit()[0], 0)


for _name in [name for name in dir(volume_test.VolumeTest) if name.startswith("test_")]:
    setattr(VolumeBackupTest, _name, None)      # those of the base have run


if __name__ == "__main__":
    unittest.main()
