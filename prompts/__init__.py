"""Words that the model reads: templates beside this module, rendered in a sandbox.

Each template names its values in its first line. Operators may point to a folder of their own: a file
there takes the place of ours of the same name.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

from jinja2 import ChoiceLoader, FileSystemLoader, FunctionLoader, StrictUndefined, TemplateError, TemplateNotFound
from jinja2.sandbox import SandboxedEnvironment


class PromptError(Exception):
    """A template is missing, cannot be parsed, or lacks a value; the text names the template."""


class Prompts:
    """A set of templates: ours, or an operator's ``folder`` in front of ours."""

    def __init__(self, folder: Path | None = None) -> None:
        packaged = FunctionLoader(_packaged)
        own = [FileSystemLoader(folder)] if folder is not None else []
        self._environment = SandboxedEnvironment(
            loader=ChoiceLoader([*own, packaged]),
            undefined=StrictUndefined,
            autoescape=False,  # plain text for a model; the filter ``xml`` escapes markup
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["xml"] = escape

    def render(self, name: str, **values: object) -> str:
        """The text of ``<name>.md``, without blank space at its ends; raises ``PromptError``."""
        try:
            return self._environment.get_template(f"{name}.md").render(values).strip()
        except TemplateError as error:
            raise PromptError(f"prompt {name}: {error}") from error


def escape(text: str) -> str:
    """Make ``text`` safe as the content of an element: & < > are escaped, quotes are not."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _packaged(name: str) -> str:
    try:
        return resources.files("prompts").joinpath(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TemplateNotFound(name) from None


OURS: Final = Prompts()


def render(name: str, **values: object) -> str:
    """One of our own templates; see ``Prompts.render``."""
    return OURS.render(name, **values)
