//! Personal data in the spellings that people and machines have for them: each is found, and nothing besides.
#![expect(clippy::arithmetic_side_effects, reason = "on generated text")]

use std::net::{Ipv4Addr, Ipv6Addr};

use super::tests::{Random, all, whole};

/// What stands around a value.
const AROUND: [(&str, &str); 8] = [
    ("", ""),
    ("at ", "."),
    ("(", ")"),
    ("\"", "\","),
    ("is: ", "\n"),
    ("x=", "; y"),
    ("<", ">"),
    ("see ", ", or not"),
];

/// Each value is masked as a whole, and what stands around it is not.
fn found(detector: &str, values: impl IntoIterator<Item = String>) {
    let rules = all();
    for (value, (before, after)) in values.into_iter().zip(AROUND.into_iter().cycle()) {
        let text = format!("{before}{value}{after}");
        assert_eq!(whole(&rules, &text), format!("{before}<{detector}>{after}"), "{text}");
    }
}

/// An address in one of the blocks that are in use.
fn ipv6(random: &mut Random) -> Ipv6Addr {
    let first = match random.below(5) {
        0 => 0xfc00 + random.below(0x200),
        1 => 0xfe80 + random.below(0x40),
        2 => 0xff00 + random.below(0x100),
        _ => 0x2000 + random.below(0x2000),
    };
    let mut groups = [0; 8];
    for group in &mut groups {
        // Many addresses have zeros in a row, which is what can be left out.
        *group =
            u16::try_from([0, 0, random.below(0x100), random.below(0x1_0000)][random.below(4)])
                .unwrap();
    }
    groups[0] = u16::try_from(first).unwrap();
    if groups[1..4] == [0; 3] {
        groups[1] = 0xdb8;
    }
    Ipv6Addr::from(groups)
}

#[test]
fn ipv6_in_many_spellings() {
    let mut random = Random(23);
    let values = (0..4000).map(|n| {
        let address = ipv6(&mut random);
        let groups = address.segments().map(|group| format!("{group:x}"));
        let padded = address.segments().map(|group| format!("{group:04x}"));
        let [.., a, b, c, d] = address.octets();
        match n % 7 {
            // RFC 5952's.
            0 => address.to_string(),
            1 => address.to_string().to_uppercase(),
            2 => groups.join(":"),
            3 => padded.join(":"),
            4 => padded.join(":").to_uppercase(),
            // Any run of zeros left out, here the last one.
            5 => groups.join(":").rsplit_once(":0:").map_or_else(
                || groups.join(":"),
                |(before, after)| format!("{before}::{after}").replace(":::", "::"),
            ),
            _ => format!("{}:{}.{}.{}.{}", groups[..6].join(":"), a, b, c, d),
        }
    });
    found("ip", values);
    let embedded = (0..500).flat_map(|n| {
        let four = Ipv4Addr::from([1 + (n % 126) as u8, n as u8, (n / 3) as u8, 7]);
        let [a, b, c, d] = four.octets();
        let hex = format!("{a:x}{b:02x}:{c:x}{d:02x}");
        [
            format!("::ffff:{four}"),
            format!("::FFFF:{hex}"),
            format!("0:0:0:0:0:ffff:{hex}"),
            format!("0000:0000:0000:0000:0000:ffff:{four}"),
            format!("64:ff9b::{four}"),
            format!("64:ff9b::{hex}"),
        ]
    });
    found("ip", embedded);
}

#[test]
fn ipv6_and_what_belongs_to_it() {
    let rules = all();
    let mut random = Random(29);
    for _ in 0..500 {
        let address = ipv6(&mut random);
        for (before, after) in [
            ("[", "]:8443"),
            ("http://[", "]/a?b=c"),
            ("", "/64"),
            ("", "%eth0"),
            ("[", "%25en1]:80"),
            ("ip:", ""),
            ("inet6 addr:", " scope"),
            ("from ", ": refused"),
            ("IP6 ", ".443 > "),
            ("at ", "...\n"),
            ("", "-"),
        ] {
            let text = format!("{before}{address}{after}");
            assert_eq!(whole(&rules, &text), format!("{before}<ip>{after}"), "{text}");
        }
        // Without brackets, a port is one where it cannot be a group.
        let full = address.segments().map(|group| format!("{group:x}")).join(":");
        assert_eq!(whole(&rules, &format!("{full}:443")), "<ip>:443");
        let port = whole(&rules, &format!("{full}:50000,"));
        assert_eq!(port, "<ip>:50000,");
    }
}
