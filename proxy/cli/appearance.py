"""Options of a visible signature: what is seen, and where on the page (contract, ``appearance``)."""

import argparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.model import Appearance

_MARGIN = 20.0
_SEAL = 24.0
_WITH_TEXT = 80.0
"""Millimetres, where nothing else is said: a company seal (角印) is 21 to 24 mm."""

_POINTS_A_MILLIMETRE = 72 / 25.4


def add_appearance_options(parser: argparse.ArgumentParser) -> None:
    """Add them; without --seal and --text a signature is invisible."""
    group = parser.add_argument_group(
        "visible signature", "Positions are on the page as a viewer shows it, however it is rotated or cropped."
    )
    group.add_argument("--seal", metavar="IMAGE", help="PNG with transparency, JPEG, GIF, BMP or TIFF")
    group.add_argument("--text", metavar="TEXT", help="Japanese too; wraps into its box, beside the seal")
    group.add_argument("--page", metavar="N", type=_page, help="counted from 1 (default: 1)")
    group.add_argument(
        "--origin",
        choices=("bottom-left", "bottom-right", "top-left", "top-right"),
        help="the corner of the page that --x and --y count from (default: bottom-right)",
    )
    group.add_argument("--x", metavar="LENGTH", type=_length, help=f"from that corner, sideways (default: {_MARGIN:g} mm)")
    group.add_argument("--y", metavar="LENGTH", type=_length, help=f"from that corner, up or down (default: {_MARGIN:g} mm)")
    group.add_argument(
        "--width", metavar="LENGTH", type=_length, help=f"of the box (default: {_SEAL:g} mm, with text {_WITH_TEXT:g} mm)"
    )
    group.add_argument("--height", metavar="LENGTH", type=_length, help=f"of the box (default: {_SEAL:g} mm)")
    group.add_argument("--unit", choices=("mm", "pt"), help="of all lengths (default: mm)")
    group.add_argument(
        "--rotation", metavar="DEGREES", choices=(0, 90, 180, 270), type=int, help="of the content in its box, counterclockwise"
    )


def _page(text: str) -> int:
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a page number, which counts from 1")


def _length(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a length")
    return value


def appearance_from(arguments: argparse.Namespace) -> "Appearance | None":
    """The visible signature that is asked for; ``None`` for an invisible one.

    Raises:
        SettingsError: It is said where something is to be seen, not what; or the image cannot be read.
    """
    from pathlib import Path

    from proxy.errors import SettingsError
    from proxy.model import Appearance, LengthUnit, Origin

    places = ("page", "origin", "x", "y", "width", "height", "unit", "rotation")
    if arguments.seal is None and arguments.text is None:
        said = [f"--{name}" for name in places if getattr(arguments, name) is not None]
        if said:
            raise SettingsError(f"{', '.join(said)}: nothing is to be seen there: give --seal or --text")
        return None
    try:
        seal_image = None if arguments.seal is None else Path(arguments.seal).read_bytes()
    except OSError as error:
        raise SettingsError(f"the seal image {arguments.seal} cannot be read: {error.strerror}") from error
    unit = LengthUnit(arguments.unit or LengthUnit.MILLIMETRE)

    def length(given: float | None, millimetres: float) -> float:
        if given is not None:
            return given
        return millimetres if unit is LengthUnit.MILLIMETRE else round(millimetres * _POINTS_A_MILLIMETRE, 2)

    return Appearance(
        page=arguments.page or 1,
        origin=Origin(arguments.origin or Origin.BOTTOM_RIGHT),
        x=length(arguments.x, _MARGIN),
        y=length(arguments.y, _MARGIN),
        width=length(arguments.width, _SEAL if arguments.text is None else _WITH_TEXT),
        height=length(arguments.height, _SEAL),
        unit=unit,
        text=arguments.text,
        rotation=arguments.rotation or 0,
        seal_image=seal_image,
    )
