"""Blue-green and canary releases: the stack's configuration says where every app stands, `pulumi up` puts it there.

What may be configured is in docs/configuration.md; what one `up` does, and in which order, in components/release.py.
"""

import os
import signal

import pulumi

from components.stack import release

# The engine interrupts the program once a step has failed and has told why; a traceback would bury that.
signal.signal(signal.SIGINT, lambda *_: os._exit(1))

for app, outputs in release().outputs.items():
    pulumi.export(app, outputs)
