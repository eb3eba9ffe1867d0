"""A shop database in a real PostgreSQL, and its migration: ``make demo``."""
