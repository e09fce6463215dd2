//! What the host lends to requests that wait for approval.

use scopewarden_core::approval::Gate;
use scopewarden_core::policy::Policy;

use crate::host::{self, Level};

/// Random numbers of the host, and its shared data, where the policy in force is noted under its name.
///
/// A request that is held through a reload stays in the VM of the configuration it came under. The shared data is how that
/// VM learns that another configuration has taken over.
pub(crate) struct HostGate;

fn key(policy: &Policy) -> String {
    format!("scopewarden.policy.{}", policy.name)
}

impl Gate for HostGate {
    fn nonce(&self) -> Option<[u8; 16]> {
        host::random()
    }

    fn enter(&self, policy: &Policy) {
        if !self.in_force(policy)
            && host::set_shared_data(&key(policy), policy.hash.as_bytes(), host::ANY_VERSION)
                .is_err()
        {
            host::log(Level::Error, "this host shares no data, so what is held cannot be released");
        }
    }

    fn in_force(&self, policy: &Policy) -> bool {
        host::shared_data(&key(policy)).is_ok_and(|(hash, _)| hash == policy.hash.as_bytes())
    }
}
