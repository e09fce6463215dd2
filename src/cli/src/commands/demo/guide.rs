//! What the demonstration tells people to try.

use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style};

/// A token and whose it is.
pub(super) struct Badge {
    pub name: &'static str,
    pub job: &'static str,
    pub token: String,
}

/// One thing to try: what it shows, and the command.
const STEPS: [(&str, &str); 8] = [
    ("Nobody passes without a token: 401, as an OpenAI error.", "curl -i {URL}/v1/models"),
    (
        "Alice may look: 200 and four models.",
        "curl -s {URL}/v1/models -H \"authorization: Bearer $ALICE\"",
    ),
    (
        "Alice may not prompt: 403, and the scope that is missing.",
        "curl -i {URL}/v1/chat/completions -H \"authorization: Bearer $ALICE\" \\\n     \
         -H 'content-type: application/json' \\\n     \
         -d '{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'",
    ),
    (
        "Bob may: the answer streams through, word by word.",
        "curl -N {URL}/v1/chat/completions -H \"authorization: Bearer $BOB\" \\\n     \
         -H 'content-type: application/json' \\\n     \
         -d '{\"model\":\"gpt-4o-mini\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'",
    ),
    (
        "A key in the answer is masked, though it comes in pieces: no piece shows it.",
        "curl -sN {URL}/v1/chat/completions -H \"authorization: Bearer $BOB\" \\\n     \
         -H 'content-type: application/json' \\\n     \
         -d '{\"model\":\"gpt-4o-mini\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"my key is AKIAIOSFODNN7EXAMPLE, keep it\"}]}' \\\n     \
         | grep -o '\"content\":\"[^\"]*\"'",
    ),
    (
        "Deleting a model is for Carol: Bob gets 403, and the scope that is missing.",
        "curl -i -X DELETE {URL}/v1/models/gpt-4o -H \"authorization: Bearer $BOB\"",
    ),
    (
        "Carol may, but not alone: her call waits for a second person, for two minutes at most. While it waits, open\n  \
         #    {INBOX}/login?subject=dave&scopes=autogen:approve\n  \
         #    log in as Dave, look at what exactly she is about to do, and approve: her call goes on, once.",
        "curl -i -X DELETE {URL}/v1/models/gpt-4o -H \"authorization: Bearer $CAROL\"",
    ),
    (
        "All of it is on record: who asked for what, who approved it, and what was said. In a browser:\n  \
         #    {INBOX}/login?subject=erin&scopes=scopewarden:audit:read\n  \
         #    log in as Erin, and go to {INBOX}/audit",
        "curl -sG {INBOX}/v1/audit/records --data-urlencode 'q=operation=openai.models.delete' \\\n     \
         -H \"authorization: Bearer $(curl -s {INBOX}/login/token -d subject=erin \\\n     \
         -d scopes=scopewarden:audit:read | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\"",
    ),
];

/// The guide as text with styles.
pub(super) fn text(url: &str, inbox: &str, badges: &[Badge], minutes: u64) -> String {
    let bold = Style::new().bold();
    let dim = Style::new().fg_color(Some(AnsiColor::BrightBlack.into()));
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n{bold}Tokens, good for {minutes} minutes. Paste these into another terminal:{bold:#}\n"
    );
    for badge in badges {
        let Badge { name, job, token } = badge;
        let _ = writeln!(out, "  {dim}# {name}, {job}{dim:#}");
        let _ = writeln!(out, "  export {}={token}", name.to_ascii_uppercase());
    }
    let _ = writeln!(out, "\n{bold}Then try:{bold:#}");
    for (n, (shows, command)) in (1..).zip(STEPS) {
        let command = command.replace("{URL}", url).replace("{INBOX}", inbox);
        let shows = shows.replace("{INBOX}", inbox);
        let _ = writeln!(out, "\n  {dim}# {n}. {shows}{dim:#}\n  {command}");
    }
    let _ = writeln!(out, "\n{bold}Decisions, as they are made (Ctrl-C ends the demo):{bold:#}\n");
    out
}
