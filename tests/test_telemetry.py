"""The figures as a scraper reads them."""

from __future__ import annotations

import re
from pathlib import Path

from realtime.telemetry import Telemetry

LINE = re.compile(r'^[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"\})? [0-9.e+-]+$')


def figures(telemetry: Telemetry) -> dict[str, float]:
    lines = [line for line in telemetry.snapshot().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_sessions_are_counted_as_they_come_and_go() -> None:
    telemetry = Telemetry()
    telemetry.session_opened()
    telemetry.session_opened()
    telemetry.session_closed("requested")
    found = figures(telemetry)
    assert found["voxgate_sessions_opened_total"] == 2
    assert found['voxgate_sessions_closed_total{reason="requested"}'] == 1
    assert found["voxgate_sessions"] == 1


def test_each_function_moves_its_own_figure() -> None:
    telemetry = Telemetry()
    telemetry.audio_dropped(3)
    telemetry.response_queued()
    telemetry.client_opened()
    telemetry.client_closed(4408)
    telemetry.client_shed(240.0, 2)
    telemetry.call_refused("invalid_params")
    telemetry.turn_ended("completed", 1.5)
    telemetry.records_stored(7, 0.002)
    found = figures(telemetry)
    assert found["voxgate_microphone_chunks_dropped_total"] == 3
    assert found["voxgate_responses_queued_total"] == 1
    assert found['voxgate_clients_closed_total{code="4408"}'] == 1
    assert found["voxgate_clients"] == 0
    assert found["voxgate_client_audio_shed_ms_total"] == 240
    assert found["voxgate_client_deltas_shed_total"] == 2
    assert found['voxgate_calls_refused_total{code="invalid_params"}'] == 1
    assert found['voxgate_turns_total{outcome="completed"}'] == 1
    assert found["voxgate_turn_seconds_sum"] == 1.5
    assert found["voxgate_records_stored_total"] == 7
    assert found["voxgate_commit_seconds_count"] == 1


def test_a_histogram_is_cumulative_and_its_bounds_are_inclusive() -> None:
    telemetry = Telemetry()
    for seconds in (0.0, 0.25, 0.26, 3.0, 1000.0):
        telemetry.first_audio(seconds)
        telemetry.reconnected(seconds)
        telemetry.loop_lagged(seconds)
    found = figures(telemetry)
    for name in ("voxgate_first_audio_seconds", "voxgate_upstream_reconnect_seconds", "voxgate_loop_lag_seconds"):
        buckets = [found[f'{name}_bucket{{le="{edge}"}}'] for edge in ("0.001", "0.25", "0.5", "5", "60", "+Inf")]
        assert buckets == [1, 2, 3, 4, 4, 5]
        assert found[f"{name}_sum"] == 1003.51
        assert found[f"{name}_count"] == 5


def test_the_text_is_well_formed_whatever_a_label_holds() -> None:
    telemetry = Telemetry()
    telemetry.call_refused('a"b\\c\nd')
    lines = telemetry.snapshot().splitlines()
    assert telemetry.snapshot().endswith("\n")
    assert [line for line in lines if not line.startswith("# ") and not LINE.match(line)] == []
    helps = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert len(helps) == len(set(helps))


def test_the_manual_lists_the_figures_that_are_served() -> None:
    manual = (Path(__file__).parents[1] / "docs" / "operating.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(voxgate_\w+)(?:\{\w+\})?` \| (\w+) \|", manual, re.MULTILINE)
    heads = [line.split() for line in Telemetry().snapshot().splitlines() if line.startswith("# TYPE")]
    assert sorted(listed) == sorted((name, kind) for _, _, name, kind in heads)


def test_a_label_has_a_bounded_number_of_values() -> None:
    telemetry = Telemetry()
    for number in range(1000):
        telemetry.call_refused(f"code_{number}")
    found = {name: value for name, value in figures(telemetry).items() if name.startswith("voxgate_calls_refused")}
    assert len(found) == 65
    assert found['voxgate_calls_refused_total{code="other"}'] == 936
