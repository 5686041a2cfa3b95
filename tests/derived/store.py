# SPDX-License-Identifier: Apache-2.0
"""What the database holds, read beside the program: to see that a refused request changed nothing."""
import glob
import hashlib
import os
import sqlite3
import time

# What the cloud writes by itself: heartbeats and the clock of periodic work.
OWN_PACE = {"rest_periodic": (), "compute_host": ("updated_at", "facts"), "volume_service": ("updated_at",),
            "network_agent": ("heartbeat_timestamp",), "identity_revocation": ()}


class Store:
    def __init__(self, data):
        path, = glob.glob(os.path.join(data, "api", "*.db"))
        self.db = sqlite3.connect("file:%s?mode=ro" % path, uri=True, isolation_level=None)
        self.tables = {}
        for name, in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
            columns = [row[1] for row in self.db.execute("PRAGMA table_info(%s)" % name)]
            if OWN_PACE.get(name) != ():
                self.tables[name] = [column for column in columns if column not in OWN_PACE.get(name, ())]
        self.version, self.last = None, None

    def quiet(self, timeout=30):
        """Waits until no task is open."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if not self.db.execute("SELECT count(*) FROM rest_task").fetchone()[0]:
                return True
            time.sleep(0.02)
        return False

    def dump(self):
        """A digest of each table. The same object while nothing was committed."""
        version = self.db.execute("PRAGMA data_version").fetchone()[0]
        if version != self.version:
            self.version = version
            self.last = {name: self._digest(name, columns) for name, columns in self.tables.items()}
        return self.last

    def _digest(self, name, columns):
        digest = hashlib.blake2b(digest_size=16)
        for row in self.db.execute("SELECT %s FROM %s ORDER BY 1, 2" % (", ".join(columns), name) if len(columns) > 1 else
                                   "SELECT %s FROM %s ORDER BY 1" % (columns[0], name)):
            digest.update(repr(row).encode())
        return digest.digest()

    @staticmethod
    def differences(before, after):
        return [] if before is after else [name for name in after if before[name] != after[name]]
