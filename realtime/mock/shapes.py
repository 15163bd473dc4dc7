"""The shapes of sessions, items, responses and client events, as the Realtime API documents them."""

from __future__ import annotations

import re

from realtime.mock.mcp_shapes import APPROVAL_RESPONSE, tools_of
from realtime.mock.schema import (
    Check,
    by_type,
    flag,
    integer,
    list_of,
    mapping,
    nullable,
    number,
    one_of,
    record,
    text,
    variant,
    wrong_value,
)

_IMAGE_URL = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/]+={0,2}$")

# -- parts of a session --------------------------------------------------------------------

_FORMAT = variant(
    "type",
    {
        "audio/pcm": record({"type": text}, {"rate": one_of(24_000)}),
        "audio/pcmu": record({"type": text}),
        "audio/pcma": record({"type": text}),
    },
)
_TRANSCRIPTION = record(
    {},
    {
        "model": text,
        "language": nullable(text),
        "prompt": nullable(text),
        "delay": nullable(one_of("minimal", "low", "medium", "high", "xhigh")),
        "keywords": nullable(list_of(text)),
        "languages": nullable(list_of(text)),
    },
)
_NOISE_REDUCTION = record({"type": one_of("near_field", "far_field")}, {"strength": nullable(number(0, 1))})
_TURN_DETECTION = variant(
    "type",
    {
        "server_vad": record(
            {"type": text},
            {
                "threshold": nullable(number(0, 1)),
                "prefix_padding_ms": nullable(integer(0)),
                "silence_duration_ms": nullable(integer(0)),
                "idle_timeout_ms": nullable(integer(1)),
                "create_response": nullable(flag),
                "interrupt_response": nullable(flag),
            },
        ),
        "semantic_vad": record(
            {"type": text},
            {
                "eagerness": nullable(one_of("low", "medium", "high", "auto")),
                "create_response": nullable(flag),
                "interrupt_response": nullable(flag),
            },
        ),
    },
)
_AUDIO_INPUT = record(
    {},
    {
        "format": _FORMAT,
        "transcription": nullable(_TRANSCRIPTION),
        "noise_reduction": nullable(_NOISE_REDUCTION),
        "turn_detection": nullable(_TURN_DETECTION),
    },
)
VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
_VOICE = by_type({str: one_of(*VOICES), dict: record({"id": text})}, "a voice")
_AUDIO_OUTPUT = record({}, {"format": _FORMAT, "voice": _VOICE, "speed": number(0.25, 1.5)})
_MODALITIES = list_of(one_of("text", "audio"), at_least=1, at_most=1)
_FUNCTION = record({"type": text, "name": text}, {"description": nullable(text), "parameters": nullable(mapping)})
_TOOLS = tools_of(_FUNCTION)
_TOOL_CHOICE = by_type(
    {
        str: one_of("auto", "none", "required"),
        dict: variant(
            "type",
            {
                "function": record({"type": text, "name": text}),
                "mcp": record({"type": text, "server_label": text}, {"name": nullable(text)}),
            },
        ),
    },
    "a tool choice",
)
_MAX_TOKENS = by_type({int: integer(1, 4096), str: one_of("inf")}, "an integer")
_TRUNCATION = by_type(
    {
        str: one_of("auto", "disabled"),
        dict: record(
            {"type": one_of("retention_ratio"), "retention_ratio": number(0, 1)},
            {"token_limits": nullable(record({}, {"post_instructions": integer(1)}))},
        ),
    },
    "a truncation strategy",
)
_TRACING = by_type(
    {str: one_of("auto"), dict: record({}, {"workflow_name": text, "group_id": text, "metadata": mapping})},
    "a tracing configuration",
)
_PROMPT = record({"id": text}, {"version": nullable(text), "variables": nullable(mapping)})
_REASONING = record({}, {"effort": nullable(one_of("minimal", "low", "medium", "high", "xhigh"))})
_INCLUDE = list_of(one_of("item.input_audio_transcription.logprobs"))

SESSION = variant(
    "type",
    {
        "realtime": record(
            {"type": text},
            {
                "model": text,
                "output_modalities": _MODALITIES,
                "instructions": text,
                "audio": record({}, {"input": _AUDIO_INPUT, "output": _AUDIO_OUTPUT}),
                "tools": _TOOLS,
                "tool_choice": _TOOL_CHOICE,
                "max_output_tokens": _MAX_TOKENS,
                "truncation": _TRUNCATION,
                "tracing": nullable(_TRACING),
                "include": nullable(_INCLUDE),
                "prompt": nullable(_PROMPT),
                "reasoning": nullable(_REASONING),
                "parallel_tool_calls": flag,
            },
        ),
        "transcription": record(
            {"type": text}, {"audio": record({}, {"input": _AUDIO_INPUT}), "include": nullable(_INCLUDE)}
        ),
        "quicksilver": record(
            {"type": text},
            {
                "instructions": text,
                "audio": record({}, {"input": record({}, {"format": _FORMAT}), "output": record({}, {"voice": text})}),
            },
        ),
    },
    unlisted=("quicksilver",),
)

# -- items and responses -------------------------------------------------------------------

_ITEM_OPTIONS: dict[str, Check] = {
    "id": text,
    "object": one_of("realtime.item"),
    "status": one_of("in_progress", "completed", "incomplete"),
}
_INPUT_TEXT = record({"type": text, "text": text})


def _image(value: object, path: str) -> None:
    text(value, path)
    if _IMAGE_URL.match(str(value)) is None:
        raise wrong_value(path, f"Invalid '{path}'. Expected a base64-encoded data URI of a PNG or JPEG image.")


_CONTENTS: dict[str, Check] = {
    "system": variant("type", {"input_text": _INPUT_TEXT}),
    "user": variant(
        "type",
        {
            "input_text": _INPUT_TEXT,
            "input_audio": record({"type": text, "audio": text}, {"transcript": nullable(text)}),
            "input_image": record({"type": text, "image_url": _image}, {"detail": one_of("auto", "low", "high")}),
        },
    ),
    "assistant": variant("type", {"output_text": _INPUT_TEXT}),
}
_OLDER_CONTENTS: dict[str, Check] = dict.fromkeys(_CONTENTS, variant("type", {"text": _INPUT_TEXT}))


def _message(contents: dict[str, Check]) -> Check:
    return variant(
        "role",
        {
            role: record({"type": text, "role": text, "content": list_of(content)}, _ITEM_OPTIONS)
            for role, content in contents.items()
        },
    )


ITEM = variant(
    "type",
    {
        "message": _message(_CONTENTS),
        "function_call": record(
            {"type": text, "name": text, "arguments": text}, {**_ITEM_OPTIONS, "call_id": nullable(text)}
        ),
        "function_call_output": record({"type": text, "call_id": text, "output": text}, _ITEM_OPTIONS),
        "mcp_approval_response": APPROVAL_RESPONSE,
    },
)
OLDER_ITEM = variant("type", {"message": _message(_OLDER_CONTENTS)})
"""What a ``quicksilver`` session takes as well."""
_REFERENCE = record({"type": text, "id": text})


def _input_item(value: object, path: str) -> None:
    if isinstance(value, dict) and value.get("type") == "item_reference":
        _REFERENCE(value, path)
    else:
        ITEM(value, path)


RESPONSE = record(
    {},
    {
        "instructions": nullable(text),
        "tools": _TOOLS,
        "tool_choice": _TOOL_CHOICE,
        "output_modalities": _MODALITIES,
        "audio": record({}, {"output": _AUDIO_OUTPUT}),
        "max_output_tokens": _MAX_TOKENS,
        "metadata": nullable(mapping),
        "prompt": nullable(_PROMPT),
        "conversation": one_of("auto", "none"),
        "input": list_of(_input_item),
        "reasoning": nullable(_REASONING),
        "parallel_tool_calls": flag,
    },
)

# -- client events -------------------------------------------------------------------------


def _event(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    return record({"type": text, **required}, {"event_id": nullable(text), **(optional or {})})


CLIENT_EVENTS: dict[str, Check] = {
    "session.update": _event({"session": mapping}),
    "input_audio_buffer.append": _event({"audio": text}),
    "input_audio_buffer.commit": _event({}),
    "input_audio_buffer.clear": _event({}),
    "conversation.item.create": _event({"item": mapping}, {"previous_item_id": nullable(text)}),
    "conversation.item.retrieve": _event({"item_id": text}),
    "conversation.item.delete": _event({"item_id": text}),
    "conversation.item.truncate": _event({"item_id": text, "content_index": integer(), "audio_end_ms": integer()}),
    "response.create": _event({}, {"response": nullable(RESPONSE)}),
    "response.cancel": _event({}, {"response_id": nullable(text)}),
    "output_audio_buffer.clear": _event({}),
}
CLIENT_EVENT = variant("type", CLIENT_EVENTS)
