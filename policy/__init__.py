"""What every stack of apps must keep to, whoever wrote it: a policy pack for Pulumi, and a check of manifests."""
