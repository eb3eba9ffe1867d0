"""Imports Beam without its warning about Google's libraries; import this before anything of Beam."""

import logging

logging.disable(logging.WARNING)
import apache_beam  # noqa: E402, F401

logging.disable(logging.NOTSET)
