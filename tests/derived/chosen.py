# SPDX-License-Identifier: Apache-2.0
"""Rules that not the path of a request chooses but its arguments, its body, or the token that it is about: each by an
example, asked by callers of every role and scope. And no rule of identity is left that nothing asks."""
import oracle

V3 = "/identity/v3"
OWNER = "own-member"        # whose token or trust it is about

# Rules that others are made of, and names that older releases had for a rule.
PARTS = {"admin_required", "service_role", "service_or_admin", "owner", "admin_or_owner", "token_subject", "admin_or_token_subject",
         "service_admin_or_token_subject", "identity:list_projects_for_user", "identity:list_domains_for_user"}


class Chosen:
    def __init__(self, rights):
        self.rights, self.world, self.report = rights, rights.world, rights.report

    def run(self):
        for rule, example in self.examples().items():
            weakest = self.rights.facts["identity", rule][1]
            for caller in self.world.tokens:
                self.one(rule, example, weakest, caller)
        self.all_asked()

    def all_asked(self):
        service = next(s for s in self.world.services.values() if s.folder == "identity")
        asked = {op.policy for op in service.operations()} | set(self.examples()) | PARTS
        for folder, rule in self.rights.facts:
            if folder == "identity":
                self.report.check(rule in asked, "identity: nothing asks %s" % rule, "")

    # ---- examples: how a request is made that the rule decides ----

    def examples(self):
        w = self.world
        user = w.users[OWNER]
        return {
            "identity:list_role_assignments": lambda: ("GET", "/role_assignments", None, None),
            "identity:list_role_assignments_for_tree": lambda: (
                "GET", "/role_assignments?include_subtree=True&scope.project.id=" + w.projects["own"], None, None),
            "identity:list_trusts": lambda: ("GET", "/OS-TRUST/trusts", None, None),
            "identity:list_trusts_for_trustor": lambda: ("GET", "/OS-TRUST/trusts?trustor_user_id=" + user, None, None),
            "identity:list_trusts_for_trustee": lambda: ("GET", "/OS-TRUST/trusts?trustee_user_id=" + user, None, None),
            "identity:check_token": lambda: ("HEAD", "/auth/tokens", None, w.tokens[OWNER]),
            "identity:validate_token": lambda: ("GET", "/auth/tokens", None, w.tokens[OWNER]),
            "identity:revoke_token": lambda: ("DELETE", "/auth/tokens", None, w.logins[OWNER]()),
            "identity:list_domain_roles": lambda: ("GET", "/roles?domain_id=default", None, None),
            "identity:create_domain_role": lambda: ("POST", "/roles", {"role": {"name": w.name(), "domain_id": "default"}}, None),
            "identity:get_domain_role": lambda: ("GET", "/roles/" + self.role(), None, None),
            "identity:update_domain_role": lambda: ("PATCH", "/roles/" + self.role(), {"role": {"description": "x"}}, None),
            "identity:delete_domain_role": lambda: ("DELETE", "/roles/" + self.role(), None, None),
        }

    def role(self):
        body = {"role": {"name": self.world.name(), "domain_id": "default"}}
        return self.world.ask("POST", V3 + "/roles", body)["role"]["id"]

    # ---- callers ----

    def kinds(self, rule, caller):
        of_owner = rule.rsplit("_", 1)[1] in ("token", "trustor", "trustee")
        mine = ["owner-user"] if caller == OWNER and of_owner else []
        if caller == "nobody":
            return ["public"]
        if caller == "unscoped":        # the owner's own, without a scope
            return ["any"] + ["owner-user"] * of_owner
        if caller in ("user", "service"):
            return ["any"] + ["service"] * (caller == "service")
        side, role = caller.split("-")
        if side in ("domain", "system"):
            return [caller] + mine
        return [{"none": "any", "reader": "other-project-reader", "member": "other-project-member", "admin": "admin"}[role]] + mine

    def one(self, rule, example, weakest, caller):
        method, path, body, subject = example()
        headers = [("X-Subject-Token", subject)] if subject else []
        answer = self.world.client.send(method, V3 + path, self.world.tokens[caller], body, headers)
        passes = oracle.passes(self.kinds(rule, caller), weakest)
        if passes:
            good = answer.status in (200, 201, 204)
        else:
            good = answer.status == (401 if caller == "nobody" else 403)
        self.report.check(good, "%s: %s for %s (%s)" % (rule, "does not pass" if passes else "passes", caller, weakest),
                          "%s %s: %d %s" % (method, path, answer.status, answer.text[:200]))
