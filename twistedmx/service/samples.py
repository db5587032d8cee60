"""`samples`: what was refused lately, a row for each; of one id all of it, with the beginning of the content.

    {"what", "found", "since", "keep", "octets", "samples": [...], "older"}

`since`: from when on refusals are kept. `keep`, `octets`: the settings. `older`: samples that are there beside those that are told.
A sample: {"id", "session", "at", "peer", "via", "helo", "stage", "verdict", "reason", "meaning", "heard", "detail", "from": [...],
"to": [...], "count", "octets", "kept", "whole"}, and of one id "content" in base64. `octets`: of content as it came, null where the
peer did not come to content; `kept`: of these, most with LF ends; `whole`: that is all. Times are seconds since the epoch.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from twistedmx.model.peer import NOWHERE
from twistedmx.model.verdict import Reason
from twistedmx.net.control import Refused
from twistedmx.report.meanings import MEANINGS
from twistedmx.report.samples import Sample

if TYPE_CHECKING:
    from twistedmx.service.server import Server

MOST: Final = 20
_MOST_AT_ONCE: Final = 500  # rows: some megabytes of what peers said
_MOST_WHOLE: Final = 50  # with their content, 64 KiB at the most
_NAMED: Final = 3  # recipients of a row
_id = re.compile(r"[0-9B-Z]{10}(?:\.\d+)?", re.ASCII)


def samples(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Of {"what": an id, or none, "reason": a word, or none, "most": samples at the most, or None}. Raises Refused when `what` is
    no id of a session or a message, or `reason` none."""
    kept = server.lasting.samples
    what = str(arguments.get("what") or "").strip().upper()
    try:
        most = max(int(arguments.get("most") or MOST), 1)
    except (OverflowError, TypeError, ValueError):
        raise Refused("most is a number") from None
    reason = _reason(arguments.get("reason"), kept.reasons)
    if what and not _id.fullmatch(what):
        raise Refused(
            f"{arguments['what']!r} is no id of a session or a message; twistedmx samples shows those there are"
        )
    found = [sample for sample in (kept.of(what) if what else kept.latest()) if reason in (None, sample.verdict.reason)]
    told = found[-min(most, _MOST_WHOLE if what else _MOST_AT_ONCE) :]
    return {
        "what": what,
        "found": bool(found),
        "since": kept.since,
        "keep": kept.settings.keep,
        "octets": kept.settings.octets,
        "samples": [_whole(sample) if what else _row(sample, _NAMED) for sample in told],
        "older": len(found) - len(told),
    }


def _reason(word: Any, there: tuple[Reason, ...]) -> Reason | None:
    if not word:
        return None
    for reason in Reason:
        if reason.value == word:
            return reason
    known = ", ".join(sorted(reason.value for reason in there))
    raise Refused(f"{word!r} is no reason; there are samples of {known or 'none yet'}")


def _row(sample: Sample, named: int | None) -> dict[str, Any]:
    verdict, content = sample.verdict, sample.content
    return {
        "id": sample.id,
        "session": sample.session,
        "at": sample.at,
        "peer": "" if sample.peer.address == NOWHERE else sample.peer.address,
        "via": sample.peer.via,
        "helo": sample.helo,
        "stage": sample.stage.value,
        "verdict": verdict.action.value,
        "reason": verdict.reason.value,
        "meaning": MEANINGS[verdict.reason].sentence,
        "heard": str(verdict.reply),
        "detail": verdict.detail,
        "from": [_text(each) for each in sample.reverse_paths[:named]],
        "to": [_text(each) for each in sample.recipients[:named]],
        "count": sample.count,
        "octets": None if content is None else sample.octets,
        "kept": len(content or b""),
        "whole": sample.is_whole,
    }


def _whole(sample: Sample) -> dict[str, Any]:
    content = sample.content
    return {**_row(sample, None), "content": None if content is None else b64encode(content).decode()}


def _text(address: bytes) -> str:
    return address.decode("utf-8", "backslashreplace")
