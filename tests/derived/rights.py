# SPDX-License-Identifier: Apache-2.0
"""Who may do what, derived: every operation asked by callers of every role and scope, against the facts."""
import random
import re

import oracle
from bad import fine
from chosen import Chosen
from world import NoExample, NotThere

SCOPES = ("domain-reader", "domain-member", "domain-admin", "system-reader", "system-member", "system-admin", "service")
INSIDE = {"none": "project-any", "reader": "project-reader", "member": "project-member", "admin": "project-admin"}
OUTSIDE = {"none": "any", "reader": "other-project-reader", "member": "other-project-member", "admin": "admin"}

# What would take the ground from under the other tests: a victim is made for it.
VICTIMS = {"identity_user": lambda w: w.ask("POST", "/identity/v3/users", {"user": {"name": w.name("victim")}})["user"]["id"],
           "identity_project": lambda w: w.ask("POST", "/identity/v3/projects",
                                               {"project": {"name": w.name("victim")}})["project"]["id"],
           "identity_domain": lambda w: w.ask("POST", "/identity/v3/domains",
                                              {"domain": {"name": w.name("victim"), "enabled": False}})["domain"]["id"]}


BY_POLICY = "Policy doesn't allow"      # a handler may answer 403 for reasons of its own

# Operations that decide without a rule, or after it by what their handler knows.
ITS_OWN_RULE = {
    ("network", "GET", "/v2.0/quotas/{project_id}"): "a project reads its own",
    ("network", "GET", "/v2.0/quotas/{project_id}/default"): "a project reads its own",
    ("network", "GET", "/v2.0/quotas/{project_id}/details"): "a project reads its own",
    ("compute", "GET", "/v2.1/os-keypairs/{name}"): "names are each user's own",
    ("compute", "DELETE", "/v2.1/os-keypairs/{name}"): "names are each user's own",
    ("volume", "GET", "/v3/group_types/{group_type_id}"): "the rule guards the specs in it",
    ("volume", "POST", "/v3/os-volume-transfer/{transfer}/accept"): "whoever has the key",
    ("volume", "POST", "/v3/volume-transfers/{transfer}/accept"): "whoever has the key",
    ("image", "PUT", "/v2/images/{image_id}/members/{member_id}"): "the member accepts, not the owner",
}

# Callers that the facts leave aside.
ALSO = {("identity", "GET", "/v3/domains/{domain_id}"): "any"}      # whoever has a project in the domain; all have here

# The API asks these where the facts name the rule of the layer below.
RULES_BESIDE = {("image", "modify_image"), ("image", "tasks_api_access"), ("volume", "volume:get")}


class Rights:
    def __init__(self, world, report, seed, most):
        """'most': how many callers that pass, and how many that do not, are sent; None: all."""
        self.world, self.report, self.most = world, report, most
        self.random = random.Random(seed)
        self.facts = oracle.facts()

    def run(self):
        self.compare_facts()
        for service in self.world.wanted:
            surface = oracle.surface_operations(service.folder)
            for op in service.operations():
                try:
                    self.operation(op, surface)
                except NotThere as error:
                    self.report.note(str(error))
                except NoExample as error:
                    self.report.check(False, "%s: no example" % op, str(error))
            if service.folder == "identity":
                Chosen(self).run()

    def compare_facts(self):
        """The project's copy of the facts is the surface's, and every declared rule has one."""
        surface = oracle.surface_facts()
        for service in self.world.services.values():
            for rule in service.policies:
                here = self.facts.get((service.folder, rule))
                there = surface.get((service.folder, rule)) if surface else here
                if there:
                    self.report.check(here == there, "%s %s: the facts differ" % (service.folder, rule),
                                      "%s, the surface says %s" % (here, there))
                else:
                    self.report.note("rule without facts")

    def rule(self, op, surface):
        """The weakest callers that pass the operation; None when nothing says it."""
        rows = oracle.surface_of(op, surface)
        named = {row["policy"] for row in rows if row["policy"]}
        if (op.service.folder, op.method, op.path) in ITS_OWN_RULE:
            return None
        if op.policy and named and (op.service.folder, op.policy) not in RULES_BESIDE:
            self.report.check(op.policy in named, "%s: checks another rule" % op, "%s, not %s" % (op.policy, ", ".join(named)))
        if "OP_PUBLIC" in op.flags:
            return "public"
        rule = op.policy or (named.pop() if len(named) == 1 else None)
        if rule is None:
            roles = {row["default_role"] for row in rows} & {"any", "public"}
            return "any" if roles else None
        found = self.facts.get((op.service.folder, rule))
        also = ALSO.get((op.service.folder, op.method, op.path))
        return found and found[1] + ("|" + also if also else "")

    def kinds(self, caller, op):
        """The classes of a caller towards the operation's object."""
        if caller == "nobody":
            return ["public"]
        mine = ["owner-user"] if op.resource.name == "compute_keypair" or op.service.folder == "identity" and (
            caller == "user" or ((op.method == "GET" or op.path == "/v3/auth/tokens") and not op.parameters())) else []
        if caller == "unscoped":
            return ["any"] + mine
        if caller in ("user", "service"):
            return [self.outside(op, "none")] + mine + ["service"] * (caller == "service")
        side, role = caller.split("-")
        if side in ("domain", "system"):
            return [caller] + mine
        return [INSIDE[role] if side == "own" else self.outside(op, role)] + mine

    def outside(self, op, role):
        """Without an object of a project the caller's own is meant."""
        other = op.parameters() if op.service.folder == "identity" else self.owned(op) or self.of_project(op)
        return OUTSIDE[role] if other else INSIDE[role]

    @staticmethod
    def of_project(op):
        """Whether the path names a project itself: its quota, its usage."""
        return any(re.search("quota-sets|usage|quotas", before) for _, before in op.parameters())

    def owned(self, op):
        """Whether the path names something that belongs to a project and that nobody else may know of."""
        for name, before in op.parameters():
            target = self.world.target(op, before)
            parents = [self.world.resources[f.refers] for f in target.fields if f.refers] if target else []
            if target and not target.every_project and (target.project or any(p.project for p in parents)):
                return True
        return False

    def expected(self, op, caller, weakest):
        if self.owned(op) and "public" not in weakest:     # a rule for anybody is not enough to see what is another's
            enough = set(weakest.split("|"))
            wide = enough & {"any", "other-project-reader", "other-project-member"}
            weakest = "|".join(enough - wide | ({"project-any", "admin"} if wide else set()))
        return oracle.passes(self.kinds(caller, op), weakest)

    def operation(self, op, surface):
        weakest = self.rule(op, surface)
        if weakest is None or "OP_UPGRADE" in op.flags:
            self.report.note("operation without facts")
            return
        callers = ["nobody", "unscoped", "user"] + ["%s-%s" % (side, role) for side in ("own", "other") for role in INSIDE]
        callers += SCOPES
        denied = [c for c in callers if not self.expected(op, c, weakest)]
        allowed = [c for c in callers if c not in denied and self.telling(c, weakest)]
        for caller in self.sample(denied):
            self.deny(op, caller, weakest)
        for caller in self.sample(allowed):
            self.allow(op, caller, weakest)

    @staticmethod
    def telling(caller, weakest):
        """Whether it must pass: what anybody may do may still need a project."""
        if caller in ("nobody", "unscoped"):
            return False
        return not caller.startswith(("domain-", "system-")) or caller.endswith("-admin") or caller.split("-")[0] in weakest

    def sample(self, callers):
        if self.most is None or len(callers) <= self.most:
            return callers
        return self.random.sample(callers, self.most)

    def ask(self, op, caller, replace=None):
        side = "other" if caller.startswith(("other", "user", "service")) and not op.parameters() else "own"
        headers = [("X-Subject-Token", self.world.tokens[caller] or "none")] if op.path == "/v3/auth/tokens" else []
        body = self.world.body(op, side) if op.method != "DELETE" else None
        media = "application/octet-stream" if "OP_STREAM" in op.flags else "application/json"
        for again in (True, False):
            answer = self.world.send(op, self.world.tokens[caller], b"bytes" if "OP_STREAM" in op.flags else body, side,
                                     replace, headers=headers, media=media)
            if answer.status != 401 or caller == "nobody" or not again:
                return answer
            self.world.renew(caller)        # an operation before this one took a role away

    def deny(self, op, caller, weakest):
        answer = self.ask(op, caller)
        if caller == "nobody":
            good = answer.status == 401
        else:       # 404: what may not be seen is not there, be it named by the path or by the body
            good = answer.status == 403 or (answer.status == 404 and bool(op.parameters() or op.takes_json))
        if op.method == "GET" and answer.status == 200 and op.service.style["admin_sees_all"]:
            good = good or (isinstance(answer.json, dict) and answer.json.get(op.resource.plural) == [])
        if answer.status in (410, 501):
            good = True
        self.report.check(good, "%s: passes for %s (%s)" % (op, self.kinds(caller, op)[0], weakest),
                          "%s: %d %s" % (caller, answer.status, answer.text[:200]))
        if answer.status < 300:
            self.settle(op)

    def allow(self, op, caller, weakest):
        replace = self.victim(op) if op.method == "DELETE" else None
        if op.path == "/v3/auth/tokens" and op.method == "DELETE":
            return
        answer = self.ask(op, caller, replace)
        refused = answer.status == 401 and "OP_PUBLIC" not in op.flags and "requires authentication" in answer.text or \
            answer.status == 403 and BY_POLICY in answer.text
        good = fine(answer) and not refused
        if answer.status == 404:        # there is none: for the administrator of its project neither
            good = caller != "own-admin" and self.ask(op, "own-admin", replace).status == 404 or \
                op.kind not in ("list", "show", "update", "delete", "create") or \
                any(self.world.recipe(op, *parameter) is not None for parameter in op.parameters())
        self.report.check(good, "%s: does not pass for %s (%s)" % (op, self.kinds(caller, op)[0], weakest),
                          "%s: %d %s" % (caller, answer.status, answer.text[:200]))
        if answer.status < 300 and op.writes:
            self.settle(op)

    def victim(self, op):
        """{parameter: id} of something that may be deleted."""
        if not op.parameters() or not op.path.endswith("}"):
            return None
        name, before = op.parameters()[-1]
        target = op.resource.name
        for known, maker in VICTIMS.items():
            if op.kind == "delete" and target == known:
                return {name: maker(self.world)}
        return None

    def settle(self, op):
        """After something changed: nothing that the operation may have removed counts as there."""
        self.world.store.quiet()
        if "quota" in op.path:
            self.world._room()
        gone = {op.resource.name}
        for _, before in op.parameters():
            target = self.world.target(op, before)
            gone |= {target and target.name}
        if op.method == "DELETE" or op.action:
            for name in gone - set(VICTIMS) - {None}:
                self.world.drop(name, "own")
