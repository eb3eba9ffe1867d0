"""Where passwords and keys are, as references that a pipeline graph may carry."""

from __future__ import annotations

from io_connectors.secrets import SecretRef
from pipelines.settings.model import Settings


def password_of(settings: Settings) -> SecretRef | None:
    """The password's reference: a file, or this process's environment, which local workers inherit.

    Returns:
        None where no password was given.
    """
    if settings.source_password_file:
        return SecretRef(path=settings.source_password_file)
    if settings.source_password:
        return SecretRef.keep("SOURCE_PASSWORD", settings.source_password)
    return None


def target_key_of(settings: Settings) -> SecretRef | None:
    """The reference of the target server's key, as ``password_of``."""
    if settings.target_key_file:
        return SecretRef(path=settings.target_key_file)
    if settings.target_key:
        return SecretRef.keep("TARGET_KEY", settings.target_key)
    return None
