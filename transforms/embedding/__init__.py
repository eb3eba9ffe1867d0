"""Embedding: texts to vectors, page by page."""
