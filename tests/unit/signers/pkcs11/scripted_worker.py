"""A token process without a token: it answers as files in a folder say, and writes down what it was told.

The file of a message's name (``Sign``) holds a line: ``fail NAME``, ``hang`` or ``die``; with ``once`` at the end it is done by
the first process that comes to it, with ``up to N`` by the first N that were opened. Without such a file all goes well.
"""

import os
import signal
import socket
import sys
from pathlib import Path

from proxy.model.pkcs11_uri import PKCS11URI
from proxy.processes.inside import live_for, send
from proxy.processes.messages import encode
from proxy.signers.pkcs11.messages import (
    CallFailed,
    CreateKey,
    FindKeys,
    KeysFound,
    KeysSeen,
    LookAround,
    Mechanism,
    OpenToken,
    Sign,
    Signed,
    TokenOpened,
)
from proxy.signers.pkcs11.worker import received

FOLDER = "SCRIPTED_TOKEN"
"""The variable that names the folder."""


def main(arguments: list[str]) -> None:
    descriptor, parent = arguments
    live_for(int(parent))
    folder, number = Path(os.environ[FOLDER]), 0
    channel = socket.socket(fileno=int(descriptor))
    calls = channel.makefile("rb")
    while (message := received(calls)) is not None:
        name = type(message).__name__
        for each in [message._replace(data=(one,)) for one in message.data] if isinstance(message, Sign) else [message]:
            detail = each.pin if isinstance(each, OpenToken) else each.data[0].hex() if isinstance(each, Sign) else ""
            with (folder / "log").open("a", encoding="utf-8") as log:
                log.write(f"{name} {os.getpid()} {detail}\n")
            if isinstance(each, OpenToken):
                number = (folder / "log").read_text("utf-8").count("OpenToken ")
            failed = _scripted(folder / name, number)
            send(channel, encode(failed or _well(each)))
            if failed is not None:
                break


def _scripted(rule: Path, number: int) -> CallFailed | None:
    try:
        words = rule.read_text("utf-8").split()
        if words[-1] == "once":
            rule.rename(rule.with_suffix(f".{os.getpid()}"))
    except FileNotFoundError:
        return None
    if words[-3:-1] == ["up", "to"] and number > int(words[-1]):
        return None
    match words[0]:
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            signal.pause()
    return CallFailed(words[1])


def _well(message: object) -> object:
    match message:
        case OpenToken():
            return TokenOpened(PKCS11URI(token="scripted"), tuple(Mechanism))
        case Sign():
            return Signed((message.data[0][::-1],))
        case FindKeys():
            return KeysFound(())
        case LookAround():
            return KeysSeen(any=True)
        case CreateKey():
            return CallFailed("LabelTaken")
    raise TypeError(message)


if __name__ == "__main__":
    main(sys.argv[1:])
