"""The Kubernetes provider of the embedded engine; `provider.configure` makes one."""
