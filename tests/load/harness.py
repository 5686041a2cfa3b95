# SPDX-License-Identifier: Apache-2.0
"""What every load has: clients that live through episodes, and what is looked at while they do and afterwards."""
import collections
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
import traceback
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "api"))
os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=8:thread_local_quarantine_size_kb=64")
from cloud import PROGRAM, Cloud  # noqa: E402

PROJECTS = 8


class Unexpected(Exception):
    pass


class Client(threading.Thread):
    """Runs episodes until the end of time, and the last one to its own end."""

    def __init__(self, load, number):
        super().__init__()
        self.load, self.number = load, number
        self.random = random.Random("%s %d" % (load.seed, number))
        self.user, self.project = load.members[number % PROJECTS]
        self.connection = None
        self.token = None
        self.failures = []
        self.counts = collections.Counter()

    # ---- asking ----

    def ask(self, method, path, body=None, expect=(200, 201, 202, 204), headers=None):
        sent = dict({"X-Auth-Token": self.token or "", "Content-Type": "application/json"}, **(headers or {}))
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        if not self.connection:
            host, port = self.load.cloud.listen.split(":")
            self.connection = http.client.HTTPConnection(host, int(port), timeout=120)
        try:
            self.connection.request(method, path, data, sent)
            answer = self.connection.getresponse()
            text = answer.read()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.connection = None      # an idle connection may be closed by either side
            return self.ask(method, path, body, expect, headers) if method == "GET" else self.fail(method, path, "cut off", "")
        self.counts["%s %s" % (method, path.split("/")[1])] += 1
        if answer.status not in (expect if isinstance(expect, tuple) else (expect,)):
            self.fail(method, path, answer.status, text[:300])
        return json.loads(text) if "json" in (answer.headers["Content-Type"] or "") and text else text

    def fail(self, method, path, status, text):
        raise Unexpected("%s %s: %s %s" % (method, path, status, text))

    def until(self, path, key, field, wanted, timeout=90):
        end = time.monotonic() + timeout
        while True:
            row = self.ask("GET", path)[key]
            if row[field] in wanted:
                return row
            if row[field].lower() == "error" or time.monotonic() > end:
                raise Unexpected("%s is %s and not %s: %s" % (path, row[field], wanted, row.get("fault")))
            time.sleep(self.random.uniform(0.05, 0.2))

    def login(self):
        host, port = self.load.cloud.listen.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=120)
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": {"id": self.user, "password": "x"}}},
                         "scope": {"project": {"id": self.project}}}}
        connection.request("POST", "/identity/v3/auth/tokens", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 201:
            raise Unexpected("login: %d" % answer.status)
        self.token = answer.headers["X-Subject-Token"]

    EPISODES = ()       # (name of the method, weight)

    def run(self):
        names, weights = zip(*self.EPISODES)
        while time.monotonic() < self.load.end and not self.failures:
            name = self.random.choices(names, weights)[0]
            try:
                if not self.token or self.random.random() < 0.05:
                    self.login()
                getattr(self, name)()
                self.counts["episodes"] += 1
            except Exception as error:          # all of them are this test's failures
                kind = "" if isinstance(error, Unexpected) else traceback.format_exc()
                self.failures.append("client %d, %s: %s %s" % (self.number, name, error, kind))


class Load:
    client = None       # class of the clients
    agent = False       # whether the cloud has one
    settings = ()       # of its configuration

    def __init__(self, seconds, clients):
        self.seconds, self.clients = seconds, clients
        self.seed = os.environ.get("HANEUL_LOAD_SEED") or uuid.uuid4().hex[:8]
        self.cloud = Cloud(agent=self.agent, settings=self.settings)
        self.failures = []

    def prepare(self):
        """Makes what the clients want: at least their users, as (user id, project id) in 'members'."""
        self.members = []
        role = self.must("GET", "/identity/v3/roles?name=member")["roles"][0]["id"]
        for number in range(PROJECTS):
            project = self.must("POST", "/identity/v3/projects", {"project": {"name": "p%d" % number}})["project"]["id"]
            user = self.must("POST", "/identity/v3/users", {"user": {"name": "u%d" % number, "password": "x"}})["user"]["id"]
            self.must("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, role))
            self.members.append((user, project))

    def rows(self):
        """Kind -> how much there is of it: after the episodes as before them."""
        raise NotImplementedError

    def must(self, method, path, body=None, headers=None):
        status, _, answer = self.cloud.request(method, path, body, None, headers)
        if status not in (200, 201, 202, 204):
            raise SystemExit("%s %s: %s %s" % (method, path, status, answer))
        return answer

    def memory(self):
        sizes = []
        for process in self.cloud.processes:
            with open("/proc/%d/status" % process.pid) as file:
                sizes.append(int([line for line in file if line.startswith("VmRSS")][0].split()[1]) // 1024)
        return sizes

    def watch(self, clients):
        """Waits for the clients; notes the memory after a third of the time and at its end."""
        warm = None
        while any(client.is_alive() for client in clients):
            time.sleep(0.2)
            if warm is None and time.monotonic() > self.end - self.seconds * 2 / 3:
                warm = self.memory()
            for process, role in zip(self.cloud.processes, ("api", "agent")):
                if process.poll() is not None:
                    self.failures.append("the %s ended with %s" % (role, process.returncode))
                    self.end = 0
        return warm, self.memory()

    def check_left(self):
        left = None
        for _ in range(100):
            left = {kind: rows for kind, rows in self.rows().items() if rows != self.kept[kind]}
            if not left:
                return
            time.sleep(0.2)
        self.failures.append("left behind: %s" % left)

    def check_audit(self):
        command = [PROGRAM, "audit", "--data", self.cloud.data]
        if self.cloud.database:
            command += ["--set", "database.url=" + self.cloud.database]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            self.failures.append("audit: %s%s" % (result.stdout[-2000:], result.stderr[-2000:]))

    def run(self):
        self.cloud.start()
        try:
            self.prepare()
            self.kept = self.rows()
            self.end = time.monotonic() + self.seconds
            clients = [self.client(self, number) for number in range(self.clients)]
            for client in clients:
                client.start()
            warm, last = self.watch(clients)
            self.failures += [failure for client in clients for failure in client.failures]
            counts = sum((client.counts for client in clients), collections.Counter())
            if not any(process.poll() for process in self.cloud.processes):
                if not self.failures:
                    self.check_left()
                    self.check_audit()
                for role, before, after in zip(("api", "agent"), warm or last, last):
                    print("memory of the %s: %d MiB after a third of the time, %d MiB at its end" % (role, before, after))
                    if after > before * 1.25 + 24:
                        self.failures.append("the memory of the %s grows: %d MiB, then %d MiB" % (role, before, after))
        finally:
            log = self.cloud.log()
            codes = self.cloud.stop()
        if any(codes):
            self.failures.append("a role ended with %s:\n%s" % (codes, "\n".join(log.splitlines()[-60:])))
        print("seed %s: %d clients, %d s, %d episodes, %d requests" % (
            self.seed, self.clients, self.seconds, counts["episodes"], sum(counts.values()) - counts["episodes"]))
        for failure in self.failures[:20]:
            print("FAIL " + failure)
        print("%d passed, %d failed" % (counts["episodes"], len(self.failures)))
        return bool(self.failures)
