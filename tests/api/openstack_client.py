# SPDX-License-Identifier: Apache-2.0
"""Many commands of `openstack` in one process, for starting it takes a second: each line of the input is a JSON list of
arguments, each line of the output a JSON list of exit status, output and errors. Run by the Python that the client is for."""
import contextlib
import io
import json
import sys

from openstackclient.shell import OpenStackShell

for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = OpenStackShell().run(json.loads(line))
        except SystemExit as end:
            status = end.code
    status = status if isinstance(status, int) else 0       # `federation protocol set` gives its answer instead
    print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)
