"""A new master key for reports, while intake runs. Can be stopped at any point and run again; it then goes on.

First the new key is written as the current one and the old one as retired, and intake restarts with both: from then on
nothing new is wrapped with the old key. Then every report's key is wrapped anew, beside the running intake. Only when
none needs the old key any more, it goes from the file and from intake.
"""

from collections.abc import Callable
from pathlib import Path

from tools.local import keys
from tools.local.supervisor import Say


def rotate(folder: Path, *, renew: Callable[[], None], rewrap: Callable[[], None], say: Say) -> None:
    """Replace the master key in the secrets of ``folder``.

    ``renew`` makes intake take the secrets as they are in the file now, and returns when it has. ``rewrap`` wraps every
    report's key anew and raises where one is left: the retired key then stays.
    """
    found = keys.ensure(folder)
    if keys.retired_of(found):
        say("an earlier rotation was not finished: going on with it")
    else:
        found = keys.with_new_master_key(found)
        keys.write(folder, found)
    renew()
    say("intake uses the new master key; the old one still opens")
    rewrap()
    # As they are now: a key of receipts may have come while reports were wrapped anew, and none may ever go.
    keys.write(folder, keys.without_retired(keys.ensure(folder)))
    renew()
    say("the old master key is gone from this machine's secrets; copies of secrets.env elsewhere are yours to destroy")
