"""What happens to a record: mapping, embedding, validation."""
