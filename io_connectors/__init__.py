"""How systems are read and written."""
