//! A plan with nothing in it, for tests to fill in.

use super::Plan;

/// A plan of three seconds in which nothing happens.
pub(crate) fn empty_plan() -> Plan {
    serde_json::from_value(serde_json::json!({
        "scenario": "s", "title": "t", "scenario_path": "s.yaml", "target": "x",
        "target_path": "x.yaml", "environment": "staging", "load_scale": 1.0,
        "time_scale": 1.0, "seed": 7, "phases": [], "length": {"secs": 3, "nanos": 0},
        "guard": {"allow": ["127.0.0.0/8"]}, "services": [], "links": [], "zones": [],
        "launch": [], "populations": [], "data": [], "series": [], "faults": [],
        "steady_state": [], "symptoms": [], "gates": [], "stop": [],
        "measure": crate::scenario::model::MeasureSettings::default(),
        "assumptions": [], "advice": []
    }))
    .expect("a plan")
}
