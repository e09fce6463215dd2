//! A page of Markdown as a script: its files and its commands.

use std::fmt::Write as _;

/// What a page holds, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that is only read.
    Text(String),
    /// A block after `<!-- file: NAME -->`: written before the next command runs.
    File {
        /// Relative to where commands run.
        name: String,
        /// All of it.
        content: String,
    },
    /// A block of ```` ```console ```` that starts with `$ `, unless `<!-- demo -->` stands before it: those need a
    /// running demo, and `tests/e2e/test_demo.py` runs them.
    Console {
        /// Its indentation, which commands and output do not have.
        indent: String,
        /// Its commands.
        commands: Vec<Command>,
    },
}

/// A command and what it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// What follows `$ `, with its continuation lines.
    pub line: String,
    /// Standard output and standard error, as they come. `...` is any lines, `[..]` any text.
    pub output: String,
    /// After `? `.
    pub status: i32,
}

/// Splits a page.
pub fn parse(page: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut lines = page.split_inclusive('\n');
    let mut comment = "";
    while let Some(line) = lines.next() {
        text.push_str(line);
        let trimmed = line.trim();
        if let Some(inner) = trimmed.strip_prefix("<!-- ").and_then(|l| l.strip_suffix(" -->")) {
            comment = inner;
            continue;
        }
        let Some(language) = trimmed.strip_prefix("```").filter(|language| !language.is_empty())
        else {
            if !trimmed.is_empty() {
                comment = "";
            }
            continue;
        };
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let body: Vec<&str> = lines.by_ref().take_while(|l| l.trim() != "```").collect();
        let content: String = body.iter().map(|l| l.strip_prefix(&indent).unwrap_or(l)).collect();
        let comment = std::mem::take(&mut comment);
        if language == "console" && content.starts_with("$ ") && comment != "demo" {
            // The fence belongs to the block.
            text.truncate(text.len().saturating_sub(line.len()));
            pieces.push(Piece::Text(std::mem::take(&mut text)));
            pieces.push(Piece::Console { indent, commands: commands(&content) });
            continue;
        }
        text.extend(body);
        let _ = writeln!(text, "{indent}```");
        if let Some(name) = comment.strip_prefix("file: ") {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
            pieces.push(Piece::File { name: name.to_owned(), content });
        }
    }
    pieces.push(Piece::Text(text));
    pieces
}

fn commands(block: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for line in block.split_inclusive('\n') {
        if let Some(line) = line.strip_prefix("$ ") {
            commands.push(Command { line: line.trim_end().to_owned(), ..Command::default() });
            continue;
        }
        let Some(command) = commands.last_mut() else { continue };
        if command.output.is_empty()
            && let Some(line) = line.strip_prefix("> ")
        {
            command.line = format!("{}\n{}", command.line, line.trim_end());
        } else if command.output.is_empty()
            && let Some(Ok(status)) = line.strip_prefix("? ").map(|s| s.trim().parse())
        {
            command.status = status;
        } else {
            command.output.push_str(line);
        }
    }
    commands
}

/// Puts a page together again.
pub fn print(pieces: &[Piece]) -> String {
    let mut page = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => page.push_str(text),
            // Its text stands before it.
            Piece::File { .. } => {}
            Piece::Console { indent, commands } => {
                let mut block = String::from("```console\n");
                for command in commands {
                    let _ = writeln!(block, "$ {}", command.line.replace('\n', "\n> "));
                    if command.status != 0 {
                        let _ = writeln!(block, "? {}", command.status);
                    }
                    block.push_str(&command.output);
                }
                block.push_str("```\n");
                for line in block.split_inclusive('\n') {
                    page.push_str(if line == "\n" { "" } else { indent });
                    page.push_str(line);
                }
            }
        }
    }
    page
}

#[test]
fn pages_are_split_and_put_together() {
    let page = "# T\n\n<!-- file: a/p.yaml -->\n```yaml\nx: 1\n```\n\n1. do\n   ```console\n   $ one \\\n   > two\n   ? 3\n   out\n\n   more\n   $ three\n   ```\n\n```sh\nnot run\n```\n\n<!-- demo -->\n```console\n$ not here\n```\nend\n";
    let pieces = parse(page);
    assert_eq!(print(&pieces), page);
    assert_eq!(pieces[1], Piece::File { name: "a/p.yaml".into(), content: "x: 1\n".into() });
    let Piece::Console { commands, .. } = &pieces[3] else { panic!("{pieces:?}") };
    let first = Command { line: "one \\\ntwo".into(), output: "out\n\nmore\n".into(), status: 3 };
    let second = Command { line: "three".into(), ..Command::default() };
    assert_eq!(commands, &[first, second]);
}
