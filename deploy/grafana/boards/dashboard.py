"""Panels and dashboards, and how Grafana writes them down."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

DATA_SOURCE: Final = {"type": "prometheus", "uid": "caloserve-prometheus"}
"""The uid is given in provisioning/datasources/prometheus.yml."""

_COLUMNS: Final = 24
_SCHEMA: Final = 39


class Unit(StrEnum):
    """Units by Grafana's names for them."""

    SECONDS = "s"
    BYTES = "bytes"
    BYTES_PER_SECOND = "Bps"
    PER_SECOND = "ops"
    SHARE = "percentunit"
    COUNT = "short"
    NUMBER = "none"


@dataclass(frozen=True)
class Query:
    """An expression, and what its series are called; ``{{label}}`` puts in a label's value."""

    expression: str
    legend: str
    dashed: bool = False
    """Drawn as a reference beside the measurements."""


@dataclass(frozen=True)
class Panel:
    """Series over time, or the latest values as a table (``table`` lists its columns, labels first)."""

    title: str
    description: str
    unit: Unit
    queries: Sequence[Query]
    width: int = 12
    height: int = 8
    logarithmic: bool = False
    stacked: bool = False
    from_zero: bool = True
    table: Sequence[str] = ()
    colours: Mapping[str, str] = field(default_factory=dict)
    """Colour of the series whose names begin so."""

    def document(self, number: int, x: int, y: int) -> dict[str, Any]:
        """What Grafana reads, the panel's upper left corner at (x, y) of 24 columns."""
        return {
            "id": number,
            "type": "table" if self.table else "timeseries",
            "title": self.title,
            "description": self.description,
            "datasource": DATA_SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [self._target(query, chr(ord("A") + place)) for place, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            **(self._as_table() if self.table else self._as_lines()),
        }

    def _target(self, query: Query, name: str) -> dict[str, Any]:
        return {
            "refId": name,
            "datasource": DATA_SOURCE,
            "expr": query.expression,
            "legendFormat": query.legend,
            "instant": bool(self.table),
            "range": not self.table,
            "format": "table" if self.table else "time_series",
        }

    def _defaults(self) -> dict[str, Any]:
        if self.table:
            return {"unit": self.unit}
        return {
            "unit": self.unit,
            **({"min": 0} if self.from_zero and not self.logarithmic else {}),
            "custom": {
                "lineWidth": 2,
                "fillOpacity": 25 if self.stacked else 0,
                "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
                "scaleDistribution": {"type": "log", "log": 10} if self.logarithmic else {"type": "linear"},
            },
        }

    def _overrides(self) -> list[dict[str, Any]]:
        dashes = {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}}
        dashed = [
            {"matcher": {"id": "byFrameRefID", "options": chr(ord("A") + place)}, "properties": [dashes]}
            for place, query in enumerate(self.queries)
            if query.dashed
        ]
        coloured = [
            {
                "matcher": {"id": "byRegexp", "options": f"/^{beginning}/"},
                "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
            }
            for beginning, colour in self.colours.items()
        ]
        return dashed + coloured

    def _as_lines(self) -> dict[str, Any]:
        return {
            "options": {
                "legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull"], "showLegend": True},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        }

    def _as_table(self) -> dict[str, Any]:
        return {
            "options": {"showHeader": True},
            "transformations": [{"id": "filterFieldsByName", "options": {"include": {"names": list(self.table)}}}],
        }


@dataclass(frozen=True)
class Dashboard:
    """Rows of panels, from left to right and from top to bottom."""

    uid: str
    title: str
    description: str
    rows: Sequence[tuple[str, Sequence[Panel]]]
    tags: Sequence[str] = field(default=("caloserve",))

    def text(self) -> str:
        """The file that Grafana is provisioned with."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False) + "\n"

    def document(self) -> dict[str, Any]:
        """What Grafana reads."""
        link = {"type": "dashboards", "title": "CaloServe", "tags": ["caloserve"], "asDropdown": True, "keepTime": True}
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": list(self.tags),
            "editable": False,
            "graphTooltip": 1,
            "refresh": "10s",
            "schemaVersion": _SCHEMA,
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "links": [link],
            "annotations": {"list": []},
            "templating": {"list": []},
            "panels": self._panels(),
        }

    def _panels(self) -> list[dict[str, Any]]:
        panels: list[dict[str, Any]] = []
        y = 0
        for title, row in self.rows:
            place = {"x": 0, "y": y, "w": _COLUMNS, "h": 1}
            panels.append(
                {
                    "id": len(panels) + 1,
                    "type": "row",
                    "title": title,
                    "collapsed": False,
                    "gridPos": place,
                    "panels": [],
                }
            )
            x, y, height = 0, y + 1, 0
            for panel in row:
                if x + panel.width > _COLUMNS:
                    x, y, height = 0, y + height, 0
                panels.append(panel.document(len(panels) + 1, x, y))
                x, height = x + panel.width, max(height, panel.height)
            y += height
        return panels
