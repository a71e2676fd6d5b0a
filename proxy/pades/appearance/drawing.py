"""Draw a visible signature (engine process): the form XObject that its widget shows.

ISO 32000-2, 12.5.5 (appearance streams): a viewer turns the form's box by its matrix and fits what comes out into ``/Rect``, so
that a matrix which undoes the page's own rotation makes the content stand upright as it is seen.
"""

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from proxy.errors import AppearanceInvalid
from proxy.model import Appearance
from proxy.pades.appearance.composing import FONT, SEAL, compose
from proxy.pades.appearance.font_embedding import add_font
from proxy.pades.appearance.placing import Placement, box_of, widget_of
from proxy.pades.appearance.seals import add_seal


def draw(writer: IncrementalPdfFileWriter, placement: Placement, appearance: Appearance) -> generic.IndirectObject:
    """Add the appearance stream and all it needs to the document.

    Args:
        writer: Of the document's update; streams are encrypted by it where the document is.
        placement: Where it will be shown.
        appearance: What to show; its position is not looked at.

    Returns:
        A reference for ``/N`` of the widget's ``/AP``.

    Raises:
        AppearanceInvalid: There is nothing to show, the text does not fit or cannot be shown.
        SealImageInvalid: The image cannot be used.
    """
    if appearance.rotation % 90:
        raise AppearanceInvalid("content is turned by multiples of 90 degrees", fields={"appearance.rotation": "not of 90"})
    width, height = placement.size
    if appearance.rotation % 180:
        width, height = height, width
    composition = compose(width, height, appearance.text, appearance.seal_image)
    resources = generic.DictionaryObject()
    if composition.seal is not None:
        resources[pdf_name("/XObject")] = generic.DictionaryObject({pdf_name(SEAL): add_seal(writer, composition.seal)})
    if composition.subset is not None:
        resources[pdf_name("/Font")] = generic.DictionaryObject({pdf_name(FONT): add_font(writer, composition.subset)})
    form = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): _numbers(0, 0, width, height),
            pdf_name("/Matrix"): _numbers(*_matrix((placement.rotation + appearance.rotation) % 360, width, height)),
            pdf_name("/Resources"): resources,
        },
        stream_data=composition.content,
    )
    form.compress()
    return writer.add_object(form)


def draw_for_field(
    writer: IncrementalPdfFileWriter, field: generic.DictionaryObject, appearance: Appearance
) -> generic.IndirectObject:
    """Draw into the rectangle of an existing field and set it as what the field shows.

    Args:
        writer: Of the document's update.
        field: The field's dictionary, as the writer gives it.
        appearance: What to show; the field has its own page and position.

    Returns:
        The reference that was set.

    Raises:
        AppearanceInvalid: The field is invisible, or as :func:`draw`.
        SealImageInvalid: The image cannot be used.
    """
    placement = box_of(writer, field)
    if placement is None:
        raise AppearanceInvalid("the signature field has no visible box on a page", fields={"fieldName": "invisible"})
    reference = draw(writer, placement, appearance)
    set_appearance(writer, field, reference)
    return reference


def set_appearance(
    writer: IncrementalPdfFileWriter, field: generic.DictionaryObject, reference: generic.IndirectObject
) -> None:
    """Make the field's widget show ``reference``, and mark it changed."""
    widget = widget_of(field)
    assert widget is not None, "a field that shows something has a widget"
    widget[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): reference})
    # The name of a state would be looked for in /N, which has none.
    widget.pop("/AS", None)
    writer.update_container(widget)


def _matrix(angle: int, width: float, height: float) -> tuple[float, ...]:
    """Turn counterclockwise by ``angle`` degrees, and back into the positive quadrant."""
    return {
        0: (1, 0, 0, 1, 0, 0),
        90: (0, 1, -1, 0, height, 0),
        180: (-1, 0, 0, -1, width, height),
        270: (0, -1, 1, 0, 0, width),
    }[angle]


def _numbers(*values: float) -> generic.ArrayObject:
    return generic.ArrayObject(generic.FloatObject(round(value, 4)) for value in values)
