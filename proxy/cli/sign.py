"""``signproxy sign``: PDF files through a service, as many as given, each on its own."""

import argparse

from proxy.cli.appearance import add_appearance_options
from proxy.cli.documents import (
    ENVIRONMENT,
    EXIT_CODES,
    LOST_ANSWERS,
    add_document_options,
    add_files,
    add_result_options,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.model import SignatureRequest

_DESCRIPTION = """\
Sign PDF files through a proxy. A file is streamed there, and only what the
signature appends comes back: it is added to a copy of the file. Nothing is
kept unless it has the digest and the level the proxy stated and you asked for.
A file that fails does not stop the others.

forms:
  es          verifiable until the signing certificate ends (PAdES-B-B)
  es-t        its time is proven (B-T); --ltv adds all that verifies it, for about
              10 years (B-LT)
  mdp         certifies the document, as its first signature: --doc-mdp says what
              may be changed afterwards, by default nothing; with validation data
              unless --no-ltv
  es-a        for 10 years, and extendable by `signproxy timestamp --purpose ES_A`
              as often as wanted (B-LTA)
"""

_EPILOG = f"""\
examples:
  signproxy sign contract.pdf --form es-t --ltv --certificate seal
      writes contract.signed.pdf beside it
  signproxy sign *.pdf --form es --certificate seal --out signed/ --csv report.csv
      a folder of signed files and a line for each in the report
  signproxy sign invoice.pdf --form es-a --certificate seal --seal kakuin.png
      a seal of 24 mm, 20 mm from the right and the lower edge of page 1
  signproxy sign invoice.pdf --form es-a --certificate seal --seal kakuin.png \\
      --text '承認済 経理部' --page 2 --origin top-right --x 15 --y 30 \\
      --width 70 --height 24
      seal and text beside each other, 15 mm from the right edge and 30 mm from
      the upper one
  signproxy sign form.pdf --form mdp --doc-mdp 2 --certificate seal
      forms can be filled in and signatures added afterwards
  signproxy sign locked.pdf --form es --certificate seal --password-file pw.txt
      an encrypted document
  signproxy sign contract.pdf --form es --certificate legal-person-rsa \\
      --sandbox ./state
      through a sandbox, whose certificates also have names
  signproxy sign *.pdf --form es-t --certificate seal --dry-run
      everything is checked, no signature is spent

{LOST_ANSWERS}
{ENVIRONMENT}  SIGNPROXY_CERTIFICATE    as --certificate

{EXIT_CODES}"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "sign",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    add_files(parser)
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
    add_result_options(parser, ".signed")


def run(arguments: argparse.Namespace) -> int:
    """Sign and report.

    Raises:
        SettingsError: The options contradict each other, or no service or certificate is named.
        OSError: The report cannot be written.
    """
    from functools import partial

    from proxy.cli.documents import run_on_files

    request = _request(arguments)
    return run_on_files(arguments, lambda client: partial(client.sign, request=request))


def _request(arguments: argparse.Namespace) -> "SignatureRequest":
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
