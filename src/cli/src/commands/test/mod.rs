//! `scopewarden test`.

mod file;
mod run;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::load::{self, Loaded};
use crate::source::os_reason;
use file::File;

/// Run policy tests: requests, and what a policy has to say of them.
///
/// No token is needed: a test says who calls, with which scopes and groups.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden test tests/\n  \
    scopewarden test tests/readers.yaml --junit report.xml\n\n\
    Exit status: 0 all passed, 1 a test failed or cannot be run, 2 wrong command line.")]
pub struct Args {
    /// Files of tests, and folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// How to say what failed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write a JUnit report to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<String>,
    /// Name the tests that passed, too
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Human,
    /// GitHub annotations
    Github,
}

/// Runs the command.
///
/// # Errors
/// When a file is not one of tests, or its policy has errors.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let mut names = Vec::new();
    for name in &args.files {
        collect(name, &mut names)?;
    }
    let mut policies: BTreeMap<String, Loaded> = BTreeMap::new();
    let mut ran = Vec::new();
    for name in &names {
        let file = File::read(name)?;
        if !policies.contains_key(&file.policy) {
            policies.insert(file.policy.clone(), load::policy(&file.policy, io)?);
        }
        if let Some(loaded) = policies.get(&file.policy) {
            ran.extend(run::run(&file, &loaded.policy)?);
        }
    }
    if ran.is_empty() {
        return Err(Failure::new("there is no test in what was given"));
    }
    if let Some(report) = &args.junit {
        std::fs::write(report, write::junit(&ran))
            .map_err(|e| Failure::new(format!("cannot write `{report}`: {}", os_reason(&e))))?;
    }
    match args.format {
        Format::Human => write::human(&ran, args.verbose, io.out)?,
        Format::Github => write::github(&ran, io.out)?,
    }
    Ok(if write::failed(&ran) == 0 { Exit::Success } else { Exit::Failure })
}

/// A file; of a folder, all that look like files of tests.
fn collect(name: &str, names: &mut Vec<String>) -> Result<(), Failure> {
    let path = Path::new(name);
    if !path.is_dir() {
        names.push(name.to_owned());
        return Ok(());
    }
    let unreadable =
        |e: std::io::Error| Failure::new(format!("cannot read `{name}`: {}", os_reason(&e)));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        found.push(entry.map_err(unreadable)?.path());
    }
    found.sort();
    for path in found {
        let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        let name = path.display().to_string();
        if path.is_dir() || (yaml && has_cases(&name)) {
            collect(&name, names)?;
        }
    }
    Ok(())
}

/// Policies live beside their tests: only what has `cases` is taken for a file of tests.
fn has_cases(name: &str) -> bool {
    let source = crate::source::Source::open(name);
    source.is_ok_and(|source| source.tree.is_some_and(|tree| tree.member("cases").is_some()))
}
