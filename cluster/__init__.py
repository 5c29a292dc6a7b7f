"""An embedded single-node Kubernetes cluster, built from Go modules and Debian packages.

```python
from cluster import Cluster

Cluster().up()
```
"""

from cluster.embedded import Cluster, Status
from cluster.errors import ClusterError

__all__ = ["Cluster", "ClusterError", "Status"]
