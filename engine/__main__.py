"""`python -m engine`: the embedded engine's command line."""

import os

# gRPC would write its own news of ended connections between our lines; it reads this when it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from engine.commands.root import main

if __name__ == "__main__":
    main()
