"""The proxy lab: real proxies before a faulty provider, and what their logs say of each fault."""
