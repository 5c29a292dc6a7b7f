"""An embedded Pulumi engine: runs Kubernetes programs written for the Pulumi Python SDK without the Pulumi CLI.

It speaks the SDK's own gRPC protocol, keeps Pulumi's own state files, and does what one stack of Kubernetes resources
needs; the rest it refuses by name.
"""
