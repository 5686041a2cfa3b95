# SPDX-License-Identifier: Apache-2.0
"""Counts checks and gathers what failed, a line a kind of failure."""
import collections


class Report:
    def __init__(self):
        self.passed, self.failures, self.notes = 0, collections.OrderedDict(), collections.Counter()

    def check(self, good, what, detail=""):
        """'what': the failure's kind, the same for failures of one cause; 'detail': this one."""
        if good:
            self.passed += 1
        else:
            self.failures.setdefault(what, []).append(detail)
        return good

    def note(self, what):
        self.notes[what] += 1

    def print(self, most=3):
        for what, details in self.failures.items():
            print("FAIL %s%s" % (what, " (%d times)" % len(details) if len(details) > 1 else ""))
            for detail in details[:most]:
                print("       " + detail[:600])

    def add(self, other):
        self.passed += other.passed
        for what, details in other.failures.items():
            self.failures.setdefault(what, []).extend(details)
        self.notes.update(other.notes)
