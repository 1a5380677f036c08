//! What is measured. Names follow Prometheus' conventions; no label holds anything but names of applications,
//! repositories, verbs, codes and states.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, core::Collector};

/// Every metric of the daemon. Cloning shares them.
#[derive(Clone)]
pub struct Metrics {
    /// What `/metrics` shows.
    pub registry: Registry,
    /// 1 for the sync status that an application has: `taffrail_application_sync_status{application,status}`.
    pub sync_status: IntGaugeVec,
    /// 1 for the health status that an application has: `taffrail_application_health_status{application,status}`.
    pub health_status: IntGaugeVec,
    /// Objects that are not as we wrote them: `taffrail_drifted_objects{application}`.
    pub drifted: IntGaugeVec,
    /// Events by kind: `taffrail_events_total{kind}`.
    pub events: IntCounterVec,
    /// Requests to the API server: `taffrail_api_requests_total{verb,code}`; code 0 is "no answer".
    pub api_requests: IntCounterVec,
    /// Reverts by outcome: `taffrail_reverts_total{application,outcome}`, outcome started, reverted or failed.
    pub reverts: IntCounterVec,
    /// Failed polls: `taffrail_poll_failures_total{repository}`.
    pub poll_failures: IntCounterVec,
    /// `taffrail_render_seconds{application}`.
    pub render_seconds: HistogramVec,
    /// `taffrail_append_seconds{}`: from asking for an append until it is durable.
    pub append_seconds: HistogramVec,
    /// `taffrail_apply_seconds{verb}`: one write to the API server, retries not included.
    pub apply_seconds: HistogramVec,
    /// `taffrail_gate_seconds{outcome}`: from open to passed or failed.
    pub gate_seconds: HistogramVec,
}

impl Metrics {
    /// Fresh metrics in a registry of their own.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let seconds = |name: &str, help: &str, labels: &[&str], buckets: &[f64]| {
            register(&registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
        };
        let quick = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let slow = [1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
        let metrics = Self {
            sync_status: gauges(
                "taffrail_application_sync_status",
                "1 for the application's sync status",
                &["application", "status"],
            ),
            health_status: gauges(
                "taffrail_application_health_status",
                "1 for the application's health",
                &["application", "status"],
            ),
            drifted: gauges("taffrail_drifted_objects", "Objects that are not as they were written", &["application"]),
            events: counters("taffrail_events_total", "Events recorded by this process", &["kind"]),
            api_requests: counters(
                "taffrail_api_requests_total",
                "Requests to the API server; code 0: no answer",
                &["verb", "code"],
            ),
            reverts: counters("taffrail_reverts_total", "Reverts by outcome", &["application", "outcome"]),
            poll_failures: counters("taffrail_poll_failures_total", "Polls that failed", &["repository"]),
            render_seconds: seconds(
                "taffrail_render_seconds",
                "Time to render an application",
                &["application"],
                &quick,
            ),
            append_seconds: seconds("taffrail_append_seconds", "Time until an append is durable", &[], &quick),
            apply_seconds: seconds("taffrail_apply_seconds", "Time of one write to the API server", &["verb"], &quick),
            gate_seconds: seconds(
                "taffrail_gate_seconds",
                "Time from an open gate to its verdict",
                &["outcome"],
                &slow,
            ),
            registry,
        };
        #[cfg(target_os = "linux")]
        metrics
            .registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("nothing else registers process metrics");
        metrics
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: prometheus::Result<C>) -> C {
    let collector = collector.expect("the names in this file are valid");
    registry.register(Box::new(collector.clone())).expect("the names in this file are distinct");
    collector
}
