"""The one settings model: flags > ``ENGRAM_MIGRATE_*`` > file > default."""
