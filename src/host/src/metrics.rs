//! Metrics kept in the process: what an embedder without its own can give a filter.

use crate::abi::{MetricType, Status};

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A counter's sum.
    Counter(u64),
    /// A gauge's present value.
    Gauge(u64),
    /// How many values a histogram has got, and their sum.
    Histogram {
        /// How many.
        count: u64,
        /// Their sum; saturates.
        sum: u64,
    },
}

/// All metrics of a process. Never shrinks, so it has a cap.
#[derive(Clone, Debug)]
pub struct Registry {
    metrics: Vec<(Vec<u8>, Value)>,
    most: usize,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new(10_000)
    }
}

impl Registry {
    /// A registry of at most `most` metrics.
    pub const fn new(most: usize) -> Self {
        Self { metrics: Vec::new(), most }
    }

    /// Finds or makes a metric; its id is the same for every VM.
    ///
    /// # Errors
    /// [`Status::BadArgument`] when the name is empty or exists with another type;
    /// [`Status::InternalFailure`] when there are too many.
    pub fn define(&mut self, kind: MetricType, name: &[u8]) -> Result<u32, Status> {
        let new = match kind {
            MetricType::Counter => Value::Counter(0),
            MetricType::Gauge => Value::Gauge(0),
            MetricType::Histogram => Value::Histogram { count: 0, sum: 0 },
        };
        let found = self.metrics.iter().position(|(n, _)| n == name);
        let at = match found.and_then(|at| self.metrics.get(at)) {
            Some((_, old)) if std::mem::discriminant(old) != std::mem::discriminant(&new) => {
                return Err(Status::BadArgument);
            }
            Some(_) => found.unwrap_or_default(),
            None if name.is_empty() => return Err(Status::BadArgument),
            None if self.metrics.len() >= self.most => return Err(Status::InternalFailure),
            None => {
                self.metrics.push((name.to_vec(), new));
                self.metrics.len().saturating_sub(1)
            }
        };
        u32::try_from(at).or(Err(Status::InternalFailure))
    }

    /// Adds to a counter or a gauge; saturates.
    ///
    /// # Errors
    /// [`Status::NotFound`] without such a metric, [`Status::BadArgument`] for a histogram or a
    /// counter that would shrink.
    pub fn increment(&mut self, id: u32, by: i64) -> Result<(), Status> {
        match self.get_mut(id)? {
            Value::Counter(value) if by >= 0 => *value = value.saturating_add_signed(by),
            Value::Gauge(value) => *value = value.saturating_add_signed(by),
            _ => return Err(Status::BadArgument),
        }
        Ok(())
    }

    /// Sets a counter or a gauge, or puts a value into a histogram.
    ///
    /// # Errors
    /// [`Status::NotFound`] without such a metric.
    pub fn record(&mut self, id: u32, new: u64) -> Result<(), Status> {
        match self.get_mut(id)? {
            Value::Counter(value) | Value::Gauge(value) => *value = new,
            Value::Histogram { count, sum } => {
                *count = count.saturating_add(1);
                *sum = sum.saturating_add(new);
            }
        }
        Ok(())
    }

    /// The value of a counter or a gauge.
    ///
    /// # Errors
    /// [`Status::NotFound`] without such a metric, [`Status::BadArgument`] for a histogram.
    pub fn get(&self, id: u32) -> Result<u64, Status> {
        let at = usize::try_from(id).or(Err(Status::NotFound))?;
        match self.metrics.get(at).ok_or(Status::NotFound)?.1 {
            Value::Counter(value) | Value::Gauge(value) => Ok(value),
            Value::Histogram { .. } => Err(Status::BadArgument),
        }
    }

    /// Looks a metric up by name.
    pub fn find(&self, name: impl AsRef<[u8]>) -> Option<Value> {
        self.metrics.iter().find(|(n, _)| n == name.as_ref()).map(|(_, value)| *value)
    }

    /// All metrics, in the order of their definition.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Value)> {
        self.metrics.iter().map(|(name, value)| (name.as_slice(), *value))
    }

    fn get_mut(&mut self, id: u32) -> Result<&mut Value, Status> {
        let at = usize::try_from(id).or(Err(Status::NotFound))?;
        self.metrics.get_mut(at).map(|(_, value)| value).ok_or(Status::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_keep_their_type() {
        let mut registry = Registry::new(3);
        let counter = registry.define(MetricType::Counter, b"c").unwrap();
        let gauge = registry.define(MetricType::Gauge, b"g").unwrap();
        let histogram = registry.define(MetricType::Histogram, b"h").unwrap();
        assert_eq!(registry.define(MetricType::Counter, b"c"), Ok(counter));
        assert_eq!(registry.define(MetricType::Gauge, b"c"), Err(Status::BadArgument));
        assert_eq!(registry.define(MetricType::Gauge, b""), Err(Status::BadArgument));
        assert_eq!(registry.define(MetricType::Gauge, b"d"), Err(Status::InternalFailure));

        assert_eq!(registry.increment(counter, 2), Ok(()));
        assert_eq!(registry.increment(counter, -1), Err(Status::BadArgument));
        assert_eq!(registry.increment(gauge, -1), Ok(()));
        assert_eq!(registry.record(gauge, 7), Ok(()));
        assert_eq!(registry.increment(gauge, -1), Ok(()));
        assert_eq!(registry.record(histogram, 5), Ok(()));
        assert_eq!(registry.record(histogram, u64::MAX), Ok(()));
        assert_eq!(registry.increment(histogram, 1), Err(Status::BadArgument));
        assert_eq!(registry.get(histogram), Err(Status::BadArgument));
        for id in [3, u32::MAX] {
            assert_eq!(registry.get(id), Err(Status::NotFound));
            assert_eq!(registry.record(id, 1), Err(Status::NotFound));
        }

        assert_eq!(registry.get(counter), Ok(2));
        assert_eq!(registry.find("g"), Some(Value::Gauge(6)));
        assert_eq!(registry.find("h"), Some(Value::Histogram { count: 2, sum: u64::MAX }));
        assert_eq!(registry.iter().count(), 3);
    }
}
