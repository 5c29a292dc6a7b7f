"""Who holds a stack's lock."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Holder:
    """A process of some machine."""

    host: str
    pid: int

    @classmethod
    def named_in(cls, said: str) -> Holder | None:
        """Read what an `up` says that was not let in; None where it says nothing of a lock."""
        found = re.search(r"created by \S+@(\S+) \(pid (\d+)\)", said)
        return cls(found[1], int(found[2])) if found else None

    @property
    def has_died(self) -> bool:
        """Whether it is gone, as far as that can be known: of another machine's it cannot."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except OSError as error:
            return not isinstance(error, PermissionError)
        return False
