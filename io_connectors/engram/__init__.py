"""Writing to Engram: targets, receipts, ``WriteToEngram``."""
