"""Pictures of backward graphs and of programs."""

from __future__ import annotations

import re
import shutil
import sys
import types
from typing import Any
from xml.dom import minidom

import numpy as np
import pytest

import srcgrad as sg
import srcgrad.eager as torch
from srcgrad.graph.picture import Box, Picture, layered_svg


def small_graph():
    w, b = torch.ones(3, 2, requires_grad=True), torch.zeros(2, requires_grad=True)
    return torch.tanh(torch.ones(4, 3) @ w + b).sum(), {"w": w, "b": b}


def texts_of(svg):
    return [text.childNodes[0].nodeValue for text in minidom.parseString(svg).getElementsByTagName("text")]


def test_the_backward_graph_of_a_tensor() -> None:
    loss, names = small_graph()
    drawn = torch.draw(loss, names)
    svg = layered_svg(drawn)
    assert sorted(texts_of(svg)) == sorted(
        ["tensor", "SumBackward0", "TanhBackward0", "AddBackward0", "MmBackward0", "w (3, 2)", "b (2,)"]
    )
    assert len(drawn.arrows) == 6
    assert drawn._repr_svg_().startswith("<svg") or "<svg" in drawn.svg
    with pytest.raises(ValueError, match="there is no graph to draw"):
        torch.draw(torch.ones(2))


def test_the_program_of_a_function(tmp_path) -> None:
    gradient = sg.grad(lambda w, x: np.sum(np.tanh(x @ w)))
    drawn = sg.draw(gradient, np.ones(3), np.ones((5, 3)))
    texts = texts_of(layered_svg(drawn))
    assert "w" in texts
    assert "tanh" in texts
    assert "float64[5]" in texts
    assert repr(sg.draw(gradient)) == repr(drawn)
    drawn.save(tmp_path / "graph.svg")
    assert "<svg" in (tmp_path / "graph.svg").read_text()
    loss, names = small_graph()
    assert repr(sg.draw(loss, names)) == repr(torch.draw(loss, names))


def test_boxes_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    boxes: dict[Any, Box] = {k: Box(f"node {k}\n" + "x" * int(rng.integers(1, 20))) for k in range(40)}
    arrows = [(a, b) for a in range(40) for b in rng.integers(a + 1, 41, 2).tolist() if b < 40]
    svg = layered_svg(Picture(boxes, arrows))
    pattern = r'<rect x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)"'
    places = [tuple(map(float, found)) for found in re.findall(pattern, svg)]
    assert len(places) == 40
    for k, (x, y, width, height) in enumerate(places):
        for x2, y2, width2, height2 in places[:k]:
            apart = x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y
            assert apart


def test_long_chains_are_drawn_without_recursion() -> None:
    x = torch.ones(1, requires_grad=True)
    for _ in range(3000):
        x = x * 2
    assert layered_svg(torch.draw(x)).count("<rect") == 3002


def test_graphviz_draws_where_it_is_installed(monkeypatch) -> None:
    seen = []

    class Source:
        def __init__(self, text):
            seen.append(text)

        def pipe(self, format):
            assert format == "svg"
            return b"<svg>graphviz</svg>"

    loss, names = small_graph()
    drawn = torch.draw(loss, names)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/" + name)
    monkeypatch.setitem(sys.modules, "graphviz", types.SimpleNamespace(Source=Source))
    assert drawn.svg == "<svg>graphviz</svg>"
    assert seen[0].startswith("digraph {")
    assert 'label="w (3, 2)"' in seen[0]
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert drawn.svg.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
