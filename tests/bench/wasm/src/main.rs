//! `bench-wasm MODULE`: what masking costs in wasmtime and natively, as figures in JSON. `make bench` puts them into its table.
//!
//! Sides of a ratio take turns within a round, so that what slows the machine slows both. Times are CPU times of the thread, but for
//! single events: those are too short for its clock, and are measured on the wall.

mod held;
mod side;

use std::error::Error;

use bench_redact::{BYTES, Work};
use cpu_time::ThreadTime;
use serde_json::{Value, json};
use side::{Native, Side, Wasm};

const ROUNDS: usize = 15;
/// More bytes than any text has.
const WHOLE: usize = 1 << 30;
const EVENTS: u32 = 20_000;
/// Bytes of a piece, as Envoy's buffers are filled.
const PIECE: usize = 16 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let module = std::env::args_os().nth(1).ok_or("which module? `bench-wasm MODULE`")?;
    let mut figures = side(&mut Wasm::new(module.as_ref())?, "redact")?;
    figures.extend(side(&mut Native::default(), "redact.native")?);
    figures.extend(held::figures());
    println!("{}", Value::from(figures));
    Ok(())
}

/// Every figure of one side.
fn side(side: &mut dyn Side, name: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let wasm = name == "redact";
    let target = |least: f64| wasm.then_some(least);
    let (mut json, mut sse) = (Vec::new(), Vec::new());
    let mut speeds = vec![Vec::new(); bench_redact::ALL.len()];
    let mut linear = Vec::new();
    let mut single = Vec::new();
    for round in 0..=ROUNDS {
        let mut times = Vec::new();
        for work in bench_redact::ALL {
            times.push(seconds(side, work, PIECE, WHOLE)?);
        }
        let small = seconds(side, Work::JsonMasked, PIECE, BYTES / 2)?;
        let ones = seconds(side, Work::JsonMasked, 1, BYTES / 8)?;
        let twice = seconds(side, Work::JsonMasked, 1, BYTES / 4)?;
        // The first round warms up.
        if round == 0 {
            continue;
        }
        if let [masked, serde, sse_masked, sse_serde, ..] = *times {
            json.push(serde / masked);
            sse.push(sse_serde / sse_masked);
            linear.push(masked / small);
            single.push(twice / ones);
        }
        for ((speeds, work), time) in speeds.iter_mut().zip(bench_redact::ALL).zip(times) {
            speeds.push(side.length(work) / 1e6 / time);
        }
    }
    let mut figures = vec![
        at_least(&format!("{name}.json_vs_serde"), json, "ratio", target(3.0)),
        at_least(&format!("{name}.sse_vs_serde"), sse, "ratio", target(1.5)),
        figure(&format!("{name}.linear_ratio"), linear, "ratio", target(2.1)),
        figure(&format!("{name}.linear_ratio_bytes"), single, "ratio", target(2.1)),
    ];
    let names = [
        "json",
        "json_serde",
        "sse",
        "sse_serde",
        "prose",
        "prose_5_own",
        "prose_memcpy",
        "prose_aho_corasick",
    ];
    for (what, speeds) in names.into_iter().zip(speeds) {
        let least = target(250.0).filter(|_| what == "prose");
        figures.push(at_least(&format!("{name}.{what}_mbps"), speeds, "MB/s", least));
    }
    figures.extend(events(side, name, wasm)?);
    Ok(figures)
}

/// How long single events take.
fn events(side: &mut dyn Side, name: &str, wasm: bool) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut micros = Vec::new();
    for nth in 0..EVENTS {
        let start = std::time::Instant::now();
        side.event(nth)?;
        micros.push(start.elapsed().as_secs_f64() * 1e6);
    }
    micros.sort_by(f64::total_cmp);
    let at = |share: usize| {
        micros.get(micros.len().saturating_mul(share) / 100).copied().unwrap_or_default()
    };
    Ok(vec![
        figure(&format!("{name}.event_us"), vec![at(50)], "µs", wasm.then_some(4.0)),
        figure(&format!("{name}.event_p99_us"), vec![at(99)], "µs", wasm.then_some(20.0)),
    ])
}

fn seconds(
    side: &mut dyn Side,
    work: Work,
    piece: usize,
    length: usize,
) -> Result<f64, Box<dyn Error>> {
    let start = ThreadTime::now();
    let out = side.work(work, piece, length)?;
    let time = start.elapsed().as_secs_f64();
    if out == 0 && work != Work::ProseAho {
        Err(format!("{work:?} gave nothing").into())
    } else {
        Ok(time)
    }
}

fn figure(name: &str, values: Vec<f64>, unit: &str, target: Option<f64>) -> Value {
    json!({"name": name, "values": values, "unit": unit, "target": target})
}

fn at_least(name: &str, values: Vec<f64>, unit: &str, target: Option<f64>) -> Value {
    json!({"name": name, "values": values, "unit": unit, "target": target, "at_least": true})
}
