"""Pictures of graphs: SVG by graphviz where it is installed, by a layered layout of our own where it is not.

The layout is Sugiyama's in its plainest form (Sugiyama, Tagawa and Toda 1981): each box stands one layer below the
lowest of those that point to it; an arrow that passes layers is cut into pieces by invisible boxes; the boxes of a
layer are ordered by the mean position of their neighbours, down and up a few times; then they are moved towards that
mean as far as those beside them allow.
"""

from __future__ import annotations

import importlib
import itertools
import shutil
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

#: fill and border of each kind of box
COLOURS = {
    "leaf": ("#d9ecff", "#3b82c4"),
    "result": ("#dff3d8", "#5a9e3d"),
    "step": ("#f4f4f4", "#8a8a8a"),
    "constant": ("#fff6d6", "#c9a227"),
}
_LETTER, _LINE, _GAP, _LAYER = 7.3, 16, 22, 44


@dataclass(frozen=True)
class Box:
    """A node of a picture. ``kind`` is one of `COLOURS`."""

    text: str
    kind: str = "step"

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @property
    def width(self) -> float:
        return max(len(line) for line in self.lines) * _LETTER + 18

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 10


@dataclass(frozen=True)
class Picture:
    """Boxes and the arrows between them, each a pair of keys. Notebooks show it; ``save`` writes an SVG file."""

    boxes: Mapping[Hashable, Box]
    arrows: Sequence[tuple[Hashable, Hashable]]
    title: str = ""

    @property
    def svg(self) -> str:
        """The picture as SVG text."""
        return _by_graphviz(self) or layered_svg(self)

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: Any) -> None:
        """Write the SVG to a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg)

    @property
    def dot(self) -> str:
        """The picture in graphviz's language."""
        names = {key: f"n{number}" for number, key in enumerate(self.boxes)}
        lines = ["digraph {", '    node [shape=box, style="rounded,filled", fontname="monospace", fontsize=11]']
        for key, box in self.boxes.items():
            fill, border = COLOURS[box.kind]
            text = box.text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            lines.append(f'    {names[key]} [label="{text}", fillcolor="{fill}", color="{border}"]')
        lines += [f"    {names[source]} -> {names[target]}" for source, target in self.arrows]
        return "\n".join([*lines, "}"])

    def __repr__(self) -> str:
        return f"<picture of {self.title or 'a graph'}: {len(self.boxes)} boxes, {len(self.arrows)} arrows>"


def _by_graphviz(picture: Picture) -> str | None:
    """The SVG that graphviz makes, through its Python package; None where either is missing."""
    if shutil.which("dot") is None:
        return None
    try:
        graphviz = importlib.import_module("graphviz")
    except ImportError:
        return None
    return str(graphviz.Source(picture.dot).pipe(format="svg").decode("utf-8"))


# The layout of our own


@dataclass(eq=False)
class _Place:
    """A box, or an invisible piece of an arrow, in the layout."""

    width: float
    layer: int
    x: float = 0.0
    above: list[_Place] = field(default_factory=list)
    below: list[_Place] = field(default_factory=list)


def layered_svg(picture: Picture) -> str:
    """The picture by the layout of this module."""
    places = _in_layers(picture)
    paths = [_path(places[source], places[target]) for source, target in picture.arrows]
    layers: dict[int, list[_Place]] = {}
    for place in dict.fromkeys([*places.values(), *(part for path in paths for part in path)]):
        layers.setdefault(place.layer, []).append(place)
    _order(layers)
    _spread(layers)
    return _written(picture, places, paths)


def _in_layers(picture: Picture) -> dict[Hashable, _Place]:
    """Each box one layer below the lowest that points to it, found without recursion."""
    waiting = dict.fromkeys(picture.boxes, 0)
    targets: dict[Hashable, list[Hashable]] = {key: [] for key in picture.boxes}
    for source, target in picture.arrows:
        waiting[target] += 1
        targets[source].append(target)
    places = {key: _Place(box.width, 0) for key, box in picture.boxes.items()}
    ready = [key for key, count in waiting.items() if count == 0]
    while ready:
        key = ready.pop()
        for target in targets[key]:
            places[target].layer = max(places[target].layer, places[key].layer + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return places


def _path(source: _Place, target: _Place) -> list[_Place]:
    """The places that an arrow passes, from its source to its target."""
    path = [source, *(_Place(6, layer) for layer in range(source.layer + 1, target.layer)), target]
    for upper, lower in itertools.pairwise(path):
        upper.below.append(lower)
        lower.above.append(upper)
    return path


def _order(layers: dict[int, list[_Place]]) -> None:
    """Order each layer by the mean position of its neighbours, down and up."""
    for sweep in range(8):
        downwards = sweep % 2 == 0
        for number in sorted(layers, reverse=not downwards):
            for position, place in enumerate(layers[number]):
                near = place.above if downwards else place.below
                place.x = sum(other.x for other in near) / len(near) if near else position
            layers[number].sort(key=lambda place: place.x)
            for position, place in enumerate(layers[number]):
                place.x = position


def _spread(layers: dict[int, list[_Place]]) -> None:
    """Give each place a position: as near to the mean of its neighbours as those beside it allow."""
    for layer in layers.values():
        x = 0.0
        for place in layer:
            place.x = x + place.width / 2
            x += place.width + _GAP
    for sweep in range(12):
        downwards = sweep % 2 == 0
        for number in sorted(layers, reverse=not downwards):
            layer = layers[number]
            wished = []
            for place in layer:
                near = place.above if downwards else place.below
                wished.append(sum(other.x for other in near) / len(near) if near else place.x)
            _settle(layer, wished)
    left = min(place.x - place.width / 2 for layer in layers.values() for place in layer)
    for layer in layers.values():
        for place in layer:
            place.x -= left


def _settle(layer: list[_Place], wished: list[float]) -> None:
    """Positions in order, far enough apart, midway between pushing from the left and from the right."""
    left, right = list(wished), list(wished)
    for k in range(1, len(layer)):
        left[k] = max(left[k], left[k - 1] + _distance(layer[k - 1], layer[k]))
    for k in range(len(layer) - 2, -1, -1):
        right[k] = min(right[k], right[k + 1] - _distance(layer[k], layer[k + 1]))
    for k, place in enumerate(layer):
        place.x = (left[k] + right[k]) / 2


def _distance(a: _Place, b: _Place) -> float:
    return (a.width + b.width) / 2 + _GAP


def _written(picture: Picture, places: Mapping[Hashable, _Place], paths: Sequence[Sequence[_Place]]) -> str:
    depth = max((place.layer for place in places.values()), default=0)
    tallest = dict.fromkeys(range(depth + 1), 0.0)
    for key, place in places.items():
        tallest[place.layer] = max(tallest[place.layer], picture.boxes[key].height)
    tops, y = [], 0.0
    for layer in range(depth + 1):
        tops.append(y)
        y += tallest[layer] + _LAYER
    everything = [*places.values(), *(part for path in paths for part in path)]
    width = max((place.x + place.width / 2 for place in everything), default=0.0)
    heights = {id(places[key]): box.height for key, box in picture.boxes.items()}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 20:.0f}" height="{max(y - _LAYER, 0) + 20:.0f}" '
        f'font-family="monospace" font-size="12"><title>{escape(picture.title)}</title>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#666"/></marker></defs><g transform="translate(10,10)">',
    ]
    parts += [_arrow(path, tops, tallest, heights) for path in paths]
    parts += [_box(picture.boxes[key], place, tops[place.layer]) for key, place in places.items()]
    return "\n".join([*parts, "</g></svg>"]) + "\n"


def _arrow(
    path: Sequence[_Place], tops: Sequence[float], tallest: Mapping[int, float], heights: Mapping[int, float]
) -> str:
    x, y = path[0].x, tops[path[0].layer] + heights[id(path[0])]
    text = f"M{x:.1f} {y:.1f}"
    for place in path[1:]:
        next_y = tops[place.layer]
        middle = (y + next_y) / 2
        text += f"C{x:.1f} {middle:.1f} {place.x:.1f} {middle:.1f} {place.x:.1f} {next_y:.1f}"
        x, y = place.x, next_y
        if place is not path[-1]:
            y = next_y + tallest[place.layer]
            text += f"L{x:.1f} {y:.1f}"
    return f'<path d="{text}" fill="none" stroke="#666" marker-end="url(#tip)"/>'


def _box(box: Box, place: _Place, top: float) -> str:
    fill, border = COLOURS[box.kind]
    left = place.x - box.width / 2
    text = "".join(
        f'<text x="{place.x:.1f}" y="{top + 17 + _LINE * k:.1f}" text-anchor="middle">{escape(line)}</text>'
        for k, line in enumerate(box.lines)
    )
    shape = f'x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="5"'
    return f'<rect {shape} fill="{fill}" stroke="{border}"/>{text}'
