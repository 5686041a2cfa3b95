# SPDX-License-Identifier: Apache-2.0
"""A list makes the same number of statements for 2 rows and for 50: every list that the declarations name and whose
rows can be made up from them."""
import json
import re
import subprocess

from cloud import PROGRAM, CloudTest

VERSIONS = {"OpenStack-API-Version": "compute 2.93, volume 3.70, placement 1.36"}
LEAST_COVERED = 40      # lists; rows of some kinds cannot be made up, as what they hold must fit with other rows


class StatementsTest(CloudTest):
    agent = True
    audited = False     # the rows are made up

    def statements(self):
        text = self.cloud.request("GET", "/metrics")[2].decode()
        return sum(int(n) for n in re.findall(r"haneul_statements_total{[^}]*} (\d+)", text))

    def cost(self, method, path, body=None):
        before = self.statements()
        status, _, answer = self.cloud.request(method, path, body, headers=VERSIONS)
        return status, self.statements() - before, answer

    def least(self, path):
        """What the list itself costs: now and then a request also has to read who calls."""
        return min((self.cost("GET", path) for _ in range(3)), key=lambda got: got[1])

    def value(self, resource, field, n):
        """SQL of a made up value."""
        name, kind, rights = field["name"], field["type"], field["rights"]
        if name == resource.get("project"):
            return "'%s'" % self.project
        if "KEY" in rights or name == "name" or field.get("json") == "name":
            return str(900000 + n) if kind == "INT" else "'00000000-0000-4000-8000-%012d'" % n
        if "NULLABLE" in rights:
            return "NULL"
        if kind in ("BOOL", "INT", "REAL", "TIME"):
            default = field.get("default")
            return {"true": "1", "false": "0"}.get(default, default if re.fullmatch(r"-?\d+", default or "") else str(n))
        if kind in ("JSON", "MAP", "TEXTS"):
            return "'%s'" % field.get("default", "{}" if kind == "MAP" else "[]").replace("'", "''")
        default = field.get("default")
        return "'made-up-%d'" % n if not default or default[0] == "$" else "'%s'" % default.replace("'", "''")

    def fill(self, resource, first, last):
        fields = [f for f in resource["fields"] if "VIRTUAL" not in f["rights"]]
        names = ", ".join('"%s"' % f["name"] for f in fields)
        self.cloud.sql("INSERT INTO %s (%s) VALUES %s" % (resource["table"], names, ", ".join(
            "(%s)" % ", ".join(self.value(resource, f, n) for f in fields) for n in range(first, last))))

    def test_every_list_makes_the_same_number_of_statements_whatever_its_length(self):
        declared = json.loads(subprocess.run([PROGRAM, "print", "operations"], stdout=subprocess.PIPE, check=True).stdout)
        self.project = self.cloud.request("GET", "/identity/v3/projects?name=admin")[2]["projects"][0]["id"]
        covered, left = 0, []
        for service in declared["services"]:
            for resource in service["resources"]:
                paths = [service["prefix"] + o["path"] for o in resource["operations"]
                         if o["kind"] == "list" and "{" not in o["path"]]
                if service["type"] == "volumev3":
                    paths = [p.replace("/v3/", "/v3/%s/" % self.project, 1) for p in paths]
                if not paths:
                    continue
                try:
                    self.fill(resource, 0, 2)
                    few = [self.least(p)[1:] for p in paths]
                    self.fill(resource, 2, 50)
                except Exception as error:      # a row of this kind cannot be made up
                    left.append("%s: %s" % (resource["name"], error))
                    continue
                for path, (cost, short) in zip(paths, few):
                    status, now, answer = self.least(path)
                    if status != 200 or len(json.dumps(answer)) < len(json.dumps(short)) + 48 * 10:
                        left.append("%s: %s" % (path, status))
                        continue
                    covered += 1
                    with self.subTest(path):
                        self.assertEqual(cost, now)
        self.assertGreaterEqual(covered, LEAST_COVERED, left)
