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

/// Prints a row for each size; whether the target was reached.
pub(crate) fn run(plan: &Plan) -> Result<bool, Failure> {
    println!("one decision, the median of {} rounds of {} calls", plan.rounds, plan.calls);
    println!("registered  requested      time");
    let (registered, requested) = (scopes(50), scopes(20));
    let usual = row(plan, &registered, &requested, "20 scopes")?;
    let reached = usual <= TARGET.as_secs_f64();
    println!("            {} (target {TARGET:?})", if reached { "ok" } else { "MISS" });
    // as much as a request can hold, of which most is not registered
    let full = scopes(1_000).chars().take(4_096).collect::<String>();
    let full = full.rsplit_once(' ').map_or(full.as_str(), |(whole, _)| whole);
    for count in [10, 100, 1_000] {
        row(plan, &scopes(count), full, "4 KiB")?;
    }
    Ok(reached)
}

fn row(plan: &Plan, registered: &str, requested: &str, what: &str) -> Result<f64, Failure> {
    let decider = Decider::new(registered, requested).map_err(|why| why.to_string())?;
    decider.decide()?;
    let mut seconds = Vec::with_capacity(plan.rounds);
    for _ in 0..plan.rounds {
        let start = Instant::now();
        for _ in 0..plan.calls {
            let _ = black_box(decider.decide());
        }
        seconds.push(start.elapsed().as_secs_f64() / f64::from(plan.calls));
    }
    let median = median(&seconds);
    println!("{:10}  {what:9}  {:6.2} µs", registered.split(' ').count(), median * 1e6);
    Ok(median)
}

/// So many scopes, as text.
fn scopes(count: usize) -> String {
    (0..count).map(|number| format!("s{number:03}")).collect::<Vec<_>>().join(" ")
}
