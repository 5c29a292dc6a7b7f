"""The ways of releasing that are compared, each by the commands that its users type.

They run the same pods: Cutover plans them, and the others get its pod template, with labels and a tag of their own.
"""

from bench.ways.cutover import Cutover, CutoverCanary, Stack
from bench.ways.kubectl import FOLDER, PEERS, kubectl
from bench.ways.objects import BLUE, GREEN
from bench.ways.patch import Patch
from bench.ways.rollouts import Rollouts, RolloutsCanary, controller
from bench.ways.way import BlueGreen, Canary, Way

__all__ = [
    "BLUE",
    "FOLDER",
    "GREEN",
    "PEERS",
    "BlueGreen",
    "Canary",
    "Cutover",
    "CutoverCanary",
    "Patch",
    "Rollouts",
    "RolloutsCanary",
    "Stack",
    "Way",
    "controller",
    "kubectl",
]
