"""The token process: opens the token that the pool names, then answers one message at a time.

Started by ``proxy.signers.pkcs11.process`` as ``python -m proxy.signers.pkcs11.worker DESCRIPTOR PARENT``. It ends when the
socket does, and may be killed at any moment: the session and the login end with it.
"""

import gc
import pickle
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from proxy.processes.inside import live_for, send
from proxy.processes.messages import HEADER, body_size, encode
from proxy.signers.pkcs11.messages import CallFailed, CreateKey, FindKeys, LookAround, OpenToken, Sign, Signed
from proxy.signers.pkcs11.token import Token

_TEXT_CHARACTERS = 300

_GATHERED_SECONDS = 0.002
"""How long values wait for the next ones. Those of a slower token go one by one, so that it is seen to work."""


def main(arguments: list[str]) -> None:
    """Serve until the pool closes the socket.

    Args:
        arguments: Descriptor of the socket, and process id of the pool.
    """
    descriptor, parent = arguments
    live_for(int(parent))
    channel = socket.socket(fileno=int(descriptor))
    calls = channel.makefile("rb")
    gc.collect()
    gc.freeze()
    token: Token | None = None
    try:
        while (asked := received(calls)) is not None:
            try:
                if isinstance(asked, OpenToken):
                    token = Token(asked)
                for answer in _answers(token, asked):
                    send(channel, encode(answer))
            except ConnectionError:
                raise
            except Exception as error:  # noqa: BLE001 - a module may answer anything; proxy.signers.pkcs11.failures reads it
                send(channel, encode(CallFailed(type(error).__name__, str(error)[:_TEXT_CHARACTERS])))
    except ConnectionError:
        # The pool went away while the token was at work: nobody waits for the answer.
        return


def _answers(token: Token | None, asked: object) -> Iterable[object]:
    match token, asked:
        case Token(), Sign():
            return gathered(token.sign(asked))
        case Token(), OpenToken():
            return (token.opened(),)
        case Token(), FindKeys():
            return (token.find(asked),)
        case Token(), CreateKey():
            return (token.create(asked),)
        case Token(), LookAround():
            return (token.look_around(),)
    raise TypeError("no message of the pool's")


def gathered(values: Iterator[bytes]) -> Iterator[Signed]:
    """Values as they are made, those of one moment together. What was made before one fails is given before that is raised."""
    made: list[bytes] = []
    begun = time.monotonic()
    try:
        for value in values:
            made.append(value)
            if (now := time.monotonic()) - begun > _GATHERED_SECONDS:
                yield Signed(tuple(made))
                made, begun = [], now
    except Exception:
        if made:
            yield Signed(tuple(made))
        raise
    if made:
        yield Signed(tuple(made))


def received(calls: BinaryIO) -> object | None:
    """The next message; ``None`` when the pool is gone."""
    header = calls.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    body = calls.read(body_size(header))
    message: object = pickle.loads(body)  # noqa: S301 - the pool's own words
    return message


if __name__ == "__main__":
    main(sys.argv[1:])
