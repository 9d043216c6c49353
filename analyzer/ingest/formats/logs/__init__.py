"""Access logs of edges, proxies, gateways and servers; one module a format."""
