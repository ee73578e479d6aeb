"""The graph of tables as a drawing: landing sources on the left, marts on the right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.reporting import svg
from lakehouse.spec import Source
from lakehouse.spec.table import LAYERS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from markupsafe import Markup

    from lakehouse.catalog.registry import Registry

NODE_HEIGHT, ROW, BEND = 28, 40, 18
COLUMN_GAP, MARGIN, TOP = 64, 4, 24
PADDING = 10
LANDING = "landing"


@dataclass(frozen=True)
class Box:
    """Where a node or a bend is drawn."""

    x: float
    middle: float
    width: float


@dataclass(frozen=True)
class Node:
    """A source or a table. `depth` counts steps inside the layer."""

    name: str
    label: str
    layer: str
    depth: int
    inputs: tuple[str, ...]

    @property
    def column(self) -> tuple[int, int]:
        """Where it stands, left to right."""
        return (LANDING, *LAYERS).index(self.layer), self.depth


def graph(registry: Registry) -> dict[str, Node]:
    """All sources and tables, upstream first."""
    nodes: dict[str, Node] = {}
    for entry in registry.entries.values():
        table = entry.table
        for each in table.inputs:
            if isinstance(each, Source):
                nodes[source_key(each)] = Node(source_key(each), each.name, LANDING, 0, ())
        inputs = tuple(
            source_key(each) if isinstance(each, Source) else each.name for each in table.inputs
        )
        same_layer = [nodes[name].depth for name in inputs if nodes[name].layer == table.layer]
        depth = max(same_layer, default=-1) + 1
        nodes[table.name] = Node(table.name, table.noun, table.layer, depth, inputs)
    return nodes


def source_key(source: Source) -> str:
    """A source's name among tables."""
    return f"{LANDING}.{source.name}"


def around(registry: Registry, table: str) -> set[str]:
    """Everything a table is made from and everything made from it, itself included."""
    names = {table, *registry.upstream(table), *registry.downstream(table)}
    nodes = graph(registry)
    bronze = {table, *registry.upstream(table)}
    sources = {n for name in bronze for n in nodes[name].inputs if nodes[n].layer == LANDING}
    return names | sources


def drawing(
    registry: Registry, *, only: Collection[str] | None = None, chosen: str | None = None
) -> Markup:
    """Draw the graph.

    Args:
        registry: Its tables.
        only: Nodes to draw; None = all.
        chosen: A node to mark.
    """
    nodes = {name: node for name, node in graph(registry).items() if only is None or name in only}
    columns = _columns(nodes)
    height = max((sum(_height(name) for name in column) for column in columns), default=0)
    boxes: dict[str, Box] = {}
    layers: dict[str, float] = {}
    x: float = MARGIN
    for column in columns:
        labels = [nodes[name].label for name in column if name in nodes]
        width = max(map(len, labels)) * svg.CHARACTER_PX + 2 * PADDING
        layers.setdefault(next(nodes[name].layer for name in column if name in nodes), x)
        y = TOP + (height - sum(_height(name) for name in column)) / 2
        for name in column:
            boxes[name] = Box(x, y + _height(name) / 2, width)
            y += _height(name)
        x += width + COLUMN_GAP
    parts = [svg.text(at, 14, layer, kind="soft") for layer, at in layers.items()]
    parts += [
        _edge(source, name, [boxes[stop] for stop in _stops(source, name, columns)])
        for name, node in nodes.items()
        for source in node.inputs
        if source in nodes
    ]
    parts += [_node(node, boxes[name], is_chosen=name == chosen) for name, node in nodes.items()]
    title = f"Lineage of {chosen}" if chosen else "Lineage of all tables"
    return svg.drawing(x - COLUMN_GAP + MARGIN, TOP + height, title, parts)


def _columns(nodes: Mapping[str, Node]) -> list[list[str]]:
    """Names by column, each beside its inputs so that few edges cross.

    An edge that skips columns gets a bend of its own in each, or it would run across a node.
    """
    keys = sorted({node.column for node in nodes.values()})
    place = {name: keys.index(node.column) for name, node in nodes.items()}
    inputs: dict[str, list[str]] = {
        name: [each for each in node.inputs if each in nodes] for name, node in nodes.items()
    }
    columns: list[list[str]] = [[n for n in nodes if place[n] == k] for k in range(len(keys))]
    for name in list(inputs):
        for source in inputs[name]:
            for k in range(place[source] + 1, place[name]):
                bend = _bend(source, k)
                if bend not in inputs:
                    inputs[bend] = [source]
                    columns[k].append(bend)
    heights: dict[str, float] = {}
    for column in columns:
        column.sort(key=lambda name: (_mean([heights[n] for n in inputs[name]]), name))
        heights |= {name: (k + 0.5) / len(column) for k, name in enumerate(column)}
    return columns


def _bend(source: str, column: int) -> str:
    return f"{source} through {column}"


def _stops(source: str, target: str, columns: list[list[str]]) -> list[str]:
    """What an edge passes: its source, its bends, its target."""
    first = next(k for k, column in enumerate(columns) if source in column)
    last = next(k for k, column in enumerate(columns) if target in column)
    return [source, *(_bend(source, k) for k in range(first + 1, last)), target]


def _height(name: str) -> float:
    return BEND if " through " in name else ROW


def _mean(values: Collection[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _edge(source: str, target: str, stops: list[Box]) -> Markup:
    x, y = stops[0].x + stops[0].width, stops[0].middle
    commands = f"M{x:.1f},{y:.1f}"
    for k, stop in enumerate(stops[1:], start=1):
        is_last = k == len(stops) - 1
        enter = stop.x - (6 if is_last else 0)
        bend = max((enter - x) / 2, 20)
        commands += (
            f" C{x + bend:.1f},{y:.1f} {enter - bend:.1f},{stop.middle:.1f}"
            f" {enter:.1f},{stop.middle:.1f}"
        )
        x, y = enter, stop.middle
        if not is_last:
            x = stop.x + stop.width
            commands += f" H{x:.1f}"
    head = f"M{x + 6:.1f},{y:.1f} l-7,-4 v8 z"
    shapes = [svg.path(commands, "edge"), svg.path(head, "arrow")]
    return svg.group(shapes, source=source, target=target)


def _node(node: Node, box: Box, *, is_chosen: bool) -> Markup:
    kind = "node self" if is_chosen else "node"
    top = box.middle - NODE_HEIGHT / 2
    shapes = [
        svg.rect(box.x, top, box.width, NODE_HEIGHT, kind, radius=6),
        svg.text(box.x + box.width / 2, box.middle + 4, node.label, anchor="middle"),
    ]
    is_page = node.layer != LANDING and not is_chosen
    shape = svg.link(f"{node.name}.html", shapes) if is_page else svg.join(shapes)
    return svg.group([shape], node=node.name)
