"""Counting what was written, and finding edges that lead nowhere."""
