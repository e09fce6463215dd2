//! Personal data in the spellings that people and machines have for them: each is found, and nothing besides. Prints how many.
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
fn found(detector: &str, what: &str, values: impl IntoIterator<Item = String>) {
    let rules = all();
    let (mut count, mut missed) = (0, Vec::new());
    for (value, (before, after)) in values.into_iter().zip(AROUND.into_iter().cycle()) {
        // A bracket before a telephone number is taken for its own.
        let before = if detector == "phone" { before.trim_end_matches('(') } else { before };
        let text = format!("{before}{value}{after}");
        let masked = whole(&rules, &text);
        if masked != format!("{before}<{detector}>{after}") {
            missed.push(format!("{text} gives {masked}"));
        }
        count += 1;
    }
    println!("{detector}: {} of {count} found: {what}", count - missed.len());
    assert_eq!(missed, [""; 0], "{what}");
}

/// Digits for the `#` of a template, and for its `N` those that a group begins with in North America.
fn filled(random: &mut Random, template: &str) -> String {
    let digit = |c| match c {
        '#' => random.text("0123456789", 1),
        'N' => random.text("23456789", 1),
        other => String::from(other),
    };
    template.chars().map(digit).collect()
}

/// Telephone numbers as each country writes them to others, and North America to itself.
const PHONES: [&str; 52] = [
    "+1 (N##) N##-####",
    "+1-N##-N##-####",
    "+1 N## N## ####",
    "+1.N##.N##.####",
    "+1N##N######",
    "(N##) N##-####",
    "(N##)N##-####",
    "N##-N##-####",
    "N##.N##.####",
    "+7 9## ###-##-##",
    "+20 2 #### ####",
    "+27 11 ### ####",
    "+30 21 #### ####",
    "+31 6 ########",
    "+32 2 ### ## ##",
    "+33 1 ## ## ## ##",
    "+33 (0)6 ## ## ## ##",
    "+34 9## ### ###",
    "+351 2## ### ###",
    "+353 1 ### ####",
    "+358 9 ### ####",
    "+36 1 ### ####",
    "+380 44 ### ####",
    "+39 06 #### ####",
    "+40 21 ### ####",
    "+41 44 ### ## ##",
    "+420 ### ### ###",
    "+43 1 ### ####",
    "+44 20 7### ####",
    "+44 (0)20 7### ####",
    "+447#########",
    "+45 ## ## ## ##",
    "+46 8 ### ### ##",
    "+47 ## ## ## ##",
    "+48 ## ### ## ##",
    "+49 30 ######",
    "+49 (0)30 ########",
    "+49 (0)151 #######",
    "+52 55 #### ####",
    "+54 11 ####-####",
    "+55 (11) 9####-####",
    "+61 2 #### ####",
    "+62 21 #### ####",
    "+64 9 ### ####",
    "+65 6### ####",
    "+81 3-####-####",
    "+82 2-####-####",
    "+86 1## #### ####",
    "+90 5## ### ## ##",
    "+91 9#### #####",
    "+234 80# ### ####",
    "+972 2-###-####",
];

#[test]
fn telephone_numbers_as_countries_write_them() {
    let mut random = Random(31);
    let each = PHONES.iter().flat_map(|template| std::iter::repeat_n(template, 41));
    found(
        "phone",
        "telephone numbers of 37 countries",
        each.map(|template| filled(&mut random, template)),
    );
}

#[test]
fn social_security_numbers_that_are_issued_and_that_are_not() {
    let mut random = Random(37);
    let mut number = |area: usize| {
        let between = ["-", " "][random.below(2)];
        format!(
            "{area:03}{between}{:02}{between}{:04}",
            1 + random.below(99),
            1 + random.below(9999)
        )
    };
    let issued = (1..900).filter(|area| *area != 666);
    found("ssn", "numbers of every area that is issued", issued.map(&mut number));
    let rules = all();
    let never = (900..1000).chain([0, 666]).map(number);
    let zeros =
        (1..200).flat_map(|area| [format!("{area:03}-00-1234"), format!("{area:03}-12-0000")]);
    for text in never.chain(zeros) {
        assert_eq!(whole(&rules, &text), text);
    }
}

#[test]
fn mail_addresses() {
    let mut random = Random(41);
    let parts = [
        "bob",
        "x",
        "ana.maria",
        "o'neil",
        "first_last",
        "sales+eu",
        "no-reply",
        "j.r.r",
        "user%dept",
        "42",
        "Bob.Smith",
    ];
    let hosts = [
        "example",
        "mail.example",
        "a-b",
        "x1",
        "mx.eu-west-1.example",
        "xn--bcher-kva",
        "EXAMPLE",
        "9gag",
    ];
    let tops = ["com", "org", "de", "co.uk", "io", "museum", "photography", "xn--p1ai", "COM"];
    let mut of = |all: &[&str]| all[random.below(all.len())].to_owned();
    let values = (0..4000)
        .map(|n| format!("{}{}@{}.{}", of(&parts), ["", "7", "_x"][n % 3], of(&hosts), of(&tops)));
    found("email", "addresses", values.collect::<Vec<_>>());
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
fn addresses_in_many_spellings() {
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
    found("ip", "addresses of version 6", values);
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
    found("ip", "addresses of version 4 within those of version 6", embedded);
    let four = (0..2000).map(|_| {
        let first = [1 + random.below(126), 128 + random.below(128)][random.below(2)];
        format!("{first}.{}.{}.{}", random.below(256), random.below(256), random.below(256))
    });
    found("ip", "addresses of version 4", four.collect::<Vec<_>>());
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
