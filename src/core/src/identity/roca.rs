//! RSA keys of a broken generator.
//!
//! Infineon's library made primes of the form `k * M + 65537^a mod M`, where `M` is a product of
//! the first primes; such moduli can be factored (ROCA, CVE-2017-15361). So `n mod p` is a power
//! of 65537 for every small `p`, which for another modulus happens about once in 2^27.

/// Odd primes up to 167. Two is left out: every modulus is odd.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the big-endian modulus carries the fingerprint.
pub(super) fn is_vulnerable(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&p| is_power(remainder(modulus, p), p))
}

#[expect(clippy::arithmetic_side_effects, reason = "below 167 * 256 + 255; p is never zero")]
fn remainder(modulus: &[u8], p: u32) -> u32 {
    modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % p)
}

/// Whether `x` is a power of 65537 modulo the prime `p`.
#[expect(clippy::arithmetic_side_effects, reason = "below 167 * 167; p is never zero")]
fn is_power(x: u32, p: u32) -> bool {
    let generator = 65_537 % p;
    let mut power = 1;
    for _ in 0..p {
        if power == x {
            return true;
        }
        power = power * generator % p;
    }
    false
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "on constants")]
pub(super) mod tests {
    use super::*;

    /// A modulus of 2048 bits or more that carries the fingerprint: a multiple of all the primes,
    /// plus 65537.
    pub(in super::super) fn fingerprinted() -> Vec<u8> {
        let mut product: Vec<u8> = vec![1];
        for p in PRIMES {
            let mut carry = 0;
            for digit in product.iter_mut().rev() {
                carry += u32::from(*digit) * p;
                *digit = (carry & 0xff) as u8;
                carry >>= 8;
            }
            while carry > 0 {
                product.insert(0, (carry & 0xff) as u8);
                carry >>= 8;
            }
        }
        product.resize(255, 0);
        product.insert(0, 0);
        let len = product.len();
        product[len - 1] = 1;
        product[len - 3] = 1;
        product
    }

    #[test]
    fn powers_of_the_generator_are_found() {
        assert!(is_vulnerable(&fingerprinted()));
        assert!(is_vulnerable(&[1]));
        assert!(is_vulnerable(&65_537u32.to_be_bytes()));
    }

    #[test]
    fn other_numbers_are_not() {
        // 65537 is -1 modulo 11, so 2 is no power of it.
        assert!(!is_vulnerable(&[2]));
        let found = (0..10_000u32).filter(|n| is_vulnerable(&(n * 2 + 1).to_be_bytes())).count();
        assert_eq!(found, 1, "only 1 itself below 65537");
    }
}
