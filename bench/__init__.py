"""Traffic, watchers, the demo and the benchmarks: what shows from outside that Cutover keeps its word."""
