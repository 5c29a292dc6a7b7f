"""What splits live traffic between the colors: a route of a router, or (replicas.py) the live Service alone."""
