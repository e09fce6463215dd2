//! Suites and their policies from files.

use std::path::Path;

use scopewarden_core::node::Node;
use serde::de::DeserializeOwned;

use super::Suite;

/// Reads a suite; a `policy` that is a string is the path of a policy, relative to the suite's folder.
///
/// # Errors
/// A sentence that starts with the file's name.
pub fn load(path: &Path) -> Result<Suite, String> {
    let mut suite: Suite = read(path)?;
    if let Node::String(relative) = &suite.policy {
        suite.policy = read(&path.with_file_name("").join(relative))?;
    }
    Ok(suite)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("{name}: {e}"))?;
    serde_saphyr::from_str(&text).map_err(|e| format!("{name}: {e}"))
}
