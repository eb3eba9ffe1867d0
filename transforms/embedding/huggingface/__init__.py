"""The ``huggingface`` provider: a transformer that runs here, from a folder or the model hub."""
