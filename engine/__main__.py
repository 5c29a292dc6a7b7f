"""`python -m engine`: the embedded engine's command line."""

import os
import sys
from importlib.util import find_spec, module_from_spec

# gRPC would write its own news of ended connections between our lines; it reads this when it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def leave_out_the_sdk() -> None:
    """Let `pulumi.runtime.proto` be imported alone: the packages above it would load all of the SDK, in 0.35 s."""
    for name in ("pulumi", "pulumi.runtime"):
        if spec := find_spec(name):
            sys.modules[name] = module_from_spec(spec)


if __name__ == "__main__":
    leave_out_the_sdk()
    from engine.commands.root import main

    main()
