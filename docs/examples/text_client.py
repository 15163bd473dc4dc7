"""A whole text-only client of the gateway; see docs/getting-started.md."""

import asyncio
import json

import websockets


async def main() -> None:
    async with websockets.connect("ws://127.0.0.1:8080/") as socket:

        async def call(number: int, method: str, params: dict) -> dict:
            await socket.send(json.dumps({"id": number, "method": method, "params": params}))
            while True:
                message = json.loads(await socket.recv())
                if message.get("id") == number:
                    return message["result"]

        await call(1, "initialize", {"clientInfo": {"name": "example", "version": "1"}})
        thread = (await call(2, "thread/start", {}))["thread"]["id"]
        await call(3, "thread/realtime/start", {"threadId": thread, "outputModality": "text"})
        await call(4, "thread/realtime/appendText", {"threadId": thread, "text": "what is 6 times 7? ask the agent"})
        async for text in socket:
            message = json.loads(text)
            params = message.get("params", {})
            if message.get("method") == "thread/realtime/transcript/done":
                print(params["role"], ":", params["text"])
                return


asyncio.run(main())
