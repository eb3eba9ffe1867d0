"""Did everything arrive, is everything served as it was acknowledged, and is it what the source has."""

import pipelines.quiet  # noqa: F401  # before Beam
