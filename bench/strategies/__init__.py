"""The cookbook's strategies, run under traffic: what docs/strategies.md shows of each of them."""
