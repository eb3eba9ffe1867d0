"""Whether the system leaves a migration the address space that its libraries reserve.

Under a limit that is too small (``ulimit -v``) they do not fail, they abort the process or wait for
ever; so it is told before they begin. A limit of what is used, as cgroups have it, needs no such look.
"""

from __future__ import annotations

import resource

from engram_store.errors import PreflightError

#: Bytes a process: two workers needed 1.8 GB on two cores, one 1.2 GB; the rest is for more cores.
NEEDED_BYTES = 3 << 30


def check_address_space() -> None:
    """Refuses a limit of address space under which no migration can be relied on.

    Raises:
        PreflightError: It is too small.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed == resource.RLIM_INFINITY or allowed >= NEEDED_BYTES:
        return
    raise PreflightError(
        "the address space that the system allows a process is too small",
        why=f"`ulimit -v` is {allowed >> 20:,} MB, and the libraries reserve up to {NEEDED_BYTES >> 20:,} MB,"
        " though they use far less",
        suggestion="lift this limit; limit the memory that is used by a cgroup, if it must be limited",
        example="ulimit -v unlimited   # and: systemd-run --scope -p MemoryMax=1G engram-migrate …",
    )
