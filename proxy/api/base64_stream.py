"""Base64 decoded as it arrives (RFC 4648, 4): the standard alphabet, strictly, white space between its characters allowed."""

import binascii

_WHITE_SPACE = b" \t\r\n"


class Base64Decoder:
    """Decodes pieces of one base64 text, cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self._ended = False

    def decode(self, text: bytes) -> bytes:
        """The bytes that ``text``, after what came before, completes.

        Raises:
            ValueError: It is not base64.
        """
        text = self._rest + text.translate(None, _WHITE_SPACE)
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        if not whole:
            return b""
        if self._ended:
            raise ValueError("data after the padding")
        decoded = binascii.a2b_base64(memoryview(text)[:whole], strict_mode=True)
        self._ended = text[whole - 1 : whole] == b"="
        return decoded

    def finish(self) -> None:
        """Say that the text is over. Raises ``ValueError`` when it ends inside a group of four."""
        if self._rest:
            raise ValueError("incomplete base64")
