//! What is masked while it is measured. Made up from seeds, so that every run has the same.

use serde_json::{Value, json};

/// Numbers that look random, the same each time (xorshift, Marsaglia 2003).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0.wrapping_shl(13);
        self.0 ^= self.0.wrapping_shr(7);
        self.0 ^= self.0.wrapping_shl(17);
        self.0
    }

    /// A number below another.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or_default()
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        let length = u64::try_from(all.len()).unwrap_or(1);
        usize::try_from(self.below(length))
            .ok()
            .and_then(|at| all.get(at))
            .copied()
            .unwrap_or_default()
    }
}

/// The commonest words of English, more or less as common as they are, and some of the trade.
const WORDS: &str = "the the the the the the of of of and and and to to to a a a in in is is that that it it for for was was on on as as \
    with be by at this have from or had not are but what were when we there can an your which their said if do will each about how up out \
    them then she many some so these would other into has more her two like him see time could no make than first been its who now people \
    my made over did down only way find use may water long little very after words called just where most know get through back much go \
    good new write our me man too any day same right look think also around another came come work three word must because does part even \
    place well such here take why help put different away again off went old number great tell men say small every found still between \
    name should home big give air line set own under read last never us left end along while might next sound below saw something thought \
    both few those always show large often together asked house world going want school important until form food keep children feet land \
    side without boy once animal life enough took four head above kind began almost live page got earth need far hand high year mother \
    light country father let night picture being study second soon story since white ever paper hard near sentence better best across \
    during today however sure knew try told young sun thing whole hear example heard several change answer room sea against top turned \
    learn point city play toward five himself usually money seen didn't car morning I'm body upon family later turn move face door cut \
    done group true half red fish plants model token agent prompt response server request message function error value parameter";

/// English, as a model writes it, without anything to find: about so many bytes.
pub fn prose(random: &mut Random, bytes: usize) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut text = String::with_capacity(bytes);
    while text.len() < bytes {
        let mut sentence = String::new();
        for n in 0..random.below(14).saturating_add(4) {
            if n > 0 {
                sentence.push_str(if random.below(12) == 0 { ", " } else { " " });
            }
            sentence.push_str(random.of(&words));
        }
        let (first, rest) = sentence.split_at_checked(1).unwrap_or(("", &sentence));
        text.push_str(&first.to_uppercase());
        text.push_str(rest);
        match random.below(20) {
            0 => text.push_str(&format!(" ({}).", random.below(2100))),
            1 => text.push_str("?\n\n"),
            2 => text.push_str(":\n- "),
            _ => text.push_str(". "),
        }
    }
    text
}

/// A list as an API answers it: messages with ids, times, numbers and text, a secret or something personal in every tenth.
pub fn document(random: &mut Random, bytes: usize) -> String {
    let mut data: Vec<Value> = Vec::new();
    let mut length = 0;
    while length < bytes {
        let at = random.below(1_000_000_000);
        let content = match random.below(10) {
            0 => format!("{} Write to ana.{at}@example.com.", prose(random, 60)),
            _ => {
                let length = random.below(240);
                prose(random, usize::try_from(length).unwrap_or_default())
            }
        };
        let item = json!({
            "id": format!("msg_{:016x}{:08x}", random.next(), at),
            "object": "thread.message",
            "created_at": 1_700_000_000_u64.saturating_add(at),
            "updated_at": format!("2026-11-{:02}T10:{:02}:{:02}.{:06}Z", random.below(28) + 1, random.below(60), random.below(60), random.below(1_000_000)),
            "role": random.of(&["user", "assistant", "tool"]),
            "model": "gpt-4o-mini-2026-07-18",
            "content": [{"type": "text", "text": {"value": content, "annotations": []}}],
            "usage": {"prompt_tokens": random.below(4000), "completion_tokens": random.below(900), "cached": null},
            "temperature": 0.7,
            "metadata": {"session": at.to_string(), "final": random.below(2) == 1},
        });
        length = length.saturating_add(item.to_string().len());
        data.push(item);
    }
    json!({"object": "list", "data": data, "has_more": false}).to_string()
}

/// Events of a chat completion as it streams, each of 283 bytes on average: English in deltas of a token.
pub fn events(random: &mut Random, bytes: usize) -> Vec<String> {
    let text = prose(random, bytes.checked_div(60).unwrap_or_default());
    let mut events = Vec::new();
    let mut length = 0;
    for token in text.split_inclusive(' ') {
        let delta = json!({
            "id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012", "object": "chat.completion.chunk", "created": 1_795_500_000, "model": "gpt-4o-mini-2026-07-18",
            "service_tier": "default", "system_fingerprint": "fp_0123456789", "obfuscation": "aB3dE5fG7hI9",
            "choices": [{"index": 0, "delta": {"content": token}, "logprobs": null, "finish_reason": null}],
        });
        let event = format!("data: {delta}\n\n");
        length = event.len().saturating_add(length);
        events.push(event);
        if length >= bytes {
            break;
        }
    }
    events
}
