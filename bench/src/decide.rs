//! Deciding alone: a client with many scopes, a request of some, nothing read and nothing minted.

use std::hint::black_box;
use std::time::{Duration, Instant};

use oauth_core::measure::Decider;

use crate::figures::{Failure, median};

/// How long it takes.
pub(crate) struct Plan {
    rounds: usize,
    calls: u32,
}

pub(crate) const FULL: Plan = Plan { rounds: 51, calls: 2_000 };
pub(crate) const SHORT: Plan = Plan { rounds: 3, calls: 100 };

/// The most that a decision of 20 out of 50 may take.
const TARGET: Duration = Duration::from_micros(5);
/// As much scope as a request can hold, in bytes.
const MOST: usize = 4_096;
/// How much of it the client has.
const COMMON: u32 = 10;
/// How many scopes the client is registered with, one size after the other.
const SIZES: [u32; 4] = [COMMON, 100, 1_000, 3_000];
/// How much more one more scope may cost among 3,000 than among 1,000: nothing if the time is linear, 3.6 times as much if it
/// is quadratic.
const GROWTH: f64 = 2.0;
/// So many times as often, and in blocks that are shorter by as much, the sizes take turns: what lies between them is
/// little beside the noise of a machine.
const TURNS: u16 = 20;

/// Prints a row for each size; whether the targets were reached.
pub(crate) fn run(plan: &Plan) -> Result<bool, Failure> {
    println!("one decision, the median of {} rounds of {} calls", plan.rounds, plan.calls);
    let usual = decider(&scopes(50), &scopes(20))?;
    let seconds: Vec<f64> = (0..plan.rounds).map(|_| time(&usual, plan.calls)).collect();
    let usual = median(&seconds);
    let reached = usual <= TARGET.as_secs_f64();
    println!("20 of 50 scopes: {:.2} µs  {} (target {TARGET:?})", usual * 1e6, if reached { "ok" } else { "MISS" });
    Ok(growth(plan)? && reached)
}

/// The same 4 KiB are asked for, of which the client has the same; only what it is registered with besides grows.
fn growth(plan: &Plan) -> Result<bool, Failure> {
    let requested = requested();
    let deciders = SIZES.map(|size| decider(&scopes(size), &requested));
    let mut seconds = SIZES.map(|_| Vec::with_capacity(plan.rounds));
    for turn in 0..plan.rounds * usize::from(TURNS) {
        for place in 0..SIZES.len() {
            let place = (turn + place) % SIZES.len();
            let decider = deciders[place].as_ref().map_err(ToString::to_string)?;
            seconds[place].push(time(decider, plan.calls / u32::from(TURNS)));
        }
    }
    let times = seconds.map(|seconds| median(&seconds));
    println!("{} bytes of scope requested, {COMMON} of them registered and so many others", requested.len());
    println!("registered       time   each more   time ÷ linear extrapolation");
    let counts = SIZES.map(f64::from);
    let mut slopes = [f64::NAN; SIZES.len()];
    for place in 0..SIZES.len() {
        let row = format!("{:10}  {:6.2} µs", SIZES[place], times[place] * 1e6);
        if place == 0 {
            println!("{row}");
            continue;
        }
        slopes[place] = (times[place] - times[place - 1]) / (counts[place] - counts[place - 1]);
        let extrapolated = times[0] * counts[place] / counts[0];
        println!("{row}  {:7.2} ns  {:10.3}", slopes[place] * 1e9, times[place] / extrapolated);
    }
    // from 10 to 100 the rest of the decision hides what a scope costs
    let [_, _, few, many] = slopes;
    let reached = many <= few * GROWTH;
    let verdict = if reached { "ok" } else { "MISS" };
    println!("each more, among 3,000 beside 1,000: {:.2}  {verdict} (at most {GROWTH})", many / few);
    Ok(reached)
}

fn decider(registered: &str, requested: &str) -> Result<Decider, Failure> {
    let decider = Decider::new(registered, requested).map_err(|why| why.to_string())?;
    decider.decide()?;
    Ok(decider)
}

/// Seconds for one decision.
fn time(decider: &Decider, calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        let _ = black_box(decider.decide());
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}

/// So many scopes, as text.
fn scopes(count: u32) -> String {
    (0..count).map(|number| format!("s{number:03}")).collect::<Vec<_>>().join(" ")
}

/// The first scopes of every client, others that lie between its, and one behind all of them, so that none of its is
/// passed over.
fn requested() -> String {
    let mut text = format!("{} z", scopes(COMMON));
    for other in (0..).map(|number| format!(" s{number:03}x")) {
        if text.len() + other.len() > MOST {
            break;
        }
        text.push_str(&other);
    }
    text
}
