"""What a color must pass before it takes traffic.

`settings` says what may be configured, `gate` runs it in order: `smoke` requests, a `load`, a `job` in the cluster and
`metrics` from Prometheus. Each says what it found as a `Finding`.
"""
