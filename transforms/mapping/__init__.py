"""From source records to memories and edges."""
