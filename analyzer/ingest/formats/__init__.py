"""One module per source format; defining FORMAT registers it."""
