//! Pages whose commands are run: what they print has to be what the page says.
//!
//! `UPDATE_PAGES=1 cargo test` writes what was printed into the pages instead.
#![expect(clippy::unwrap_used, clippy::panic, reason = "this is a test, outside of its function")]

mod page;

use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use page::{Command, Piece};
use snapbox::assert::Action;

/// Where the repository is.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs every command of a page, in a folder of its own that starts with the files of `files`.
///
/// Commands are given to bash, with the program on the path.
pub fn run(page: &Path, files: Option<&Path>) {
    let text = std::fs::read_to_string(page).unwrap();
    let mut pieces = page::parse(&text);
    let folder = tempfile::tempdir().unwrap();
    if let Some(files) = files {
        for file in std::fs::read_dir(files).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
    }
    let mut failures = Vec::new();
    for piece in &mut pieces {
        match piece {
            Piece::Text(_) => {}
            Piece::File { name, content } => {
                let path = folder.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            Piece::Console { commands, .. } => {
                for command in commands {
                    let happened = execute(&command.line, folder.path());
                    if let Err(difference) = compare(command, &happened) {
                        failures.push(difference);
                        *command = happened;
                    }
                }
            }
        }
    }
    if failures.is_empty() {
        return;
    }
    if std::env::var_os("UPDATE_PAGES").is_some() {
        std::fs::write(page, page::print(&pieces)).unwrap();
        return;
    }
    panic!("{}:\n\n{}", page.display(), failures.join("\n"));
}

/// Runs one command; what it printed and how it ended.
fn execute(line: &str, folder: &Path) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_scopewarden")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Process::new("bash")
        // One stream, in the order in which a terminal would show it.
        .args(["-c", &format!("exec 2>&1\n{line}")])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", program.display()))
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Command {
        line: line.to_owned(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        status: output.status.code().unwrap_or(-1),
    }
}

/// Whether what happened is what the page says.
fn compare(expected: &Command, happened: &Command) -> Result<(), String> {
    let said = format!("status {}\n{}", expected.status, expected.output);
    let seen = format!("status {}\n{}", happened.status, happened.output);
    snapbox::Assert::new()
        .action(Action::Verify)
        .try_eq(Some(&expected.line), seen.into(), said.into())
        .map_err(|difference| difference.to_string())
}
