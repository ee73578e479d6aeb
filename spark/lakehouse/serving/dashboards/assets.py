"""The files of `spark/dashboards`, in the layout in which Superset exports and imports them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import lakehouse
from lakehouse.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(lakehouse.__file__).resolve().parents[1] / "dashboards"
KINDS = ("databases", "datasets", "charts", "dashboards")
WIDTH = 100


@dataclass(frozen=True)
class Asset:
    """One file.

    Attributes:
        path: Below the folder, e.g. `charts/dau_mau.yaml`.
        content: What it says.
    """

    path: str
    content: dict[str, Any]

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return self.path.partition("/")[0]

    @property
    def uuid(self) -> str:
        """What Superset knows it by."""
        return str(self.content.get("uuid"))


@dataclass(frozen=True)
class Assets:
    """All files of a folder, by kind and path."""

    every: tuple[Asset, ...]

    def of(self, kind: str) -> Iterator[Asset]:
        """The files of a kind."""
        return (asset for asset in self.every if asset.kind == kind)

    def by_uuid(self, kind: str) -> dict[str, Asset]:
        """The files of a kind by UUID; of two with the same, the last."""
        return {asset.uuid: asset for asset in self.of(kind)}


def load(folder: Path) -> Assets:
    """Read every file.

    Raises:
        ConfigError: The folder has none, or one is no YAML mapping; names it and the line.
    """
    paths = [path for kind in KINDS for path in sorted(folder.glob(f"{kind}/**/*.yaml"))]
    if not paths:
        raise ConfigError(f"no dashboards in {folder}; give their folder with --folder")
    return Assets(tuple(_read(folder, path) for path in paths))


def _read(folder: Path, path: Path) -> Asset:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}", path=str(path)) from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is not a YAML mapping of keys to values", path=str(path))
    return Asset(path.relative_to(folder).as_posix(), content)


class _Dumper(yaml.SafeDumper):
    """Lists are indented, long texts stand as they are read, nothing refers to elsewhere."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the base class's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ANN401, ARG002, FBT001, FBT002  # same
        return super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(content: dict[str, Any]) -> str:
    """A file's text; the same for the same content."""
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH))
