//! Arithmetic that tells a number from any other: check digits, and how even letters are spread.

/// How card numbers of each network begin, and how long they are: first and last prefix of a range, digits in a prefix, lengths.
const NETWORKS: [(u32, u32, usize, &[u32]); 17] = [
    (4, 4, 1, &[13, 16, 18, 19]),
    (51, 55, 2, &[16]),
    (2221, 2720, 4, &[16]),
    (34, 34, 2, &[15]),
    (37, 37, 2, &[15]),
    (300, 305, 3, &[14, 16, 17, 18, 19]),
    (36, 36, 2, &[14, 15, 16, 17, 18, 19]),
    (38, 39, 2, &[14, 16, 17, 18, 19]),
    (6011, 6011, 4, &[16, 17, 18, 19]),
    (644, 659, 3, &[16, 17, 18, 19]),
    (622_126, 622_925, 6, &[16, 17, 18, 19]),
    (3528, 3589, 4, &[16, 17, 18, 19]),
    (62, 62, 2, &[16, 17, 18, 19]),
    (2200, 2204, 4, &[16, 17, 18, 19]),
    (5018, 5020, 4, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (6304, 6304, 4, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (1220, 1220, 4, &[15]),
];

/// How many of these digits, from the first on, are a payment card's number, as bits: bit 16 for the first sixteen. A card's number has the
/// range and a length of a network, and a check digit (Luhn, ISO/IEC 7812).
pub fn cards(digits: &[u8]) -> u32 {
    let mut lengths = 0_u32;
    if digits.len() >= 12 {
        for (low, high, length, of_network) in &NETWORKS {
            let prefix = digits
                .get(..*length)
                .unwrap_or_default()
                .iter()
                .fold(0_u32, |n, d| n.saturating_mul(10).saturating_add(u32::from(*d)));
            if (*low..=*high).contains(&prefix) {
                of_network.iter().for_each(|length| lengths |= 1_u32.wrapping_shl(*length));
            }
        }
    }
    if lengths == 0 {
        return 0;
    }
    let mut found = 0_u32;
    // Every second digit counts double, from the last one back: both ways to begin are summed up.
    let (mut plain, mut doubled) = (0_u32, 0_u32);
    for (count, digit) in (1_u32..).zip(digits.iter().take(19)) {
        let once = u32::from(*digit);
        let twice = once.saturating_mul(2);
        let twice = if twice > 9 { twice.saturating_sub(9) } else { twice };
        (plain, doubled) = (doubled.saturating_add(once), plain.saturating_add(twice));
        if plain.is_multiple_of(10) {
            found |= 1_u32.wrapping_shl(count);
        }
    }
    found & lengths
}

/// How long an IBAN of each country is (ISO 13616).
const IBAN_LENGTHS: &[u8] = b"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20";

/// The length of an IBAN of the country that these two letters name.
pub fn iban_length(country: [u8; 2]) -> Option<usize> {
    IBAN_LENGTHS.chunks_exact(4).find_map(|entry| match entry {
        [a, b, tens, ones] if [*a, *b] == country => {
            let digit = |d: &u8| usize::from(d.saturating_sub(b'0'));
            Some(digit(tens).saturating_mul(10).saturating_add(digit(ones)))
        }
        _ => None,
    })
}

/// Whether the check digits of an IBAN, without its spaces, are right: the number modulo 97 is 1.
pub fn iban(text: &[u8]) -> bool {
    let (head, tail) = text.split_at_checked(4).unwrap_or((text, &[]));
    let mut rest: u32 = 0;
    for byte in tail.iter().chain(head) {
        let (value, shift) = match byte {
            b'0'..=b'9' => (byte.saturating_sub(b'0'), 10),
            b'A'..=b'Z' => (byte.saturating_sub(b'A').saturating_add(10), 100),
            _ => return false,
        };
        rest = rest.saturating_mul(shift).saturating_add(u32::from(value)) % 97;
    }
    rest == 1
}

/// Shannon's entropy of bytes, in sixteenths of a bit for each: 0 for one byte over and over, 128 for all alike.
///
/// In whole numbers, so that it is the same on every machine.
pub fn entropy(bytes: &[u8]) -> u32 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let all = log2_256(total).saturating_mul(total);
    let each =
        counts.iter().fold(0_u32, |sum, n| sum.saturating_add(log2_256(*n).saturating_mul(*n)));
    all.saturating_sub(each).checked_div(total).unwrap_or_default() / 16
}

/// The logarithm to base 2, in units of 1/256, rounded down a little: straight lines between powers of two, bent.
fn log2_256(n: u32) -> u32 {
    let Some(whole) = n.checked_ilog2() else { return 0 };
    // The part after the leading bit, as 1/256.
    let rest = match whole {
        0..=8 => n.wrapping_shl(8_u32.saturating_sub(whole)) & 0xff,
        _ => n.wrapping_shr(whole.saturating_sub(8)) & 0xff,
    };
    // log2(1 + x) is above x by at most 0.086, in the shape of a parabola: 0.344 x (1 - x).
    let bend = rest.saturating_mul(256_u32.saturating_sub(rest)).saturating_mul(88) / (256 * 256);
    whole.saturating_mul(256).saturating_add(rest).saturating_add(bend)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_digit).map(|d| d.saturating_sub(b'0')).collect()
    }

    fn card(digits: &[u8]) -> bool {
        let length = u32::try_from(digits.len()).unwrap();
        cards(digits) >> length & 1 == 1
    }

    #[test]
    fn card_numbers() {
        for good in [
            "4111 1111 1111 1111",
            "4012888888881881",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "6304000000000000",
            "122000000000003",
            "5019717010103742",
        ] {
            assert!(card(&digits(good)), "{good}");
        }
        for bad in [
            "4111111111111112",
            "1700000000000",
            "1795507200123",
            "9999999999999995",
            "411111111111111",
            "",
        ] {
            assert!(!card(&digits(bad)), "{bad}");
        }
    }

    #[test]
    fn ibans() {
        for good in [
            "DE89370400440532013000",
            "GB29NWBK60161331926819",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ] {
            assert!(iban(good.as_bytes()), "{good}");
            assert_eq!(iban_length([good.as_bytes()[0], good.as_bytes()[1]]), Some(good.len()));
        }
        assert!(!iban(b"DE89370400440532013001") && !iban(b"") && !iban(b"DE8937040044053201300a"));
        assert_eq!(iban_length(*b"ZZ"), None);
    }

    #[test]
    fn entropy_is_within_a_sixteenth() {
        let exact = |text: &[u8]| {
            let n = text.len() as f64;
            let mut counts = [0.0; 256];
            text.iter().for_each(|b| counts[usize::from(*b)] += 1.0);
            -counts.iter().filter(|c| **c > 0.0).map(|c: &f64| c / n * (c / n).log2()).sum::<f64>()
        };
        for text in [
            "aaaaaaaa",
            "abababab",
            "correct horse battery",
            "q8Zx0-Lm2_Vt7RwY5sKd",
            "0123456789abcdef",
        ] {
            let found = f64::from(entropy(text.as_bytes())) / 16.0;
            let wanted = exact(text.as_bytes());
            assert!((found - wanted).abs() < 0.13, "{text}: {found} {wanted}");
        }
        assert_eq!(entropy(b""), 0);
    }
}
