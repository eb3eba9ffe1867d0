"""The HTTP target: a run in a store that an ``engram-migrate serve`` serves."""
