"""`expose` and `unexpose`: HAProxy in front of a deployment, planned, shown, begun, proven, or taken back."""
