# SPDX-License-Identifier: Apache-2.0
"""What a cloud's database and data directory hold, in a form that two clouds with the same history share: ids are
replaced by what they stand for, times by whether there is one."""
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import time

# Tables that tell a history, or count the beats of a heart.
LOGS = {"rest_task", "rest_periodic", "rest_process", "rest_history", "compute_action", "image_task", "volume_message", "network_agent", "volume_service",
        "compute_host", "identity_revocation", "sqlite_sequence", "compute_console_token"}
# Columns that differ between two runs of the same: secrets, counters of changes, times of changes.
COLUMNS = {"admin_pass", "password", "updated_at", "generation", "revision_number", "revision", "reservation_id", "salt",
           "crypt_hash", "user_data_key", "number", "last_seen", "heartbeat_timestamp", "started_at"}
# Columns that say what a guest wrote to its disk, and what a real host has just now.
CONTENT = {"size", "checksum", "os_hash_value", "total", "max_unit"}
ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\b[0-9a-f]{32}\b")
BLURS = [(re.compile(r"fa:16:3e(:[0-9a-f]{2}){3}"), "MAC"), (re.compile(r"tap[0-9a-f-]{11}"), "TAP"),
         (re.compile(r"instance-[0-9a-f]{8}"), "INSTANCE"), (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"), (re.compile(r"/tmp/haneul-[a-z]+-\w+"), "DATA"),
         (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.0-9]*"), "TIME"), (re.compile(r"\b1[5-9]\d{14}\b"), "TIME"),
         (re.compile(r'"[^"]*(?:adminPass|password)[^"]*": *"[^"]*"'), "SECRET")]


class State:
    def __init__(self, cloud):
        self.cloud = cloud
        self.psql = self.sqlite = None
        self.forgotten = set()

    def close(self):
        if self.psql:
            self.psql.kill()
            self.psql.wait()
        if self.sqlite:
            self.sqlite.close()
        self.psql = self.sqlite = None

    # ---- the database ----

    def _ask_postgres(self, sql):
        """One JSON value; waits for a server that is away."""
        for _ in range(200):
            try:
                return self._ask_once(sql)
            except (ValueError, OSError):
                self.psql.kill()
                self.psql.wait()
                self.psql = None
                time.sleep(0.1)
        raise AssertionError("the database does not answer")

    def _ask_once(self, sql):
        if not self.psql or self.psql.poll() is not None:
            self.psql = subprocess.Popen(["psql", "-qAtX", "-d", self.cloud.database], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.psql.stdin.write("SELECT coalesce(json_agg(t), '[]')::text FROM (%s) t;\n\\echo END\n" % sql)
        self.psql.stdin.flush()
        text = ""
        while True:
            line = self.psql.stdout.readline()
            if line in ("END\n", ""):
                return json.loads(text)
            text += line

    def query(self, sql):
        """Rows as maps."""
        if self.cloud.database:
            return self._ask_postgres(sql)
        if not self.sqlite:
            self.sqlite = sqlite3.connect("file:%s/api/haneul.db?mode=ro" % self.cloud.data, uri=True, timeout=20)
            self.sqlite.row_factory = sqlite3.Row
        return [dict(row) for row in self.sqlite.execute(sql)]

    def execute(self, sql):
        """Changes rows behind the cloud's back."""
        if self.cloud.database:
            subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", self.cloud.database, "-c", sql], check=True)
            return
        with sqlite3.connect("%s/api/haneul.db" % self.cloud.data, timeout=20) as link:
            link.execute(sql)
        link.close()

    def forget(self, table, key):
        """From now on the row is not in the dump."""
        self.forgotten.add((table, key))

    def tasks(self):
        return self.query("SELECT id, kind, resource_id, running, attempts, error FROM rest_task")

    def tables(self):
        if self.cloud.database:
            rows = self.query("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'")
        else:
            rows = self.query("SELECT name FROM sqlite_master WHERE type = 'table'")
        return sorted(row["name"] for row in rows)

    def rows(self):
        for table in self.tables():
            if table in LOGS:
                continue
            for row in self.query("SELECT * FROM %s" % table):
                if (table, row.get("id")) in self.forgotten:
                    continue
                if table == "compute_server" and row["deleted"] and not row["launched_at"]:
                    continue        # made while its host was away, and taken back
                if row.get("fault") and "No valid host" in row["fault"]:
                    row["fault"] = None
                shown = {key: value for key, value in row.items()
                         if key not in COLUMNS and not (self.cloud.real and key in CONTENT)}
                yield "%s %s" % (table, json.dumps(shown, sort_keys=True, default=str))

    # ---- the data directory ----

    def files(self):
        root = self.cloud.data
        for folder, folders, names in os.walk(root):
            if folder == root:
                folders[:] = [name for name in folders if name not in ("api", "run", "log", "engines")]
                names = [name for name in names if name != "test.log"]
            for name in names:
                path = os.path.join(folder, name)
                shown = os.path.relpath(path, root)
                try:
                    if shown.startswith("fake/"):
                        with open(path, errors="replace") as file:
                            yield "file %s %s" % (shown, file.read().strip())
                    elif shown.split("/")[0] in ("images", "volumes-fake") and not self.cloud.real:
                        yield "file %s of %d bytes" % (shown, os.path.getsize(path))
                    else:
                        yield "file %s" % shown
                except OSError:
                    yield "file %s is going" % shown

    # ---- the whole ----

    def dump(self):
        """Sorted lines."""
        lines = []
        for line in list(self.rows()) + list(self.files()):
            for pattern, word in BLURS:
                line = pattern.sub(word, line)
            lines.append(line)
        return canonical(lines)


def ordered(text):
    """A document whose lists are in an order that does not depend on ids."""
    def sort(value):
        if isinstance(value, dict):
            return {key: sort(value[key]) for key in sorted(value)}
        if isinstance(value, list):
            return sorted(map(sort, value), key=json.dumps)
        return value
    try:
        return json.dumps(sort(json.loads(text)))
    except ValueError:
        return text.strip()


def canonical(lines):
    """Each id becomes a name made of what is said about it, round by round."""
    def shown(line, replace):
        """The line with its ids replaced; a document is put into an order of what is shown then."""
        line = ID.sub(replace, line)
        head, brace, rest = line.partition(" {")
        return "%s %s" % (head, ordered(brace[1:] + rest)) if line.startswith("file fake/") else line
    names = {found: "" for line in lines for found in ID.findall(line)}
    where = {}
    for line in lines:
        for found in set(ID.findall(line)):
            where.setdefault(found, []).append(line)
    for _ in range(4):
        fresh = {}
        for found, said in where.items():
            views = sorted(shown(line, lambda m: "@" if m.group() == found else "<%s>" % names[m.group()]) for line in said)
            fresh[found] = hashlib.sha256("\n".join(views).encode()).hexdigest()[:6]
        names = fresh
    return sorted(shown(line, lambda m: "<%s>" % names[m.group()]) for line in lines)


def blind(lines):
    """The same without the names of ids: shows which lines differ of themselves."""
    return sorted(re.sub(r"<[0-9a-f]{6}>", "<id>", line) for line in lines)


def difference(expected, got):
    """Lines that only one side has; of themselves when there are such, else by what they refer to."""
    for view in (blind, lambda lines: lines):
        left, right = list(view(expected)), list(view(got))
        for line in list(left):
            if line in right:
                left.remove(line)
                right.remove(line)
        if left or right:
            return ["missing: " + line for line in left] + ["surplus: " + line for line in right]
    return []
