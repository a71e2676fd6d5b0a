"""What an engine process may be asked to do with a PDF."""

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from proxy.pades.checking import check_document
from proxy.pades.inspecting import inspect_document
from proxy.pades.preparing import append_validation_data, prepare_signature, prepare_timestamp
from proxy.pades.values import APPEND_VALIDATION_DATA, CHECK, INSPECT, PREPARE, PREPARE_TIMESTAMP
from proxy.pades.verification.examining import examine_document, survey_document
from proxy.pades.verification.scan_info import describe_scans
from proxy.pades.verification.values import DESCRIBE_SCANS, EXAMINE, SURVEY
from proxy.validation.engine import JUDGE, judge_task

TASKS: Mapping[str, Callable[[BinaryIO, Any], Any]] = {
    INSPECT: inspect_document,
    PREPARE: prepare_signature,
    PREPARE_TIMESTAMP: prepare_timestamp,
    APPEND_VALIDATION_DATA: append_validation_data,
    CHECK: check_document,
    EXAMINE: examine_document,
    SURVEY: survey_document,
    DESCRIBE_SCANS: describe_scans,
    JUDGE: judge_task,
}
