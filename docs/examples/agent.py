"""A background agent of one's own; docs/agents.md tells how it works and how to run it."""

import asyncio
import re
from collections.abc import AsyncGenerator

from prompts.delegation import request_of
from realtime.agents.agent import AgentTask, AgentUpdate, Output, Progress
from realtime.errors import AgentError
from realtime.settings import AgentSettings

STEP_S = 0.5


class Packer:
    """Packs parcels, and counts them in each thread."""

    async def run(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        parcel = [wished(task.request)]
        yield Progress("I am packing it.")
        for _ in range(4):
            await asyncio.sleep(STEP_S)  # the work; a cancelled task ends here
            for text in task.steering.take():
                parcel.append(wished(request_of(text)))
                yield Progress(f"I put in {parcel[-1]} as well.")
        number = int((await task.memory.recall()).get("parcels", "0")) + 1
        await task.memory.remember("parcels", str(number))
        yield Output(f"Parcel {number} is packed: {' and '.join(parcel)}.")

    async def close(self) -> None:
        """Nothing is held."""


def wished(text: str) -> str:
    found = re.search(r"\bpack (.+?)[.!?]*$", text)
    if found is None:
        raise AgentError("it was not said what to pack")
    return found[1]


def make(settings: AgentSettings) -> Packer:
    return Packer()
