//! `bench-core`: what core costs by itself, natively, as figures in JSON. `make bench` puts them into its table.
//!
//! Every figure has one value a round; sides of a ratio take turns within a round, so that what slows the machine slows both.

mod fixture;

use std::error::Error;
use std::hint::black_box;

use cpu_time::ThreadTime;
use fixture::{Caller, Naming};
use scopewarden_core::policy::Policy;
use serde_json::{Value, json};

const ROUNDS: usize = 31;
const FEW: usize = 10;
const MANY: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let figures = [match_flat()?, decide()?, body()?, compile()?].concat();
    println!("{}", Value::from(figures));
    Ok(())
}

/// Nanoseconds of CPU time of one `work`, from a batch of `times`.
fn time(times: u32, mut work: impl FnMut()) -> f64 {
    let start = ThreadTime::now();
    for _ in 0..times {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

fn figure(name: &str, values: Vec<f64>, unit: &str, target: Option<f64>) -> Value {
    json!({"name": name, "values": values, "unit": unit, "target": target})
}

/// Reading a path and finding its operation, among few and among many.
fn match_flat() -> Result<Vec<Value>, Box<dyn Error>> {
    let (few, many) = (Naming::among(FEW)?, Naming::among(MANY)?);
    let mut ratios = Vec::new();
    let (mut few_ns, mut many_ns) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let a = time(200, || few.name_all()) / few.requests();
        let b = time(200, || many.name_all()) / many.requests();
        // The first round warms up.
        if round > 0 {
            ratios.push(b / a);
            few_ns.push(a);
            many_ns.push(b);
        }
    }
    Ok(vec![
        figure("match.flat", ratios, "ratio", Some(1.3)),
        figure("match.10_ns", few_ns, "ns", None),
        figure("match.10000_ns", many_ns, "ns", None),
    ])
}

/// A whole exchange on the allow path: head in, token remembered, effects out.
fn decide() -> Result<Vec<Value>, Box<dyn Error>> {
    let mut caller = Caller::new()?;
    caller.allowed("GET", "/v1/models", None)?;
    let values = (0..ROUNDS)
        .map(|_| time(2000, || drop(black_box(caller.allowed("GET", "/v1/models", None)))))
        .collect();
    Ok(vec![figure("decide.ns", values, "ns", None)])
}

/// The same with a chat completion of 64 KiB that is read and judged.
fn body() -> Result<Vec<Value>, Box<dyn Error>> {
    let mut caller = Caller::new()?;
    let chat = fixture::chat(64 * 1024)?;
    let path = "/v1/chat/completions";
    caller.allowed("POST", path, Some(&chat))?;
    let values = (0..ROUNDS)
        .map(|_| time(100, || drop(black_box(caller.allowed("POST", path, Some(&chat))))) / 1000.0)
        .collect();
    Ok(vec![figure("decide.body64k_us", values, "µs", None)])
}

/// Compiling a policy with every pack.
fn compile() -> Result<Vec<Value>, Box<dyn Error>> {
    let document = fixture::document(0)?;
    let values = (0..ROUNDS)
        .map(|_| time(5, || drop(black_box(Policy::compile(&document)))) / 1e6)
        .collect();
    Ok(vec![figure("config.compile_native_ms", values, "ms", None)])
}
