"""What is signed with, as options of ``sign`` and of ``batch sign``, and the request that is made of them."""

import argparse

from proxy.cli.appearance import add_appearance_options
from proxy.cli.documents import add_document_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.model import SignatureRequest


def add_signature_options(parser: argparse.ArgumentParser) -> None:
    """Add them to a verb's parser."""
    signature = parser.add_argument_group("signature")
    signature.add_argument("--form", choices=("es", "es-t", "mdp", "es-a"), required=True, help="what is made, see above")
    signature.add_argument(
        "--ltv",
        action=argparse.BooleanOptionalAction,
        help="es-t and mdp: with validation data (default: mdp with, es-t without)",
    )
    signature.add_argument(
        "--doc-mdp",
        type=int,
        choices=(1, 2, 3),
        help="mdp: what may be changed afterwards: 1 nothing (default), 2 forms and signatures, 3 annotations too",
    )
    signature.add_argument(
        "--grace-policy",
        choices=("now", "fresh"),
        help="es-a: validation data there is now (default), or wait for what is issued after signing",
    )
    signature.add_argument("--certificate", metavar="ID", help="the signing certificate (see `signproxy certificates list`)")
    signature.add_argument("--field", metavar="NAME", help="signature field; made where there is none of this name")
    signature.add_argument("--existing-field", action="store_true", help="fail rather than make a field")
    signature.add_argument("--reason", metavar="TEXT", help="why it is signed")
    signature.add_argument("--location", metavar="TEXT", help="where")
    signature.add_argument("--contact", metavar="TEXT", help="how to reach the signer")
    signature.add_argument(
        "--hash", choices=("SHA-256", "SHA-384", "SHA-512"), help="hash algorithm (default: the certificate's first choice)"
    )
    signature.add_argument(
        "--sign-algorithm",
        choices=("RSASSA-PKCS1-v1_5", "RSASSA-PSS", "ECDSA"),
        help="signature algorithm (default: the certificate's first choice)",
    )
    add_document_options(signature)
    add_appearance_options(parser)


def signature_request_from(arguments: argparse.Namespace) -> "SignatureRequest":
    """The request.

    Raises:
        SettingsError: The options contradict each other, or no certificate is named.
        OSError: The seal cannot be read.
    """
    from proxy.cli.appearance import appearance_from
    from proxy.cli.connecting import certificate_id_from
    from proxy.cli.documents import password_from
    from proxy.model import GracePolicy, HashAlgorithm, SignAlgorithm, SignatureForm, SignatureRequest

    form = SignatureForm(arguments.form.upper())
    _refuse_other_forms_options(arguments)
    return SignatureRequest(
        form=form,
        certificate_id=certificate_id_from(arguments),
        field_name=arguments.field,
        existing_field_only=arguments.existing_field,
        reason=arguments.reason,
        location=arguments.location,
        contact_info=arguments.contact,
        hash_algorithm=HashAlgorithm(arguments.hash) if arguments.hash else None,
        sign_algorithm=SignAlgorithm(arguments.sign_algorithm) if arguments.sign_algorithm else None,
        tsa_profile=arguments.tsa_profile,
        ltv=form is SignatureForm.MDP if arguments.ltv is None else arguments.ltv,
        doc_mdp=arguments.doc_mdp or 1,
        grace_policy=GracePolicy(arguments.grace_policy or GracePolicy.NOW),
        appearance=appearance_from(arguments),
        document_password=password_from(arguments),
        dry_run=arguments.dry_run,
    )


def _refuse_other_forms_options(arguments: argparse.Namespace) -> None:
    """What would be ignored is refused: who says it expects something of it."""
    from proxy.errors import SettingsError

    for option, value, forms in (
        ("--ltv" if arguments.ltv else "--no-ltv", arguments.ltv, ("es-t", "mdp")),
        ("--doc-mdp", arguments.doc_mdp, ("mdp",)),
        ("--grace-policy", arguments.grace_policy, ("es-a",)),
        ("--tsa-profile", arguments.tsa_profile, ("es-t", "mdp", "es-a")),
    ):
        if value is not None and arguments.form not in forms:
            raise SettingsError(f"{option} is for --form {' and '.join(forms)}, not for {arguments.form}")
