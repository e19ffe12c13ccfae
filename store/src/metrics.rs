//! A store's counters for Prometheus.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use crate::{Store, StoreStats, TierStats};

/// What a store holds and did, in the [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/) text format,
/// read when it is asked for. Register it with a registry of `prometheus-client`.
///
/// ```
/// use std::sync::Arc;
/// use hologram_store::{Store, StoreMetrics};
/// use prometheus_client::{encoding::text::encode, registry::Registry};
///
/// let store = Arc::new(Store::builder().build());
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(StoreMetrics::new(Arc::clone(&store))));
/// let mut page = String::new();
/// encode(&mut page, &registry)?;
/// assert!(page.contains("hologram_store_tier_bytes{tier=\"L1\"} 0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StoreMetrics(Arc<Store>);

impl StoreMetrics {
    /// The counters of a store.
    pub fn new(store: Arc<Store>) -> Self {
        Self(store)
    }
}

/// A counter of a tier: its name, what it counts, whether it only grows, and where it is.
type OfTier = (&'static str, &'static str, bool, fn(&TierStats) -> u64);

const OF_TIER: [OfTier; 7] = [
    ("hits", "Gets that found a batch", true, |tier| tier.hits),
    ("misses", "Gets that found none", true, |tier| tier.misses),
    ("puts", "Puts that kept their batch", true, |tier| tier.puts),
    ("evictions", "Batches that left to make room", true, |tier| tier.evictions),
    ("entries", "Batches held", false, |tier| tier.entries as u64),
    ("bytes", "Bytes charged for what is held", false, |tier| tier.bytes as u64),
    ("budget_bytes", "The most bytes that are charged", false, |tier| tier.budget_bytes as u64),
];

fn tiers(stats: &StoreStats) -> Vec<(&'static str, TierStats)> {
    #[allow(unused_mut, reason = "there are more tiers with more features")]
    let mut tiers = vec![("L0", stats.l0), ("L1", stats.l1), ("L2", stats.l2)];
    #[cfg(feature = "mmap")]
    tiers.extend(stats.sd.map(|sd| ("SD", sd)));
    #[cfg(feature = "remote")]
    tiers.extend(stats.ld.map(|ld| ("LD", ld)));
    tiers
}

/// What is counted once a store: name, meaning, whether it only grows, number.
fn others(stats: &StoreStats) -> Vec<(&'static str, &'static str, bool, u64)> {
    #[allow(unused_mut, reason = "there is more with more features")]
    let mut others = vec![
        ("computed", "Misses that were computed", true, stats.computed),
        ("shared", "Puts whose content was alive already", true, stats.shared),
        ("unkept", "Computed batches that no budget could take", true, stats.unkept),
    ];
    #[cfg(feature = "mmap")]
    if let Some(log) = stats.log {
        others.extend([
            ("disk_segments", "Segments of the log", false, log.segments as u64),
            ("disk_bytes", "Bytes that entries fill, replaced ones included", false, log.disk_bytes),
            ("disk_syncs", "Syncs of segments", true, log.syncs),
            ("disk_failures", "Writes and syncs that the disk refused", true, log.failures),
            ("disk_quarantined", "Entries that did not match their digest", true, log.quarantined),
            ("disk_compactions", "Segments whose live entries were copied", true, log.compactions),
        ]);
    }
    #[cfg(feature = "remote")]
    if let Some(remote) = stats.remote {
        others.extend([
            ("remote_objects", "Objects that coordinates name", false, remote.objects as u64),
            ("remote_requests", "Attempts made", true, remote.requests),
            ("remote_retries", "Attempts after a first one", true, remote.retries),
            ("remote_fetched", "Objects read", true, remote.fetched),
            ("remote_uploaded", "Objects written", true, remote.uploaded),
            ("remote_commits", "Groups of changes written", true, remote.commits),
            ("remote_collected", "Objects that a collection deleted", true, remote.collected),
        ]);
    }
    others
}

impl Collector for StoreMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.0.stats();
        for (name, help, grows, number) in OF_TIER {
            let kind = metric(grows, 0).metric_type();
            let name = format!("hologram_store_tier_{name}");
            let mut family = encoder.encode_descriptor(&name, help, None, kind)?;
            for (tier, stats) in tiers(&stats) {
                metric(grows, number(&stats)).encode(family.encode_family(&[("tier", tier)])?)?;
            }
        }
        for (name, help, grows, number) in others(&stats) {
            let metric = metric(grows, number);
            let name = format!("hologram_store_{name}");
            metric.encode(encoder.encode_descriptor(&name, help, None, metric.metric_type())?)?;
        }
        Ok(())
    }
}

fn metric(grows: bool, number: u64) -> Box<dyn EncodeMetric> {
    if grows {
        Box::new(ConstCounter::new(number))
    } else {
        // Prometheus has no unsigned gauge.
        Box::new(ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int32Array, RecordBatch};
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;
    use crate::Coordinate;

    #[test]
    fn counters_are_those_of_the_store() {
        let store = Arc::new(Store::builder().build());
        let records = RecordBatch::try_from_iter([("a", Arc::new(Int32Array::from(vec![1])) as _)]).unwrap();
        for key in 0..3_u32 {
            store.put(&Coordinate::from(key), records.clone()).unwrap();
        }
        store.get_local(&Coordinate::from(1_u32), crate::Hint::Point).unwrap();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(StoreMetrics::new(Arc::clone(&store))));
        let mut page = String::new();
        encode(&mut page, &registry).unwrap();
        let bytes = store.stats().l1.bytes;
        for line in [
            "# TYPE hologram_store_tier_hits counter",
            "# TYPE hologram_store_tier_bytes gauge",
            "hologram_store_tier_hits_total{tier=\"L1\"} 1",
            "hologram_store_tier_entries{tier=\"L1\"} 3",
            "hologram_store_tier_entries{tier=\"L2\"} 0",
            &format!("hologram_store_tier_bytes{{tier=\"L1\"}} {bytes}"),
            "hologram_store_shared_total 2",
        ] {
            assert!(page.lines().any(|there| there == line), "{line}\n{page}");
        }
    }
}
