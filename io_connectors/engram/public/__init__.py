"""The public Engram server (orchard9/engram): staged in an embedded store, then delivered to it."""
