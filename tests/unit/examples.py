"""Configurations whose manifests are kept as snapshots and shown to an API server, from the plainest to the fullest."""

from __future__ import annotations

from typing import Any

from tests.unit.configs import app, canary, stack

EVERYTHING: dict[str, Any] = app(
    replicas=None,
    imagePullPolicy="Always",
    imagePullSecrets=["pull"],
    command=["./podinfo"],
    args=["--level=info"],
    port=9898,
    probePort=9797,
    probes={
        "startup": {"path": "/healthz", "failureThreshold": 10, "periodSeconds": 1},
        "readiness": {"path": "/readyz", "periodSeconds": 2, "timeoutSeconds": 2, "successThreshold": 2},
        "liveness": {"exec": ["true"], "initialDelaySeconds": 3},
    },
    env={
        "PLAIN": "text",
        "TOKEN": {"secretKeyRef": {"name": "token", "key": "token", "optional": True}},
        "ADDRESS": {"fieldRef": {"fieldPath": "status.podIP"}},
        "URL": "http://$(ADDRESS):9898",
    },
    envFrom=[{"configMapRef": {"name": "more", "optional": True}}],
    config={"data": {"app.yaml": "greeting: hello"}, "mountPath": "/etc/app"},
    volumes={
        "cache": {"mountPath": "/cache"},
        "certs": {"mountPath": "/certs", "readOnly": True}
        | {"source": {"secret": {"secretName": "certs", "optional": True}}},
    },
    initContainers=[{"name": "wait", "image": "registry.local/podinfo:6.9.0", "command": ["true"]}],
    sidecars=[{"name": "proxy", "image": "registry.local/podinfo:6.9.0", "args": ["--port=9000"]}],
    serviceAccount="default",
    resources={"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    autoscaling={
        "minReplicas": 2,
        "maxReplicas": 6,
        "cpuUtilization": 70,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 90}},
            }
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
    },
    runAsUser=65532,
    minReadySeconds=1,
    terminationGracePeriodSeconds=20,
    preStop={"path": "/bye"},
    progressDeadlineSeconds=120,
    revisionHistoryLimit=2,
    podAnnotations={"prometheus.io/scrape": "true", "prometheus.io/port": 9898},
    podLabels={"team": "web"},
    nodeSelector={"kubernetes.io/os": "linux"},
    tolerations=[{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
    topologySpread=[
        {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    podTemplate={"spec": {"dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}}},
    expose={"type": "LoadBalancer", "port": 8080, "appProtocol": "http", "annotations": {"cloud/scheme": "internal"}},
    drainSeconds=5,
    recycle=False,
    inPlace="6.9.0",
    colors={"green": {"env": {"PLAIN": "other"}, "config": {"data": {"more.yaml": "a: b"}}}},
)

GATED: dict[str, Any] = app(
    port=9898,
    gate={
        "smoke": {
            "home": {"path": "/", "body": "podinfo", "count": 10, "allowedFailures": 1},
            "inside": {
                "path": "/",
                "via": "job",
                "image": "curlimages/curl:8.11.0",
                "headers": {"Host": "example.com"},
            },
        },
        "load": {"path": "/status/200", "rate": 20, "seconds": 30},
        "job": {"image": "registry.local/tests:1", "env": {"LEVEL": "all"}, "runAsUser": 65532},
        "prometheus": {"service": "prometheus", "namespace": "monitoring"},
        "metrics": {
            "errors": {
                "query": 'sum(rate(http_requests_total{status=~"5..",color="{{color}}"}[{{window}}]))',
                "max": 0.01,
            }
        },
    },
    migration={"command": ["./podinfo", "migrate"], "args": ["--expand"], "retries": 2, "deadlineSeconds": 120},
    env={"DATABASE": {"secretKeyRef": {"name": "database", "key": "url", "optional": True}}},
    config={"data": {"GREETING": "hello"}},
    initContainers=[{"name": "wait", "image": "registry.local/podinfo:6.9.0", "command": ["true"]}],
    sidecars=[{"name": "proxy", "image": "registry.local/podinfo:6.9.0", "args": ["--port=9000"]}],
)

SCALED: dict[str, Any] = {"minReplicas": 2, "maxReplicas": 6}
DAEMON: dict[str, Any] = {"component": "DaemonApp", "image": "registry.local/podinfo"}

EXAMPLES: dict[str, dict[str, Any]] = {
    "plain": stack({"web": {"component": "BlueGreenApp", "image": "registry.local/podinfo"}}),
    "promoted": stack({"web": app(port=9898)}, activeColor="green"),
    "alike": stack({"web": app(config={"data": {"A": "1"}})}, imageTag={"blue": "6.9.0", "green": "6.9.0"}),
    "canary": stack({"api": canary(port=9898)}, canaryReplicas=1),
    "node-ports": stack(
        {
            "web": app(expose={"type": "NodePort", "nodePort": 30901}),
            "api": canary(expose={"type": "NodePort", "nodePort": 30902}, activeColor="green"),
        },
        createNamespace=False,
    ),
    "everything": stack({"web": EVERYTHING}, idleReplicas=3),
    "gated": stack({"web": GATED}),
    "rolling": stack(
        {
            "web": app("RollingApp", maxSurge="50%", maxUnavailable=1, config={"data": {"A": "1"}}, paused=True),
            "one": app("RollingApp", strategy="Recreate", migration={"command": ["./podinfo", "migrate"]}),
            "many": app("RollingApp", replicas=None, autoscaling=SCALED, resources={"requests": {"cpu": "10m"}}),
        },
        tag="6.9.0",
        imageTag=None,
    ),
    "stateful": stack(
        {
            "db": app(
                "StatefulApp",
                canaryReplicas=1,
                canary={"tag": "6.9.1", "config": {"data": {"A": "2"}}},
                config={"data": {"A": "1"}, "mountPath": "/etc/app"},
                volumeClaimTemplates={
                    "data": {"mountPath": "/data", "size": "1Gi", "storageClass": "fast"},
                    "log": {"mountPath": "/log", "size": "64Mi", "accessModes": ["ReadWriteOncePod"]},
                },
                persistentVolumeClaimRetentionPolicy={"whenScaled": "Delete"},
                podManagementPolicy="Parallel",
            ),
            "cache": app("StatefulApp", updateStrategy="OnDelete"),
        },
        tag="6.9.0",
        imageTag=None,
    ),
    "daemon": stack(
        {
            "agent": DAEMON | {"maxSurge": 1, "maxUnavailable": 0},
            "idle": DAEMON | {"updateStrategy": "OnDelete"},
        },
        tag="6.9.0",
        imageTag=None,
    ),
}
