"""Storage that outlives pods: folders of this machine, offered as PersistentVolumes of the cluster's own class.

They are made beforehand, as Kubernetes has no provisioner for such: a claim gets a free one when its pod is scheduled.
One whose claim is gone is emptied and offered again at the next `up`.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Final

from cluster import layout

if TYPE_CHECKING:
    from cluster.api import Api

CLASS: Final = "local"

_COUNT = 32
_FOLDER = layout.STATE / "volumes"
_EVERYBODY = 0o777  # any user of a pod may write, as on a volume of its own
_CLASS: dict[str, Any] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/no-provisioner",
    "volumeBindingMode": "WaitForFirstConsumer",
    "reclaimPolicy": "Retain",
}


def offer(api: Api) -> None:
    """Make the class and its volumes, and what was given back free again.

    Raises:
        ObjectError: the API server refuses one.
    """
    api.apply(f"/apis/storage.k8s.io/v1/storageclasses/{CLASS}", json.dumps(_CLASS))
    there = {volume["metadata"]["name"]: volume for volume in api.objects("/api/v1/persistentvolumes")}
    for number in range(_COUNT):
        name = f"{CLASS}-{number:02}"
        folder, path = _FOLDER / name, f"/api/v1/persistentvolumes/{name}"
        returned = there.get(name, {}).get("status", {}).get("phase") == "Released"
        if returned:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(_EVERYBODY)
        if name not in there:
            api.apply(path, json.dumps(_volume(name)))
        elif returned:
            api.merge(path, {"spec": {"claimRef": None}})


def _volume(name: str) -> dict[str, Any]:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [layout.KUBERNETES_NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": CLASS,
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(_FOLDER / name)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
