//! Latency histograms.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// A histogram of microseconds (or of plain counts), up to a minute.
#[derive(Clone, Debug)]
pub struct Hist(Histogram<u64>);

impl Default for Hist {
    fn default() -> Self {
        // The bounds are constants that the histogram accepts.
        Self(Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds are valid"))
    }
}

impl Hist {
    /// Records a duration, in microseconds.
    pub fn time(&mut self, d: Duration) {
        self.count(u64::try_from(d.as_micros()).unwrap_or(u64::MAX));
    }

    /// Records a plain number.
    pub fn count(&mut self, n: u64) {
        self.0.saturating_record(n);
    }

    /// Adds another histogram's records.
    pub fn add(&mut self, other: &Self) {
        // Both have the same bounds.
        let _ = self.0.add(&other.0);
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at a quantile, in milliseconds.
    #[must_use]
    pub fn ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }

    /// Quantiles in milliseconds, as JSON.
    #[must_use]
    pub fn json_ms(&self) -> Value {
        json!({
            "n": self.len(),
            "mean": (self.0.mean() / 10.0).round() / 100.0,
            "p50": self.ms(0.5),
            "p90": self.ms(0.9),
            "p99": self.ms(0.99),
            "p999": self.ms(0.999),
            "max": self.0.max() as f64 / 1_000.0,
        })
    }

    /// Quantiles of plain numbers, as JSON.
    #[must_use]
    pub fn json_count(&self) -> Value {
        json!({
            "n": self.len(),
            "mean": (self.0.mean() * 10.0).round() / 10.0,
            "p50": self.0.value_at_quantile(0.5),
            "p99": self.0.value_at_quantile(0.99),
            "max": self.0.max(),
        })
    }

    /// One line for people.
    #[must_use]
    pub fn line_ms(&self) -> String {
        format!(
            "p50 {:.2} ms  p90 {:.2} ms  p99 {:.2} ms  p99.9 {:.2} ms  max {:.2} ms",
            self.ms(0.5),
            self.ms(0.9),
            self.ms(0.99),
            self.ms(0.999),
            self.0.max() as f64 / 1_000.0
        )
    }
}
