# SPDX-License-Identifier: Apache-2.0
"""What the database holds, read beside the program: to see that a refused request changed nothing."""
import glob
import hashlib
import os
import sqlite3
import subprocess
import time

# What the cloud writes by itself: heartbeats and the clock of periodic work. (): the whole table.
OWN_PACE = {"rest_periodic": (), "rest_process": ("seen_at",), "compute_host": ("updated_at", "facts"), "volume_service": ("updated_at",),
            "network_agent": ("heartbeat_timestamp",), "identity_revocation": ()}


class Sqlite:
    def __init__(self, data):
        path, = glob.glob(os.path.join(data, "api", "*.db"))
        self.db = sqlite3.connect("file:%s?mode=ro" % path, uri=True, isolation_level=None)

    def rows(self, sql):
        return self.db.execute(sql).fetchall()

    def columns(self):
        for name, in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
            yield name, [row[1] for row in self.rows("PRAGMA table_info(%s)" % name)]

    def version(self):
        return self.rows("PRAGMA data_version")[0][0]

    def digests(self, tables):
        found = {}
        for name, columns in tables.items():
            digest = hashlib.blake2b(digest_size=16)
            order = ", ".join(str(n + 1) for n in range(min(len(columns), 4)))
            for row in self.db.execute("SELECT %s FROM %s ORDER BY %s" % (", ".join(columns), name, order)):
                digest.update(repr(row).encode())
            found[name] = digest.digest()
        return found

    def close(self):
        self.db.close()


class Postgres:
    """psql, kept open."""

    def __init__(self, url):
        self.psql = subprocess.Popen(["psql", "-qAtX", "-d", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def rows(self, sql):
        self.psql.stdin.write(sql + ";\n\\echo end of rows\n")
        self.psql.stdin.flush()
        return [line.rstrip("\n").split("|") for line in iter(self.psql.stdout.readline, "end of rows\n")]

    def columns(self):
        found = {}
        for name, column in self.rows("SELECT table_name, column_name FROM information_schema.columns"
                                      " WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"):
            found.setdefault(name, []).append(column)
        return found.items()

    def version(self):
        return self.rows("SELECT pg_current_wal_insert_lsn()")[0][0]

    def digests(self, tables):
        one = "SELECT '%s', md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM (SELECT %s FROM %s) t"
        return dict(self.rows(" UNION ALL ".join(one % (name, ", ".join('"%s"' % c for c in columns), name)
                                                 for name, columns in tables.items())))

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()
        self.psql.stdout.close()


class Store:
    def __init__(self, cloud):
        self.engine = Postgres(cloud.database) if cloud.database else Sqlite(cloud.data)
        self.tables = {name: [c for c in columns if c not in OWN_PACE.get(name, ())]
                       for name, columns in self.engine.columns() if OWN_PACE.get(name) != ()}
        self.version = self.last = None

    def close(self):
        self.engine.close()

    def quiet(self, timeout=30):
        """Waits until no task is open; False when one still is."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if not int(self.engine.rows("SELECT count(*) FROM rest_task")[0][0]):
                return True
            time.sleep(0.02)
        return False

    def dump(self):
        """A digest of each table. The same object while nothing was committed."""
        version = self.engine.version()
        if version != self.version:
            self.version, self.last = version, self.engine.digests(self.tables)
        return self.last

    @staticmethod
    def differences(before, after):
        return [] if before is after else [name for name in after if before[name] != after[name]]
