"""The house's rules as data and as checks: who may import whom, sizes, loose tasks, swallowed errors.

Each check is a function from one module to the rules it breaks; the second half of the file proves on
snippets that every check can fail.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("realtime", "transports", "prompts")

FLOOR_0 = frozenset({"protocol", "errors", "settings", "queues", "telemetry", "prompts"})
BELOW_GATEWAY = FLOOR_0 | {"core", "transports", "threads", "agents", "lanes", "turns", "session"}
GATEWAY_PARTS = frozenset({"library", "open_threads", "live_call", "calls", "offers", "desk"})
BELOW_CLI = BELOW_GATEWAY | GATEWAY_PARTS | {"configuration", "gateway", "mock", "server"}
MAY_IMPORT: dict[str, frozenset[str]] = {
    "prompts": frozenset(),
    "errors": frozenset(),
    "protocol": frozenset({"errors"}),
    "settings": frozenset({"errors"}),
    "configuration": frozenset({"errors", "settings"}),
    "queues": frozenset({"errors"}),
    "telemetry": frozenset({"errors"}),
    "core": frozenset({"protocol", "errors"}),
    "transports": frozenset(),
    "threads": FLOOR_0,
    "agents": FLOOR_0 | {"transports"},
    "lanes": FLOOR_0 | {"threads"},
    "turns": FLOOR_0 | {"agents", "lanes"},
    "session": FLOOR_0 | {"core", "transports", "turns", "lanes"},
    "library": FLOOR_0 | {"threads"},
    "open_threads": FLOOR_0 | {"threads", "lanes"},
    "live_call": FLOOR_0 | {"core", "lanes", "session"},
    "calls": FLOOR_0 | {"core", "lanes", "turns", "session", "open_threads", "live_call"},
    "offers": FLOOR_0 | {"calls", "live_call", "session"},
    "desk": FLOOR_0 | {"session"},
    "gateway": BELOW_GATEWAY | GATEWAY_PARTS,
    "mock": frozenset({"protocol", "errors", "queues", "transports"}),
    "server": FLOOR_0 | {"gateway", "desk"},
    "commands": BELOW_CLI,
    "cli": BELOW_CLI | {"commands"},
    "__main__": frozenset({"cli"}),
}

# Where a module outside the house may be imported; a trailing slash stands for a whole folder.
SQL = tuple(
    f"realtime/threads/{name}"
    for name in (
        "commits.py",
        "database.py",
        "faults.py",
        "postgresql.py",
        "schema.py",
        "sql.py",
        "sqlite.py",
        "migrations/",
    )
)
PLACES: dict[str, tuple[str, ...]] = {
    "websockets": ("transports/websocket.py",),
    "aiohttp": (
        "realtime/server/",
        "realtime/mock/server.py",
        "realtime/mock/edge.py",
        "realtime/mock/realtime_door.py",
        "realtime/mock/agent_door.py",
        "realtime/mock/inside_door.py",
        "realtime/mock/recording_door.py",
        "realtime/mock/calls_door.py",
        "transports/http.py",
    ),
    "aiortc": ("transports/aiortc_private.py", "transports/webrtc.py"),
    "aioice": ("transports/aiortc_private.py",),
    "OpenSSL": ("transports/aiortc_private.py",),
    "pylibsrtp": ("transports/aiortc_private.py",),
    "av": ("transports/opus.py",),
    "onnxruntime": ("realtime/mock/speech/",),
    "pocketsphinx": ("realtime/mock/speech/sphinx.py",),
    "sherpa_onnx": ("realtime/mock/speech/sherpa.py",),
    "sounddevice": ("realtime/commands/live.py",),
    "espeakng_loader": ("realtime/mock/speech/espeak.py",),  # GPL-3: nothing but the speaking child imports that file
    "multidict": ("realtime/server/",),
    "sqlalchemy": SQL,
    "alembic": SQL,
    "asyncpg": ("realtime/threads/postgresql.py",),
    "openai": ("realtime/agents/responses.py",),
    "jinja2": ("prompts/",),
    "orjson": ("realtime/protocol/json.py", "realtime/threads/schema.py"),
    "numpy": ("transports/", "realtime/session/", "realtime/mock/", "realtime/commands/"),
    "yaml": ("realtime/mock/",),
    "uvloop": ("realtime/cli.py", "realtime/commands/"),
    "uuid6": ("realtime/protocol/ids.py",),
    "pydantic": ("realtime/",),
    "pydantic_core": ("realtime/server/validation.py", "realtime/configuration.py"),
    "pydantic_settings": ("realtime/settings.py", "realtime/configuration.py"),
    "pytest": ("realtime/mock/pytest_plugin.py",),
    "argparse": ("realtime/cli.py", "realtime/commands/"),
}
ENVIRONMENT = "realtime/configuration.py"
CORE_NEVER = frozenset({"asyncio", "time", "datetime", "logging", "random", "secrets", "os", "threading", "socket"})
NO_LOCKS = frozenset({"core", "session", "turns", "lanes", "gateway", "server"})

# The only functions that may catch ``Exception``: they log once with the trace, report, and return.
MAY_CATCH_ALL: frozenset[tuple[str, str]] = frozenset(
    {
        ("realtime/calls.py", "Calls._run"),
        ("realtime/calls.py", "Calls._free"),
        ("realtime/open_threads.py", "OpenThreads._write"),
        ("realtime/turns/turns.py", "Turns._outcome"),
        ("realtime/server/calls.py", "Calls._perform"),
        ("realtime/server/calls.py", "Calls._follow"),
        ("realtime/server/guard.py", "Guard.middleware"),
        ("realtime/mock/python_script.py", "PythonScript.reply"),
    }
)

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_PUBLIC_METHODS = 15
MAX_PARAMETERS = 6
REFUSED_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|managers?|base|misc)($|_)")
GROUP_NAMES = re.compile(r"(^|_)(group|tasks)$")
LOOSE = frozenset({"create_task", "ensure_future", "get_event_loop", "gather", "run_coroutine_threadsafe"})

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A source file of the house; ``path`` is relative to the root, with slashes."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def room(self) -> str | None:
        """The room it belongs to; None for the package ``realtime`` itself."""
        parts = self.path.removesuffix(".py").split("/")
        if parts[0] != "realtime":
            return parts[0]
        return None if parts[1] == "__init__" else parts[1]

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and full name of all that is imported anywhere in the file, for type checking or at run time."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                prefix = "." * node.level + (node.module or "")
                yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)

    def functions(self) -> Iterator[tuple[str, Definition, bool]]:
        """Qualified name, node, and whether it is a method."""
        yield from _functions(self.tree, "", in_class=False)

    def classes(self) -> Iterator[ast.ClassDef]:
        yield from (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))


def _functions(node: ast.AST, prefix: str, *, in_class: bool) -> Iterator[tuple[str, Definition, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            yield prefix + child.name, child, in_class
            yield from _functions(child, f"{prefix}{child.name}.", in_class=False)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.", in_class=True)
        else:
            yield from _functions(child, prefix, in_class=in_class)


def _room_of(name: str) -> str | None:
    """The room that an imported name belongs to; None for the outside world."""
    parts = name.split(".")
    if parts[0] == "realtime" and len(parts) > 1:
        return parts[1]
    return parts[0] if parts[0] in PACKAGES else None


def _called(node: ast.AST) -> tuple[int, str, str] | None:
    """(line, owner, name) of a call such as ``asyncio.run(...)`` or ``self._group.create_task(...)``."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name):
        return node.lineno, "", node.func.id
    if not isinstance(node.func, ast.Attribute):
        return None
    owner = node.func.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else "?"
    return node.lineno, name, node.func.attr


# -- the rules -----------------------------------------------------------------------------


def import_table(module: Module) -> Iterator[str]:
    """A room imports from the floors below, as the table says."""
    if module.room is None:
        return
    allowed = MAY_IMPORT.get(module.room)
    if allowed is None:
        yield f"1: the room {module.room} is not in the import table"
        return
    for line, name in module.imports():
        room = _room_of(name)
        if room is not None and room != module.room and room not in allowed:
            yield f"{line}: {module.room} may not import {name}"
        if name.startswith("."):
            yield f"{line}: imports are absolute"


def outside_placement(module: Module) -> Iterator[str]:
    """What comes from outside is imported where it belongs; the core touches nothing."""
    for line, top in sorted({(line, name.split(".")[0]) for line, name in module.imports()}):
        places = PLACES.get(top)
        if places is not None and not any(
            module.path == p or (p[-1] == "/" and module.path.startswith(p)) for p in places
        ):
            yield f"{line}: {top} may not be imported here"
        elif places is None and top not in sys.stdlib_module_names and top not in PACKAGES and top != "":
            yield f"{line}: {top} has no place in the table"
        if module.room == "core" and top in CORE_NEVER:
            yield f"{line}: the core may not import {top}"


def environment(module: Module) -> Iterator[str]:
    """The environment is read by the settings alone."""
    if module.path == ENVIRONMENT:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}:
            yield f"{node.lineno}: os.{node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (
                f"{node.lineno}: from os import {a.name}" for a in node.names if a.name in {"environ", "getenv"}
            )


def sizes(module: Module) -> Iterator[str]:
    """Modules, functions, parameter lists and classes stay small."""
    lines = module.source.count("\n")
    if lines > MAX_MODULE_LINES:
        yield f"1: {lines} lines"
    for name, node, is_method in module.functions():
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > MAX_FUNCTION_LINES:
            yield f"{node.lineno}: {name} has {length} lines"
        parameters = _parameters(node, is_method=is_method)
        if parameters > MAX_PARAMETERS:
            yield f"{node.lineno}: {name} has {parameters} parameters"
    for cls in module.classes():
        public = sum(isinstance(n, Definition) and not n.name.startswith("_") for n in cls.body)
        if public > MAX_PUBLIC_METHODS:
            yield f"{cls.lineno}: {cls.name} has {public} public methods"


def _parameters(node: Definition, *, is_method: bool) -> int:
    spec = node.args
    count = len(spec.posonlyargs) + len(spec.args) + len(spec.kwonlyargs) + bool(spec.vararg) + bool(spec.kwarg)
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
    return count - (is_method and not static)


def loose_tasks(module: Module) -> Iterator[str]:
    """Tasks live in groups; nothing is fired and forgotten; no timer of its own for each message."""
    for node in ast.walk(module.tree):
        called = _called(node)
        if called is None:
            continue
        line, owner, name = called
        if name in LOOSE and not (name == "create_task" and GROUP_NAMES.search(owner)):
            yield f"{line}: {owner}.{name}"
        if (owner, name) in {("time", "sleep"), ("asyncio", "wait_for"), ("", "wait_for")}:
            yield f"{line}: {owner}.{name}: use asyncio.timeout"
        if (owner, name) == ("asyncio", "Lock") and module.room in NO_LOCKS:
            yield f"{line}: one owner mutates, no locks"


def swallowed_errors(module: Module) -> Iterator[str]:
    """``Exception`` is caught at the named places only; a cancellation is never kept."""
    owners = {id(inner): name for name, node, _ in module.functions() for inner in ast.walk(node)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = _names(node.type)
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            place = (module.path, owners.get(id(node), ""))
            if caught & {"", "Exception", "BaseException"} and not raises and place not in MAY_CATCH_ALL:
                yield f"{node.lineno}: {place[1]} catches {' '.join(sorted(caught)) or 'everything'}"
            if "CancelledError" in caught and not raises:
                yield f"{node.lineno}: swallows CancelledError"
        called = _called(node)
        if called is not None and called[2] == "suppress" and isinstance(node, ast.Call):
            caught = set().union(*(_names(argument) for argument in node.args))
            if caught & {"Exception", "BaseException", "CancelledError"}:
                yield f"{node.lineno}: suppresses {' '.join(sorted(caught))}"


def _names(node: ast.expr | None) -> set[str]:
    if node is None:
        return {""}
    if isinstance(node, ast.Tuple):
        return set().union(*(_names(element) for element in node.elts))
    return {node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else "?"}


def plain_packages(module: Module) -> Iterator[str]:
    """A package file is a docstring; prompts, which has ``render``, is the exception. Files are nouns of the field."""
    if module.path.endswith("/__init__.py") and module.path != "prompts/__init__.py":
        body = module.tree.body
        if len(body) != 1 or ast.get_docstring(module.tree) is None:
            yield "1: holds more, or less, than a docstring"
    if REFUSED_NAMES.search(Path(module.path).stem):
        yield "1: this name says nothing"
    if ast.get_docstring(module.tree) is None and not module.path.endswith("/__main__.py"):
        yield "1: no docstring"


def nothing_unfinished(module: Module) -> Iterator[str]:
    """No stub, no note to self, no state in a module."""
    for number, line in enumerate(module.source.splitlines(), start=1):
        if re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", line):
            yield f"{number}: {line.strip()}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            yield f"{node.lineno}: global {', '.join(node.names)}"


RULES: tuple[Callable[[Module], Iterator[str]], ...] = (
    import_table,
    outside_placement,
    environment,
    sizes,
    loose_tasks,
    swallowed_errors,
    plain_packages,
    nothing_unfinished,
)


def house() -> list[Module]:
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return [Module(path.relative_to(ROOT).as_posix(), path.read_text()) for path in paths]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule: Callable[[Module], Iterator[str]]) -> None:
    broken = [f"{module.path}:{fault}" for module in house() for fault in rule(module)]
    assert not broken, "\n".join([rule.__doc__ or "", *broken])


def test_the_whole_house_is_looked_at() -> None:
    rooms = {module.room for module in house()}
    assert {"core", "transports", "protocol", "gateway", "server", "prompts"} <= rooms


def test_the_named_catchers_exist() -> None:
    known = {(module.path, name) for module in house() for name, _, _ in module.functions()}
    assert known >= MAY_CATCH_ALL


def test_the_import_table_has_no_way_up_and_no_circle() -> None:
    """Sorted by the table itself: every room must find a place above all that it imports."""
    placed: set[str] = set()
    while len(placed) < len(MAY_IMPORT):
        ready = {room for room, below in MAY_IMPORT.items() if room not in placed and below <= placed}
        assert ready, set(MAY_IMPORT) - placed
        placed |= ready
    assert "transports" not in MAY_IMPORT["core"]
    assert "core" not in MAY_IMPORT["transports"]


BROKEN = [
    (import_table, "realtime/core/x.py", "from realtime.settings import Settings"),
    (import_table, "realtime/core/x.py", "if TYPE_CHECKING:\n    import transports.link\n"),
    (import_table, "realtime/core/x.py", "def f():\n    from realtime import session\n"),
    (import_table, "transports/x.py", "from realtime.errors import GatewayError"),
    (import_table, "realtime/server/x.py", "from realtime.lanes import Sink"),
    (import_table, "realtime/core/x.py", "from . import actions"),
    (import_table, "realtime/attic/x.py", "import math"),
    (outside_placement, "realtime/session/x.py", "import websockets.asyncio.client"),
    (outside_placement, "realtime/mock/model.py", "from aiohttp import web"),
    (outside_placement, "realtime/core/x.py", "import asyncio"),
    (outside_placement, "realtime/session/x.py", "import requests"),
    (environment, "realtime/cli.py", "import os\nos.environ['A']"),
    (environment, "realtime/cli.py", "from os import getenv"),
    (sizes, "realtime/x.py", "\n" * 401),
    (sizes, "realtime/x.py", "def f():\n" + "    pass\n" * 40),
    (sizes, "realtime/x.py", "class A:\n    async def f(self, a, b, c, *, d, e, f, g): ..."),
    (sizes, "realtime/x.py", "class A:\n" + "".join(f"    def f{i}(self): ...\n" for i in range(16))),
    (loose_tasks, "realtime/x.py", "asyncio.create_task(f())"),
    (loose_tasks, "realtime/x.py", "loop.create_task(f())"),
    (loose_tasks, "realtime/x.py", "asyncio.get_running_loop().create_task(f())"),
    (loose_tasks, "realtime/x.py", "asyncio.ensure_future(f())"),
    (loose_tasks, "realtime/x.py", "async def f():\n    await asyncio.wait_for(g(), 1)"),
    (loose_tasks, "realtime/x.py", "time.sleep(1)"),
    (loose_tasks, "realtime/session/x.py", "lock = asyncio.Lock()"),
    (swallowed_errors, "realtime/x.py", "try:\n    f()\nexcept Exception:\n    log()"),
    (swallowed_errors, "realtime/x.py", "try:\n    f()\nexcept asyncio.CancelledError:\n    pass"),
    (swallowed_errors, "realtime/x.py", "with contextlib.suppress(Exception):\n    f()"),
    (swallowed_errors, "realtime/x.py", "with suppress(OSError, asyncio.CancelledError):\n    f()"),
    (plain_packages, "realtime/core/__init__.py", '"""Doc."""\nfrom realtime.core import x'),
    (plain_packages, "realtime/core/audio_utils.py", '"""Doc."""'),
    (plain_packages, "realtime/core/x.py", "import math"),
    (nothing_unfinished, "realtime/x.py", "def f():\n    raise NotImplementedError"),
    (nothing_unfinished, "realtime/x.py", "# TODO later"),
    (nothing_unfinished, "realtime/x.py", "def f():\n    global state"),
]
SOUND = [
    (import_table, "realtime/session/x.py", "from realtime.core.actions import Send\nimport transports.link"),
    (outside_placement, "realtime/server/sub/x.py", "from aiohttp import web"),
    (environment, "realtime/configuration.py", "import os\nos.environ['A']"),
    (sizes, "realtime/x.py", "def f():\n" + "    pass\n" * 39),
    (sizes, "realtime/x.py", "class A:\n    def f(self, a, b, c, *, d, e, f): ..."),
    (loose_tasks, "realtime/x.py", "self._group.create_task(f())\ngroup.create_task(f())\ntasks.create_task(f())"),
    (loose_tasks, "realtime/threads/x.py", "lock = asyncio.Lock()"),
    (swallowed_errors, "realtime/x.py", "try:\n    f()\nexcept Exception:\n    raise"),
    (swallowed_errors, "realtime/x.py", "try:\n    f()\nexcept (OSError, ValueError):\n    log()"),
    (plain_packages, "realtime/core/__init__.py", '"""Doc."""'),
]
Case = tuple[Callable[[Module], Iterator[str]], str, str]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: f"{case[0].__name__}-{case[2][:40]}")
def test_a_broken_rule_is_found(case: Case) -> None:
    rule, path, source = case
    assert list(rule(Module(path, source)))


@pytest.mark.parametrize("case", SOUND, ids=lambda case: f"{case[0].__name__}-{case[2][:40]}")
def test_a_kept_rule_is_left_alone(case: Case) -> None:
    rule, path, source = case
    assert list(rule(Module(path, source))) == []
