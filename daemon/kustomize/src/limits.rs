//! How much a build may cost, whatever the repository holds.

/// Bounds on one build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files read, one read twice counted twice.
    pub bytes: usize,
    /// Objects at any time.
    pub objects: usize,
    /// Kustomizations visited, one visited twice counted twice.
    pub kustomizations: usize,
    /// Bases below bases.
    pub nesting: usize,
    /// What patches, labels, annotations, names and images may write in all: bytes of text, and 16 a value.
    pub written: usize,
    /// Bounds on each file.
    pub yaml: taffrail_yaml::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 128 << 20,
            objects: 100_000,
            kustomizations: 2_000,
            nesting: 50,
            written: 1 << 30,
            yaml: taffrail_yaml::Limits::default(),
        }
    }
}
