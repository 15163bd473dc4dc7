"""A short talk with a server of the Realtime API."""

from __future__ import annotations

from openai import OpenAI


def hold_talk(port: int) -> None:
    """Ask for an answer in writing, and get it."""
    client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="any")
    with client.realtime.connect(model="gpt-realtime") as connection:
        connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        )
        connection.response.create(response={"output_modalities": ["text"]})
        done = next(event for event in connection if event.type == "response.output_text.done")
    assert done.text == "hello"
