#!/usr/bin/env python3
"""Writes dashboards/*.json: `generate.py` writes them, `generate.py --check` fails where a file differs.

A dashboard here is a list of rows of panels; everything that Grafana's classic model wants besides is filled in.
Rules that all panels keep: job and instance in every selector, counters only inside rate or increase, rate over
$__rate_interval, a unit and a description, and no `or vector(0)`, which would stay green when tierwatch is gone.
"""
import json
import os
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dashboards")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECT = 'job=~"$job", instance=~"$instance", service=~"$service"'
OWN = 'job=~"$job", instance=~"$instance"'
RATE = "[$__rate_interval]"


def metric(name, extra=""):
    return f"{name}{{{SELECT}{', ' + extra if extra else ''}}}"


def rate(name, extra=""):
    return f"rate({metric(name, extra)}{RATE})"


def total(name, by="", extra=""):
    return f"sum {by}({rate(name, extra)})" if by else f"sum({rate(name, extra)})"


def count_where(name, condition, extra=""):
    """How many series meet the condition; 0 where series exist and none does; nothing where there is none."""
    return f"count({metric(name, extra)} {condition}) or 0 * count({metric(name, extra)})"


def steps(*pairs):
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in pairs]}


def target(expr, legend="", kind="range"):
    return {"expr": expr, "legendFormat": legend, "kind": kind}


def panel(kind, title, description, targets, width, height, unit, options, **field):
    built = []
    for i, t in enumerate(targets):
        entry = {"datasource": SOURCE, "editorMode": "code", "expr": t["expr"], "legendFormat": t["legendFormat"],
                 "refId": chr(ord("A") + i), "range": t["kind"] == "range", "instant": t["kind"] != "range"}
        if t["kind"] == "table":
            entry["format"] = "table"
        built.append(entry)
    overrides = field.pop("overrides", [])
    transformations = field.pop("transformations", None)
    defaults = {"unit": unit, "mappings": [], "custom": field.pop("custom", {}),
                "thresholds": field.pop("thresholds", steps(("green", None))), **field}
    made = {"type": kind, "title": title, "description": description, "datasource": SOURCE, "targets": built,
            "fieldConfig": {"defaults": defaults, "overrides": overrides}, "options": options,
            "gridPos": {"w": width, "h": height}}
    if transformations:
        made["transformations"] = transformations
    return made


def stat(title, description, expr, unit="none", width=4, **field):
    field.setdefault("color", {"mode": "thresholds"})
    background = field.pop("background", False)
    options = {"colorMode": "background" if background else "value", "graphMode": "none" if background else "area",
               "justifyMode": "auto", "orientation": "auto", "textMode": "auto", "wideLayout": True,
               "showPercentChange": False,
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return panel("stat", title, description, [target(expr, title)], width, 4, unit, options, **field)


def graph(title, description, targets, unit="short", width=12, height=8, stack=None, dashed=None, **field):
    """`dashed`: (colour, value) of a rule's threshold, drawn as a dashed line."""
    custom = {"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 50 if stack else 10,
              "gradientMode": "none", "showPoints": "never", "pointSize": 5, "spanNulls": False,
              "axisPlacement": "auto", "axisLabel": "", "scaleDistribution": {"type": "linear"},
              "hideFrom": {"legend": False, "tooltip": False, "viz": False},
              "stacking": {"group": "A", "mode": stack or "none"},
              "thresholdsStyle": {"mode": "dashed" if dashed else "off"}}
    custom.update(field.pop("custom", {}))
    field.setdefault("color", {"mode": "palette-classic"})
    if dashed:
        field["thresholds"] = steps(("transparent", None), dashed)
    wide = width >= 12
    options = {"legend": {"calcs": ["lastNotNull", "max"] if wide else [], "displayMode": "table" if wide else "list",
                          "placement": "right" if wide else "bottom", "showLegend": True},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, description, targets, width, height, unit, options, custom=custom, **field)


def table(title, description, columns, hide=(), width=24, height=8):
    """`columns`: (heading, expression, unit or None, mapping or None); labels become columns by themselves."""
    renamed, overrides = {}, []
    for i, (heading, _, unit, mapping) in enumerate(columns):
        renamed[f"Value #{chr(ord('A') + i)}" if len(columns) > 1 else "Value"] = heading
        properties = []
        if unit:
            properties.append({"id": "unit", "value": unit})
        if mapping:
            values = {value: {"text": text, "color": color, "index": n} for n, (value, text, color) in enumerate(mapping)}
            properties.append({"id": "mappings", "value": [{"type": "value", "options": values}]})
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        if properties:
            overrides.append({"matcher": {"id": "byName", "options": heading}, "properties": properties})
    transformations = [{"id": "merge", "options": {}}] if len(columns) > 1 else []
    transformations.append({"id": "organize", "options": {
        "excludeByName": {name: True for name in ("Time", *hide)}, "indexByName": {}, "renameByName": renamed}})
    return panel("table", title, description, [target(expr, "", "table") for _, expr, _, _ in columns], width, height,
                 "short", {"showHeader": True, "cellHeight": "sm", "sortBy": []},
                 custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
                 overrides=overrides, transformations=transformations)


def bars(title, description, targets, unit, thresholds, width=12, height=8, **field):
    options = {"displayMode": "gradient", "orientation": "horizontal", "showUnfilled": True, "valueMode": "color",
               "namePlacement": "auto", "sizing": "auto", "minVizHeight": 16, "minVizWidth": 8,
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return panel("bargauge", title, description, targets, width, height, unit, options, thresholds=thresholds,
                 color={"mode": "thresholds"}, **field)


def variable(name, label, query):
    return {"type": "query", "name": name, "label": label, "datasource": SOURCE, "definition": query,
            "query": {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery", "qryType": 1},
            "refresh": 2, "sort": 1, "regex": "", "hide": 0, "includeAll": True, "allValue": ".+", "multi": True,
            "current": {"text": ["All"], "value": ["$__all"]}, "options": []}


def dashboard(title, uid, tags, description, rows, variables=()):
    panels, y = [], 0
    for heading, members in rows:
        panels.append({"id": len(panels) + 1, "type": "row", "title": heading, "collapsed": False, "panels": [],
                       "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        y += 1
        x = tallest = 0
        for member in members:
            place = member["gridPos"]
            if x + place["w"] > 24:
                x, y, tallest = 0, y + tallest, 0
            place.update(x=x, y=y)
            x, tallest = x + place["w"], max(tallest, place["h"])
            panels.append({"id": len(panels) + 1, **member})
        y += tallest
    kinds = sorted({p["type"] for p in panels} - {"row"})
    requires = [{"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.4.0"},
                {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"}]
    requires += [{"type": "panel", "id": kind, "name": kind, "version": ""} for kind in kinds]
    source = {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "regex": "",
              "hide": 0, "current": {}, "options": [], "refresh": 1, "includeAll": False, "multi": False}
    firing = {"name": "Firing alerts", "datasource": SOURCE, "enable": True, "hide": False, "iconColor": "red",
              "expr": f'ALERTS{{{OWN}, alertstate="firing"}}', "step": "60s", "titleFormat": "{{alertname}}",
              "textFormat": "{{severity}}", "tagKeys": "severity", "useValueForTime": False}
    builtin = {"builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": True, "hide": True,
               "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard"}
    link = {"asDropdown": True, "icon": "external link", "includeVars": True, "keepTime": True, "tags": ["tierwatch"],
            "targetBlank": False, "title": "tierwatch", "tooltip": "", "type": "dashboards", "url": ""}
    common = [variable("job", "Job", "label_values(tierwatch_build_info, job)"),
              variable("instance", "Instance", 'label_values(tierwatch_build_info{job=~"$job"}, instance)'),
              variable("service", "Service", f"label_values(tierwatch_target_up{{{OWN}}}, service)")]
    return {"__inputs": [], "__requires": requires, "annotations": {"list": [builtin, firing]},
            "description": description, "editable": False, "fiscalYearStartMonth": 0, "graphTooltip": 1, "id": None,
            "links": [link], "panels": panels, "refresh": "30s", "schemaVersion": 39, "tags": tags,
            "templating": {"list": [source, *common, *variables]}, "time": {"from": "now-3h", "to": "now"},
            "timepicker": {}, "timezone": "browser", "title": title, "uid": uid, "version": 1, "weekStart": ""}


def hit_ratio(prefix, by="", extra=""):
    hits, misses = total(f"{prefix}_hits_total", by, extra), total(f"{prefix}_misses_total", by, extra)
    return f"{hits} / ({hits} + {misses})"


def error_ratio(prefix, by="", extra=""):
    hits, misses = total(f"{prefix}_hits_total", by, extra), total(f"{prefix}_misses_total", by, extra)
    return f"{total(f'{prefix}_errors_total', by, extra)} / ({hits} + {misses})"


UP_DOWN = [("0", "DOWN", "red"), ("1", "up", "green")]
YES_NO = [("0", "no", "green"), ("1", "YES", "red")]


def cache_performance():
    tier = 'tier=~"$tier"'
    by_tier = "by (service, tier) "
    legend = "{{service}} {{tier}}"
    return dashboard(
        "tierwatch / Cache performance", "tierwatch-cache", ["tierwatch", "cache"],
        "Tier hit rates, latency percentiles, error rates and memory of a tiered cache, as tierwatch sees them.", [
            ("Overview", [
                stat("Tiers down", "Tiers that say of themselves that they are unavailable. CacheBackendDown fires after 1m.",
                     count_where("tierwatch_cache_tier_available", "== 0", tier), background=True,
                     thresholds=steps(("green", None), ("red", 1))),
                stat("Backends unreachable", "Health endpoints that tierwatch could not read. CacheBackendDown fires after 1m.",
                     count_where("tierwatch_target_up", "== 0", 'collector="cache_health"'), background=True,
                     thresholds=steps(("green", None), ("red", 1))),
                stat("Hit rate", "Share of look-ups that any tier answered, end to end. LowHitRate fires below 60 % for 15m.",
                     hit_ratio("tierwatch_cache"), "percentunit",
                     thresholds=steps(("red", None), ("orange", 0.6), ("green", 0.7))),
                stat("Latency p95", "The highest 95th percentile that a backend reports. HighLatency fires above 100 ms for 10m.",
                     f"max({metric('tierwatch_cache_latency_p95_seconds')})", "s",
                     thresholds=steps(("green", None), ("orange", 0.05), ("red", 0.1))),
                stat("Error rate", "Errors per look-up. HighErrorRate fires above 1 % for 5m.",
                     error_ratio("tierwatch_cache"), "percentunit",
                     thresholds=steps(("green", None), ("orange", 0.005), ("red", 0.01))),
                stat("Look-ups", "Look-ups per second that reach the cache.",
                     f"{total('tierwatch_cache_hits_total')} + {total('tierwatch_cache_misses_total')}", "reqps",
                     color={"mode": "fixed", "fixedColor": "blue"}),
            ]),
            ("Tier hit rates", [
                graph("Hit rate", "Look-ups answered by any tier, end to end. Dashed: LowHitRate's threshold.",
                      [target(hit_ratio("tierwatch_cache", "by (service) "), "{{service}}")], "percentunit",
                      dashed=("red", 0.6), min=0, max=1),
                graph("Hit rate by tier", "Look-ups that reached a tier and were answered there. An L1 miss is an L2 look-up.",
                      [target(hit_ratio("tierwatch_cache_tier", by_tier, tier), legend)], "percentunit", min=0, max=1),
                graph("Look-ups by answering tier", "Which tier answered; origin: none could. Stacked to 100 %.",
                      [target(total("tierwatch_cache_tier_hits_total", "by (tier) ", tier), "{{tier}}"),
                       target(total("tierwatch_cache_misses_total"), "origin")], "ops", stack="percent"),
                graph("Hits and misses by tier", "Look-ups per second; misses below zero.",
                      [target(total("tierwatch_cache_tier_hits_total", by_tier, tier), legend + " hits"),
                       target("-" + total("tierwatch_cache_tier_misses_total", by_tier, tier), legend + " misses")],
                      "ops", custom={"axisCenteredZero": True}),
            ]),
            ("Latency percentiles", [
                graph("Latency p50 and p95", "As the backend reports them. Dashed: HighLatency's threshold.",
                      [target(f"max by (service) ({metric('tierwatch_cache_latency_p50_seconds')})", "{{service}} p50"),
                       target(f"max by (service) ({metric('tierwatch_cache_latency_p95_seconds')})", "{{service}} p95")],
                      "s", dashed=("orange", 0.1), min=0),
                graph("Latency p95 by tier", "As the backend reports it, on a logarithmic axis.",
                      [target(f"max by (service, tier) ({metric('tierwatch_cache_tier_latency_p95_seconds', tier)})", legend)],
                      "s", custom={"scaleDistribution": {"type": "log", "log": 10}}),
                graph("Redis round trip", "Median and 95th percentile of tierwatch's own PING.",
                      [target("histogram_quantile(0.5, sum by (service, le) "
                              f"({rate('tierwatch_redis_probe_duration_seconds_bucket')}))", "{{service}} p50"),
                       target("histogram_quantile(0.95, sum by (service, le) "
                              f"({rate('tierwatch_redis_probe_duration_seconds_bucket')}))", "{{service}} p95")],
                      "s", min=0),
                graph("Redis command latency p95", "From the server's own histograms (Redis 7 and newer), the slowest ten.",
                      [target("topk(10, histogram_quantile(0.95, sum by (cmd, le) "
                              f"({rate('tierwatch_redis_command_latency_seconds_bucket')})))", "{{cmd}}")], "s", min=0),
            ]),
            ("Error rates", [
                graph("Error rate", "Errors per look-up, end to end. Dashed: HighErrorRate's threshold.",
                      [target(error_ratio("tierwatch_cache", "by (service) "), "{{service}}")], "percentunit",
                      dashed=("red", 0.01), min=0),
                graph("Errors by tier", "Errors per second of each tier.",
                      [target(total("tierwatch_cache_tier_errors_total", by_tier, tier), legend)], "ops", min=0),
            ]),
            ("Memory usage", [
                graph("Entries by tier", "Entries that each tier holds.",
                      [target(f"sum by (service, tier) ({metric('tierwatch_cache_tier_entries', tier)})", legend)],
                      "short", min=0),
                graph("Redis memory", "Used memory; dashed: maxmemory, where one is set.",
                      [target(f"max by (service, target) ({metric('tierwatch_redis_memory_used_bytes')})", "{{target}}"),
                       target(f"max by (service, target) ({metric('tierwatch_redis_memory_max_bytes')})", "{{target}} max")],
                      "bytes", min=0,
                      overrides=[{"matcher": {"id": "byRegexp", "options": "/ max$/"}, "properties": [
                          {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}},
                          {"id": "custom.fillOpacity", "value": 0},
                          {"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}]}]),
                graph("Redis evictions", "Keys evicted per second. A lasting rise means that the tier is too small.",
                      [target(total("tierwatch_redis_evicted_keys_total", "by (service, target) "), "{{target}}")],
                      "ops", min=0),
                table("Tiers", "Every tier of every instance.", [
                    ("Available", f"max by (service, target, tier) ({metric('tierwatch_cache_tier_available', tier)})",
                     None, UP_DOWN),
                    ("Entries", f"max by (service, target, tier) ({metric('tierwatch_cache_tier_entries', tier)})",
                     None, None)], width=12),
            ]),
        ], [variable("tier", "Tier", f"label_values(tierwatch_cache_tier_available{{{OWN}}}, tier)")])


def database_performance():
    parent = "by (service, schema, table) "
    legend = "{{schema}}.{{table}}"
    return dashboard(
        "tierwatch / Database performance", "tierwatch-database", ["tierwatch", "database"],
        "Partition routing, replica lag, query performance and connection pools, as tierwatch sees them.", [
            ("Overview", [
                stat("Servers unreachable", "PostgreSQL targets that tierwatch could not sample.",
                     count_where("tierwatch_target_up", "== 0", 'collector=~"replicas|partitions|pool|queries"'),
                     background=True, thresholds=steps(("green", None), ("red", 1))),
                stat("Worst replica lag", "Age of the oldest change that a replica has not replayed.",
                     f"max({metric('tierwatch_replica_lag_seconds')})", "s",
                     thresholds=steps(("green", None), ("orange", 5), ("red", 30))),
                stat("Replicas missing", "Replicas that the configuration expects less those that stream.",
                     f"sum({metric('tierwatch_replicas_expected')}) - sum({metric('tierwatch_replica_streaming')})",
                     background=True, thresholds=steps(("green", None), ("red", 1))),
                stat("Shortest runway", "Time until inserts fall off the last prepared partition.",
                     f"min({metric('tierwatch_partition_runway_seconds')})", "s",
                     thresholds=steps(("red", None), ("orange", 86400), ("green", 604800))),
                stat("Default partitions with rows", "Rows there were meant for a partition that did not exist.",
                     f"sum({metric('tierwatch_partition_default_has_rows')})", background=True,
                     thresholds=steps(("green", None), ("red", 1))),
                stat("Connections used", "Connections of the fullest server, of those that it allows.",
                     f"max(sum by (service, target) ({metric('tierwatch_pool_connections')}) / on (service, target) "
                     f"{metric('tierwatch_pool_connections_max')})", "percentunit",
                     thresholds=steps(("green", None), ("orange", 0.8), ("red", 0.9)), min=0, max=1),
            ]),
            ("Partition routing", [
                graph("Runway", "Time until inserts fall off the last prepared partition, the shortest ten.",
                      [target(f"bottomk(10, {metric('tierwatch_partition_runway_seconds')} < Inf)", legend)], "s", min=0),
                graph("Rows inserted", "Per second into each partitioned table, by its partitions' own counters.",
                      [target(total("tierwatch_partition_inserts_total", parent), legend)], "ops", min=0),
                table("Partitioned tables", "Counts, sizes and what is wrong with them.", [
                    ("Partitions", f"max {parent}({metric('tierwatch_partitions')})", None, None),
                    ("Runway", f"min {parent}({metric('tierwatch_partition_runway_seconds')})", "dtdurations", None),
                    ("Rows", f"max {parent}({metric('tierwatch_partition_rows_estimate')})", None, None),
                    ("Size", f"max {parent}({metric('tierwatch_partition_size_estimate_bytes')})", "bytes", None),
                    ("Skew", f"max {parent}({metric('tierwatch_partition_skew_ratio')})", None, None),
                    ("Gaps", f"max {parent}({metric('tierwatch_partition_gaps')})", None, None),
                    ("Default has rows", f"max {parent}({metric('tierwatch_partition_default_has_rows')})", None, YES_NO)]),
                graph("Partitions: claimed and counted", "What the backend says, beside what the catalogue holds.",
                      [target(f"sum by (service) ({metric('tierwatch_backend_reported_partitions')})", "{{service}} claims"),
                       target(f"sum by (service) ({metric('tierwatch_partitions')})", "{{service}} holds")], min=0),
                bars("Largest tables", "Estimated bytes of all partitions of a table.",
                     [target(f"topk(10, {metric('tierwatch_partition_size_estimate_bytes')})", legend, "instant")], "bytes",
                     steps(("blue", None))),
            ]),
            ("Replica lag", [
                graph("Lag in time", "Right when idle, paused or cut off: measured by the history of the primary's log position.",
                      [target(f"max by (service, replica) ({metric('tierwatch_replica_lag_seconds')})", "{{replica}}"),
                       target(f"max by (service, replica) ({metric('tierwatch_backend_reported_replica_lag_seconds')})",
                              "{{replica}} as the backend claims")], "s", dashed=("red", 30), min=0),
                graph("Lag in bytes by stage", "How far behind the primary each stage is.",
                      [target(f"max by (replica, stage) ({metric('tierwatch_replica_lag_bytes')})", "{{replica}} {{stage}}")],
                      "bytes", min=0),
                graph("Log retained by slots", "What the primary keeps for each replication slot.",
                      [target(f"max by (service, slot) ({metric('tierwatch_replication_slot_retained_bytes')})", "{{slot}}")],
                      "bytes", min=0),
                table("Replicas", "Streaming state and lag.", [
                    ("Streaming", f"max by (service, replica) ({metric('tierwatch_replica_streaming')})", None, UP_DOWN),
                    ("Lag", f"max by (service, replica) ({metric('tierwatch_replica_lag_seconds')})", "s", None)], width=12),
            ]),
            ("Query performance", [
                graph("Time in statements", "Seconds per second spent in each of the heaviest statements; other: all the rest.",
                      [target(f"topk(10, {total('tierwatch_query_duration_seconds_total', 'by (service, queryid) ')})",
                              "{{queryid}}")], "s", stack="normal", min=0),
                graph("Mean time of a call", "Of the heaviest statements.",
                      [target("topk(10, " + total("tierwatch_query_duration_seconds_total", "by (service, queryid) ") + " / "
                              + total("tierwatch_query_calls_total", "by (service, queryid) ") + ")", "{{queryid}}")],
                      "s", min=0),
                table("Heaviest statements", "Per second of each; texts: /api/v1/statements, where `texts: true` is set.",
                      [(heading, f"sum by (service, queryid) ({rate(f'tierwatch_query_{what}_total')})", unit, None)
                       for heading, what, unit in (
                           ("Time", "duration_seconds", "s"), ("Calls", "calls", "ops"), ("Rows", "rows", "ops"),
                           ("Read and write", "io_duration_seconds", "s"), ("Planning", "plan_duration_seconds", "s"),
                           ("Temporary", "temp_bytes", "Bps"), ("WAL", "wal_bytes", "Bps"))]),
                graph("Blocks that statements read", "Not found in shared buffers, of the heaviest statements.",
                      [target("topk(10, " + total("tierwatch_query_blocks_read_total", "by (service, queryid) ") + ")",
                              "{{queryid}}")], "ops", min=0),
                graph("Statements forgotten", "Times that pg_stat_statements lacked room: above 0, its max is too small.",
                      [target(total("tierwatch_statements_evictions_total", "by (service, target) "), "{{target}}")],
                      "ops", min=0),
                graph("Deadlocks", "Found within 15 minutes. Deadlocks fires above 5.",
                      [target(f"sum by (database) (increase({metric('tierwatch_database_deadlocks_total')}[15m]))",
                              "{{database}}")], min=0),
                graph("Temporary files", "Bytes per second that statements wrote to them.",
                      [target(total("tierwatch_database_temp_bytes_total", "by (database) "), "{{database}}")], "Bps", min=0),
                graph("Checkpoints", "Per second, by cause: requested ones mean that max_wal_size is too small for the load.",
                      [target(total("tierwatch_checkpoints_total", "by (service, cause) "), "{{service}} {{cause}}")],
                      "ops", min=0),
                graph("Time of checkpoints", "Seconds per second that they write and sync files.",
                      [target(total(f"tierwatch_checkpoint_{what}_seconds_total", "by (service, target) "),
                              "{{target}} " + what) for what in ("write", "sync")], "s", min=0),
                graph("WAL generated", "Bytes per second.",
                      [target(total("tierwatch_wal_bytes_total", "by (service, target) "), "{{target}}")], "Bps", min=0),
                graph("Waits for the log", "WAL that was written because its buffers were full: above 0, they are too small.",
                      [target(total("tierwatch_wal_buffers_full_total", "by (service, target) "), "{{target}}")], "ops",
                      min=0),
                graph("Sessions begun", "Per second, of each database (PostgreSQL 14 and newer).",
                      [target(total("tierwatch_database_sessions_total", "by (database) "), "{{database}}")], "ops", min=0),
                graph("Sessions that ended badly", "Client lost, fatal error, or ended by an operator (PostgreSQL 14 and newer).",
                      [target(total(f"tierwatch_database_sessions_{how}_total", "by (database) "),
                              "{{database}} " + how) for how in ("abandoned", "fatal", "killed")], "ops", min=0),
                graph("Time in transactions that idle", "Seconds per second: they hold locks and keep vacuum from its work.",
                      [target(total("tierwatch_database_idle_in_transaction_seconds_total", "by (database) "),
                              "{{database}}")], "s", min=0),
            ]),
            ("Connection pool", [
                graph("Connections by state", "Stacked; dashed: the server's limit.",
                      [target(f"sum by (state) ({metric('tierwatch_pool_connections')})", "{{state}}"),
                       target(f"sum({metric('tierwatch_pool_connections_max')})", "limit")], stack="normal", min=0,
                      overrides=[{"matcher": {"id": "byName", "options": "limit"}, "properties": [
                          {"id": "custom.stacking", "value": {"group": "A", "mode": "none"}},
                          {"id": "custom.fillOpacity", "value": 0},
                          {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}},
                          {"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}]}]),
                graph("Oldest transaction", "Age of the oldest open transaction of each server.",
                      [target(f"max by (service, target) ({metric('tierwatch_pool_oldest_transaction_seconds')})",
                              "{{target}}")], "s", min=0),
                graph("Connections by application", "The applications with most; other: all the rest.",
                      [target("sum by (database, user, application) "
                              f"({metric('tierwatch_pool_application_connections')})",
                              "{{database}} {{user}} {{application}}")], stack="normal", min=0),
                graph("Sessions that wait for a lock", "Who waits, whom they wait for, and the longest chain of them.",
                      [target(f"max by (target) ({metric('tierwatch_pool_lock_waiters')})", "{{target}} waiting"),
                       target(f"max by (target) ({metric('tierwatch_pool_root_blockers')})", "{{target}} blocking"),
                       target(f"max by (target) ({metric('tierwatch_pool_lock_chain_depth')})", "{{target}} chain")],
                      min=0),
                graph("Oldest lock wait", "Dashed: LockQueue's threshold, which fires after 1m.",
                      [target(f"max by (service, target) ({metric('tierwatch_pool_oldest_lock_wait_seconds')})",
                              "{{target}}")], "s", dashed=("orange", 30), min=0),
            ]),
            ("PgBouncer", [
                graph("Clients by state", "Of each pool.",
                      [target(f"sum by (database, user, state) ({metric('tierwatch_pool_client_connections')})",
                              "{{database}} {{user}} {{state}}"),
                       target(f"sum({metric('tierwatch_pool_client_connections_max')})", "limit")], min=0),
                graph("Server connections by state", "Of each pool.",
                      [target(f"sum by (database, user, state) ({metric('tierwatch_pool_server_connections')})",
                              "{{database}} {{user}} {{state}}")], stack="normal", min=0),
                graph("Longest wait for a server", "PgBouncerClientsWait fires above 5 s for 1m. Limit: when PgBouncer gives a client up.",
                      [target(f"max by (database, user) ({metric('tierwatch_pool_max_wait_seconds')})",
                              "{{database}} {{user}}"),
                       target(f"min({metric('tierwatch_pool_max_wait_limit_seconds')})", "limit")],
                      "s", dashed=("orange", 5), min=0),
                graph("Clients that wait on average", "Seconds of waiting per second.",
                      [target(total("tierwatch_pool_wait_seconds_total", "by (database) "), "{{database}}")], min=0),
                graph("Transactions and queries", "Per second, of each database.",
                      [target(total("tierwatch_pool_transactions_total", "by (database) "), "{{database}} transactions"),
                       target(total("tierwatch_pool_queries_total", "by (database) "), "{{database}} queries")], "ops",
                      min=0),
                graph("Mean time of a transaction and of a query", "Of each database.",
                      [target(total("tierwatch_pool_transaction_duration_seconds_total", "by (database) ") + " / "
                              + total("tierwatch_pool_transactions_total", "by (database) "), "{{database}} transaction"),
                       target(total("tierwatch_pool_query_duration_seconds_total", "by (database) ") + " / "
                              + total("tierwatch_pool_queries_total", "by (database) "), "{{database}} query")], "s", min=0),
                graph("Traffic of clients", "Bytes per second that PgBouncer had from its clients; what it sent below zero.",
                      [target(total("tierwatch_pool_received_bytes_total", "by (database) "), "{{database}} received"),
                       target("-" + total("tierwatch_pool_sent_bytes_total", "by (database) "), "{{database}} sent")],
                      "Bps", custom={"axisCenteredZero": True}),
                table("Databases of PgBouncer", "Server connections, what they may be (0: any number), and whether clients are let in.", [
                    ("Connections", f"max by (target, database) ({metric('tierwatch_pool_database_connections')})", None, None),
                    ("Allowed", f"max by (target, database) ({metric('tierwatch_pool_database_connections_max')})", None, None),
                    ("Pool size", f"max by (target, database) ({metric('tierwatch_pool_size')})", None, None),
                    ("Reserve", f"max by (target, database) ({metric('tierwatch_pool_reserve_size')})", None, None),
                    ("Paused", f"max by (target, database) ({metric('tierwatch_pool_paused')})", None, YES_NO),
                    ("Disabled", f"max by (target, database) ({metric('tierwatch_pool_disabled')})", None, YES_NO)],
                    width=12),
            ]),
        ])


def main():
    wrong = []
    for name, made in (("cache-performance", cache_performance()), ("database-performance", database_performance())):
        path, text = os.path.join(FOLDER, name + ".json"), json.dumps(made, indent=2) + "\n"
        if "--check" in sys.argv:
            with open(path, encoding="utf-8") as file:
                if file.read() != text:
                    wrong.append(path)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    if wrong:
        sys.exit("differs from what tests/dashboards/generate.py writes: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
