"""What a document has beside its pages: actions, layers, structure, attachments, templates, forms of other kinds."""

import re
from collections.abc import Mapping

from tests.support.attacks.documents import (
    ANNOTATIONS,
    CONTENT,
    FORGED,
    OVERLAY,
    PAGE,
    SIGNATURE_FIELD,
    TEXT_FIELD,
    Victim,
    prepared,
    signature_number,
)
from tests.support.pdf_files import stream_object
from tests.support.revisions import appended, highest, object_text

_JAVASCRIPT = b"<</S/JavaScript/JS(this.getField\\('Amount'\\).value=9999)>>"


def _with_catalog(victim: Victim, entries: bytes, objects: Mapping[int, bytes]) -> bytes:
    """Signed with more in its catalog, and more objects."""
    file = prepared()
    file.objects[1] = file.objects[1].replace(b"/Pages", entries + b"/Pages", 1)
    file.objects.update(objects)
    return victim.signed(file.with_table())


def _catalog_changed(victim: Victim, entries: bytes, objects: Mapping[int, bytes] | None = None) -> bytes:
    """More in the catalog after the signature."""
    catalog = object_text(victim.approved(), 1).replace(b"/Pages", entries + b"/Pages", 1)
    return appended(victim.approved(), {1: catalog, **(objects or {})})


# -- what acts --------------------------------------------------------------------------------------------------------------


def open_action_added(victim: Victim) -> bytes:
    return _catalog_changed(victim, b"/OpenAction" + _JAVASCRIPT)


def document_action_added(victim: Victim) -> bytes:
    return _catalog_changed(victim, b"/AA<</WS%s>>" % _JAVASCRIPT)


def script_by_name_added(victim: Victim) -> bytes:
    return _catalog_changed(victim, b"/Names<</JavaScript<</Names[(a)%s]>>>>" % _JAVASCRIPT)


def script_by_name_replaced(victim: Victim) -> bytes:
    signed = _with_catalog(victim, b"/Names<</JavaScript<</Names[(a) 20 0 R]>>>>", {20: b"<</S/JavaScript/JS(0)>>"})
    return appended(signed, {20: _JAVASCRIPT})


def page_action_added(victim: Victim) -> bytes:
    page = object_text(victim.approved(), PAGE).replace(b"/Contents", b"/AA<</O%s>>/Contents" % _JAVASCRIPT)
    return appended(victim.approved(), {PAGE: page})


def field_action_added(victim: Victim) -> bytes:
    field = object_text(victim.approved(), TEXT_FIELD).replace(b"/DA", b"/AA<</F%s>>/DA" % _JAVASCRIPT)
    return appended(victim.approved(), {TEXT_FIELD: field})


def film_added(victim: Victim) -> bytes:
    size = highest(victim.approved())
    film = b"<</Type/Annot/Subtype/RichMedia/Rect[300 300 400 400]/P 3 0 R>>"
    annotations = object_text(victim.approved(), ANNOTATIONS)
    return appended(victim.approved(), {size: film, ANNOTATIONS: b"%s %d 0 R]" % (annotations[:-1], size)})


def watermark_added(victim: Victim) -> bytes:
    """An annotation that belongs to what the page shows."""
    size = highest(victim.approved())
    mark = b"<</Type/Annot/Subtype/Watermark/Rect[300 300 400 400]/P 3 0 R/AP<</N 10 0 R>>>>"
    annotations = object_text(victim.approved(), ANNOTATIONS)
    return appended(victim.approved(), {size: mark, ANNOTATIONS: b"%s %d 0 R]" % (annotations[:-1], size)})


def link_that_launches_added(victim: Victim) -> bytes:
    size = highest(victim.approved())
    link = b"<</Type/Annot/Subtype/Link/Rect[300 300 400 400]/P 3 0 R/A<</S/URI/URI(x)/Next<</S/Launch/F(cmd)>>>>>>"
    annotations = object_text(victim.approved(), ANNOTATIONS)
    return appended(victim.approved(), {size: link, ANNOTATIONS: b"%s %d 0 R]" % (annotations[:-1], size)})


# -- layers, structure, labels, attachments ---------------------------------------------------------------------------------

_LAYERS = b"/OCProperties<</OCGs[20 0 R]/D<</ON[20 0 R]>>>>"


def layer_switched_off(victim: Victim) -> bytes:
    signed = _with_catalog(victim, _LAYERS, {20: b"<</Type/OCG/Name(Amount)>>"})
    return appended(signed, {1: re.sub(rb"/ON ?\[ ?20 0 R ?\]", b"/OFF [ 20 0 R ]", object_text(signed, 1))})


def layer_configuration_replaced(victim: Victim) -> bytes:
    layers = {20: b"<</Type/OCG/Name(Amount)>>", 21: b"<</ON[20 0 R]>>"}
    signed = _with_catalog(victim, b"/OCProperties<</OCGs[20 0 R]/D 21 0 R>>", layers)
    return appended(signed, {21: b"<</OFF[20 0 R]>>"})


def layer_given_another_usage(victim: Victim) -> bytes:
    signed = _with_catalog(victim, _LAYERS, {20: b"<</Type/OCG/Name(Amount)>>"})
    return appended(signed, {20: b"<</Type/OCG/Name(Amount)/Usage<</Print<</PrintState/OFF>>>>>>"})


def spoken_text_replaced(victim: Victim) -> bytes:
    structure = {20: b"<</Type/StructTreeRoot/K 21 0 R>>", 21: b"<</Type/StructElem/S/P/P 20 0 R/ActualText(100 EUR)>>"}
    signed = _with_catalog(victim, b"/StructTreeRoot 20 0 R", structure)
    return appended(signed, {21: object_text(signed, 21).replace(b"100 EUR", b"9999 EUR")})


def attachment_replaced(victim: Victim) -> bytes:
    attached = {20: b"<</Type/Filespec/F(a.txt)/EF<</F 21 0 R>>>>", 21: stream_object(b"100 EUR", b"/Type/EmbeddedFile")}
    signed = _with_catalog(victim, b"/Names<</EmbeddedFiles<</Names[(a) 20 0 R]>>>>", attached)
    return appended(signed, {21: stream_object(b"9999 EUR", b"/Type/EmbeddedFile")})


def attachment_added(victim: Victim) -> bytes:
    size = highest(victim.approved())
    names = b"/Names<</EmbeddedFiles<</Names[(a) %d 0 R]>>>>" % size
    return _catalog_changed(victim, names, {size: b"<</Type/Filespec/F(a.txt)/UF(a.txt)>>"})


def collection_made_of_it(victim: Victim) -> bytes:
    """Readers show the first attachment instead of the document."""
    return _catalog_changed(victim, b"/Collection<</Type/Collection/View/H/D(a)>>")


def version_of_the_document_changed_with_its_pages(victim: Victim) -> bytes:
    return _catalog_changed(victim, b"/Version/1.3/PageLabels<</Nums[0<</P(9999)>>]>>")


# -- pages and forms --------------------------------------------------------------------------------------------------------


def template_changed(victim: Victim) -> bytes:
    """A page that is not shown yet, and can be."""
    template = b"<</Type/Template/MediaBox[0 0 595 842]/Contents 4 0 R>>"
    signed = _with_catalog(victim, b"/Names<</Templates<</Names[(More) 20 0 R]>>>>", {20: template})
    return appended(signed, {20: template.replace(b"4 0 R", b"10 0 R")})


def template_made_a_page_with_more(victim: Victim) -> bytes:
    """What is added is a page that the signed document had as a template, but for its content."""
    template = b"<</Type/Template/MediaBox[0 0 595 842]/Contents 4 0 R>>"
    signed = _with_catalog(victim, b"/Names<</Templates<</Names[(More) 20 0 R]>>>>", {20: template})
    size = highest(signed)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 10 0 R>>"
    return appended(signed, {size: page, 2: b"<</Type/Pages/Kids[3 0 R %d 0 R]/Count 2>>" % size})


def page_removed(victim: Victim) -> bytes:
    return appended(victim.approved(), {2: b"<</Type/Pages/Kids[]/Count 0>>"})


def pages_swapped(victim: Victim) -> bytes:
    file = prepared()
    file.objects[2] = b"<</Type/Pages/Kids[3 0 R 20 0 R]/Count 2>>"
    file.objects[20] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 10 0 R>>"
    return appended(victim.signed(file.with_table()), {2: b"<</Type/Pages/Kids[20 0 R 3 0 R]/Count 2>>"})


def inherited_resources_changed(victim: Victim) -> bytes:
    """The page says nothing of its fonts; its parent does."""
    file = prepared()
    file.objects[PAGE] = file.objects[PAGE].replace(b"/Resources<</Font<</F1 6 0 R>>/XObject<</Over 5 0 R>>>>", b"")
    file.objects[2] = b"<</Type/Pages/Kids[3 0 R]/Count 1/Resources<</Font<</F1 6 0 R>>/XObject<</Over 5 0 R>>>>>>"
    signed = victim.signed(file.with_table())
    return appended(signed, {2: file.objects[2].replace(b"/Over 5 0 R", b"/Over 10 0 R")})


def page_rotated(victim: Victim) -> bytes:
    page = object_text(victim.approved(), PAGE).replace(b"/Contents", b"/Rotate 180/Contents")
    return appended(victim.approved(), {PAGE: page})


def content_split_into_several(victim: Victim) -> bytes:
    page = object_text(victim.approved(), PAGE).replace(b"/Contents 4 0 R", b"/Contents[4 0 R 10 0 R]")
    return appended(victim.approved(), {PAGE: page})


def dynamic_form_added(victim: Victim) -> bytes:
    """Readers that know it show the template instead of the pages."""
    size = highest(victim.approved())
    catalog = object_text(victim.approved(), 1).replace(b"/SigFlags", b"/XFA %d 0 R/SigFlags" % size)
    return appended(victim.approved(), {1: catalog, size: stream_object(b"<xdp:xdp/>")})


def form_removed(victim: Victim) -> bytes:
    catalog = re.sub(rb"/AcroForm.*?(?=/Extensions|>>\Z)", b"", object_text(victim.approved(), 1), flags=re.DOTALL)
    return appended(victim.approved(), {1: catalog})


def calculation_order_added(victim: Victim) -> bytes:
    catalog = object_text(victim.approved(), 1).replace(b"/SigFlags", b"/CO[8 0 R]/SigFlags")
    return appended(victim.approved(), {1: catalog})


def field_made_a_password(victim: Victim) -> bytes:
    """Its value is shown as asterisks."""
    field = object_text(victim.approved(), TEXT_FIELD).replace(b"/FT/Tx", b"/FT/Tx/Ff 8192")
    return appended(victim.approved(), {TEXT_FIELD: field})


def field_renamed(victim: Victim) -> bytes:
    field = object_text(victim.approved(), TEXT_FIELD).replace(b"(Amount)", b"(Total)")
    return appended(victim.approved(), {TEXT_FIELD: field})


def field_given_a_parent(victim: Victim) -> bytes:
    size = highest(victim.approved())
    field = object_text(victim.approved(), TEXT_FIELD).replace(b"/FT/Tx", b"/FT/Tx/Parent %d 0 R" % size)
    catalog = object_text(victim.approved(), 1).replace(b"8 0 R", b"%d 0 R" % size, 1)
    return appended(victim.approved(), {TEXT_FIELD: field, size: b"<</T(Sum)/Kids[8 0 R]>>", 1: catalog})


# -- signatures ---------------------------------------------------------------------------------------------------------------


def signature_dictionary_written_anew(victim: Victim) -> bytes:
    """With another reason and the same value."""
    number = signature_number(victim.approved())
    dictionary = object_text(victim.approved(), number)
    return appended(victim.approved(), {number: re.sub(rb"/Location ?\([^)]*\)", b"/Location (Elsewhere)", dictionary)})


def signature_shown_in_another_field(victim: Victim) -> bytes:
    """One more field has the signature for its value."""
    size, number = highest(victim.approved()), signature_number(victim.approved())
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(More)/Rect[300 300 400 400]/P 3 0 R/V %d 0 R>>" % number
    catalog = re.sub(rb"/Fields ?\[", b"/Fields [%d 0 R " % size, object_text(victim.approved(), 1))
    annotations = object_text(victim.approved(), ANNOTATIONS)
    return appended(victim.approved(), {size: field, 1: catalog, ANNOTATIONS: b"%s %d 0 R]" % (annotations[:-1], size)})


def changed_between_two_signatures(victim: Victim) -> bytes:
    """What was changed after the first signature is signed by the second."""
    changed = appended(victim.approved(), {CONTENT: stream_object(FORGED)})
    return victim.signed(changed, "Second")


def changed_with_validation_data(victim: Victim) -> bytes:
    """The revision that brings validation data brings another overlay, too."""
    size = highest(victim.approved())
    catalog = object_text(victim.approved(), 1).replace(b"/Pages", b"/DSS %d 0 R/Pages" % size, 1)
    overlay = stream_object(FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]")
    return appended(victim.approved(), {1: catalog, size: b"<</Type/DSS/Certs[]>>", OVERLAY: overlay})


def changed_and_changed_back(victim: Victim) -> bytes:
    """The newest revision is what was signed; the one before is not, and a later signature may be over it."""
    original = object_text(victim.approved(), CONTENT)
    return appended(appended(victim.approved(), {CONTENT: stream_object(FORGED)}), {CONTENT: original})


def field_locked_by_another_lock(victim: Victim) -> bytes:
    """The lock of the signed field is loosened."""
    file = prepared()
    lock = b"/Lock<</Type/SigFieldLock/Action/All>>"
    file.objects[SIGNATURE_FIELD] = file.objects[SIGNATURE_FIELD].replace(b"/FT/Sig", b"/FT/Sig" + lock)
    signed = victim.signed(file.with_table())
    field = re.sub(rb"/Action ?/All", b"/Action /Include /Fields []", object_text(signed, SIGNATURE_FIELD))
    text = object_text(signed, TEXT_FIELD).replace(b"(100)", b"(9999)")
    return appended(signed, {SIGNATURE_FIELD: field, TEXT_FIELD: text})


def locked_field_filled(victim: Victim) -> bytes:
    file = prepared()
    lock = b"/Lock<</Type/SigFieldLock/Action/All>>"
    file.objects[SIGNATURE_FIELD] = file.objects[SIGNATURE_FIELD].replace(b"/FT/Sig", b"/FT/Sig" + lock)
    signed = victim.signed(file.with_table())
    return appended(signed, {TEXT_FIELD: object_text(signed, TEXT_FIELD).replace(b"(100)", b"(9999)")})


def appearances_of_locked_fields_made_anew(victim: Victim) -> bytes:
    """The field says something else than it shows; what it shows is locked, and readers are told to make it anew."""
    file = prepared()
    lock = b"/Lock<</Type/SigFieldLock/Action/All>>"
    file.objects[SIGNATURE_FIELD] = file.objects[SIGNATURE_FIELD].replace(b"/FT/Sig", b"/FT/Sig" + lock)
    file.objects[TEXT_FIELD] = file.objects[TEXT_FIELD].replace(b"/V(100)", b"/V(9999)/AP<</N 20 0 R>>")
    file.objects[20] = stream_object(b"BT /F1 12 Tf (100) Tj ET", b"/Type/XObject/Subtype/Form/BBox[0 0 100 20]")
    signed = victim.signed(file.with_table())
    return appended(signed, {1: object_text(signed, 1).replace(b"/SigFlags", b"/NeedAppearances true/SigFlags", 1)})
