"""The embedded Engram store: memories and edges on disk, with no server and no Beam."""
