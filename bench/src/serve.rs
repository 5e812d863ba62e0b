//! Our server beside the bare handler: the same request, alternately, in the same minutes.

use crate::figures::{Failure, Ratios, median, verdict};
use crate::load::{Seen, Served, Wrk};

/// How long it takes.
pub(crate) struct Plan {
    rounds: usize,
    seconds: u64,
}

pub(crate) const FULL: Plan = Plan { rounds: 9, seconds: 2 };
pub(crate) const SHORT: Plan = Plan { rounds: 1, seconds: 1 };

const CONNECTIONS: usize = 32;
const TARGETS: [(&str, Option<f64>); 3] = [("opaque", Some(0.70)), ("ES256", Some(0.80)), ("RS256", None)];

/// Runs every kind of token; whether all targets were reached.
pub(crate) fn run(plan: &Plan) -> Result<bool, Failure> {
    let Plan { rounds, seconds } = plan;
    println!("our server beside a bare handler, {rounds} rounds of {seconds} s each, alternately");
    println!("one worker on core 0, wrk with 1 thread and {CONNECTIONS} connections on core 1, loopback");
    println!("token   ours/s (p50, p99 ms)     bare/s (p50, p99 ms)     ratio  [middle half, extremes]");
    let mut all = true;
    for (token, target) in TARGETS {
        let (ours, bare) = (Served::start(&["serve-ours", token])?, Served::start(&["serve-bare", token])?);
        for served in [&ours, &bare] {
            served.tokens(CONNECTIONS, 1).run()?;
        }
        let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
        for round in 0..*rounds {
            let turn = |served: &Served, seen: &mut Vec<Seen>| -> Result<(), Failure> {
                seen.push(served.tokens(CONNECTIONS, *seconds).run()?);
                Ok(())
            };
            if round % 2 == 0 {
                turn(&ours, &mut of_ours)?;
                turn(&bare, &mut of_bare)?;
            } else {
                turn(&bare, &mut of_bare)?;
                turn(&ours, &mut of_ours)?;
            }
        }
        let rates = |seen: &[Seen]| seen.iter().map(|seen| seen.per_second).collect::<Vec<_>>();
        let ratios = Ratios::of(&rates(&of_ours), &rates(&of_bare));
        let reached = ratios.reach(target);
        all &= reached;
        println!("{token:6}  {}  {}  {ratios}  {}", summary(&of_ours), summary(&of_bare), verdict(reached, target));
    }
    jwks_beside_rsa(*seconds * 2)?;
    Ok(all)
}

/// RSA signs on the worker, so that whoever asks for the keys meanwhile waits: how long.
fn jwks_beside_rsa(seconds: u64) -> Result<(), Failure> {
    let served = Served::start(&["serve-ours", "RS256"])?;
    let alone = served.jwks(seconds).run()?;
    let load = served.tokens(CONNECTIONS, seconds + 1).begin()?;
    let beside = served.jwks(seconds).run()?;
    let load = Wrk::finish(load)?;
    println!(
        "JWKS    p50 {:.2}, p99 {:.2} ms alone; p50 {:.1}, p99 {:.1} ms beside {:.0} RS256 tokens/s",
        alone.p50_ms, alone.p99_ms, beside.p50_ms, beside.p99_ms, load.per_second
    );
    Ok(())
}

fn summary(seen: &[Seen]) -> String {
    let of = |figure: fn(&Seen) -> f64| median(&seen.iter().map(figure).collect::<Vec<_>>());
    format!("{:7.0} ({:5.1}, {:5.1})", of(|seen| seen.per_second), of(|seen| seen.p50_ms), of(|seen| seen.p99_ms))
}
