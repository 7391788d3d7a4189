"""``python -m tools.command``, where ``ieum`` is not on the path."""

from tools.command.app import entry

if __name__ == "__main__":
    entry()
