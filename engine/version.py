"""Which Pulumi this engine stands for."""

from typing import Final

VERSION: Final = "v3.272.0"
"""What we write as the manifest's version: the SDK release whose protocol and state format this engine speaks."""
