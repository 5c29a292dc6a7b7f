"""Apps of one version, which Kubernetes itself replaces pod by pod: RollingApp, StatefulApp and DaemonApp."""
