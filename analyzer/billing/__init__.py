"""Was a failure billed: policies as dated data, and what the answers themselves say."""
