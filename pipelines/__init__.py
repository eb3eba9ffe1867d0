"""What runs: a pipeline a source, and the verbs beside them."""
