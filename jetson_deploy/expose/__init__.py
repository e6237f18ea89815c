"""The endpoint on a network: HAProxy before a deployment's loopback port, its configuration, keys and certificate."""
