"""Reading PostgreSQL: catalogue, snapshot, page plan, ``ReadFromPostgres``."""
