//! Signature checks by the host: Envoy's `verify_signature` foreign function.
//!
//! Its argument and result are small protobuf messages, written here by hand:
//! `{1: hash name, 2: public key as DER SPKI, 3: signature, 4: text}` and `{1: bool result}`.

use std::cell::Cell;

use scopewarden_core::identity::{Hash, HostSignatures};

use crate::host;

/// Asks the host, until it says that it has no such function.
#[derive(Default)]
pub(crate) struct HostVerifier {
    absent: Cell<bool>,
}

const NOT_FOUND: host::Status = 1;
const UNIMPLEMENTED: host::Status = 12;

impl HostVerifier {
    fn verify(&self, hash: Hash, spki: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
        if self.absent.get() {
            return None;
        }
        let mut argument = Vec::with_capacity(
            spki.len()
                .saturating_add(message.len())
                .saturating_add(signature.len())
                .saturating_add(32),
        );
        for (field, value) in [(1, hash.name().as_bytes()), (2, spki), (3, signature), (4, message)]
        {
            bytes_field(&mut argument, field, value);
        }
        match host::call_foreign("verify_signature", &argument) {
            Ok(result) => Some(result.starts_with(&[0x08, 0x01])),
            Err(NOT_FOUND | UNIMPLEMENTED) => {
                self.absent.set(true);
                None
            }
            Err(_) => None,
        }
    }
}

impl HostSignatures for HostVerifier {
    fn verify_rsa_pkcs1(
        &self,
        hash: Hash,
        spki: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        self.verify(hash, spki, message, signature)
    }

    fn verify_ecdsa(
        &self,
        hash: Hash,
        spki: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        self.verify(hash, spki, message, signature)
    }
}

/// A length-delimited protobuf field.
fn bytes_field(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | 2);
    let mut length = value.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(value);
}
