//! How much YAML is read before giving up: hostile input costs at most this.

/// Bounds on one file. Every bound counts after aliases are expanded, so a "YAML bomb" hits it early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Scalars, sequences and mappings, keys included.
    pub nodes: usize,
    /// Nesting of sequences and mappings.
    pub depth: usize,
    /// Documents in one file.
    pub documents: usize,
}

impl Default for Limits {
    /// Enough for the largest manifests in the wild (a 12 MB install file has about a million nodes).
    fn default() -> Self {
        Self { bytes: 32 << 20, nodes: 4_000_000, depth: 100, documents: 20_000 }
    }
}
