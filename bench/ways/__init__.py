"""The ways of releasing that are compared, each by the commands that its users type.

They run the same pods: Cutover plans them, and the others get its pod template, with labels and a tag of their own.
"""

from bench.ways import faulty
from bench.ways.cutover import Cutover, CutoverCanary, Driven, DrivenCanary, Stack
from bench.ways.kubectl import FOLDER, PEERS, kubectl
from bench.ways.objects import BAD, BLUE, GREEN
from bench.ways.patch import Patch
from bench.ways.rolling import Rolling
from bench.ways.rollouts import Rollouts, RolloutsCanary, controller
from bench.ways.way import BlueGreen, Canary, Replacement, Way

__all__ = [
    "BAD",
    "BLUE",
    "FOLDER",
    "GREEN",
    "PEERS",
    "BlueGreen",
    "Canary",
    "Cutover",
    "CutoverCanary",
    "Driven",
    "DrivenCanary",
    "Patch",
    "Replacement",
    "Rolling",
    "Rollouts",
    "RolloutsCanary",
    "Stack",
    "Way",
    "controller",
    "faulty",
    "kubectl",
]
