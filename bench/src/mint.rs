//! Minting (claims to finished compact JWT) beside the bare signature with the same key over as many bytes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use oauth_core::jose::Alg;
use oauth_core::measure::Minter;

use crate::figures::{Failure, Ratios, median, verdict};
use crate::keys::{BareKey, imported};

/// How long it takes.
pub(crate) struct Plan {
    rounds: usize,
    block: Duration,
}

pub(crate) const FULL: Plan = Plan { rounds: 51, block: Duration::from_millis(60) };
pub(crate) const SHORT: Plan = Plan { rounds: 3, block: Duration::from_millis(10) };

const TARGETS: [(Alg, Option<f64>); 4] =
    [(Alg::RS256, Some(0.97)), (Alg::PS256, None), (Alg::ES256, Some(0.85)), (Alg::EdDSA, Some(0.85))];

/// Runs every algorithm; whether all targets were reached.
pub(crate) fn run(plan: &Plan) -> Result<bool, Failure> {
    println!("minting beside the bare signature, {} rounds of {:?} each, alternately", plan.rounds, plan.block);
    println!("alg     mint/s    bare/s  ratio  [middle half, extremes]");
    let mut all = true;
    for (alg, target) in TARGETS {
        let minter = Minter::new(&imported(alg)?).map_err(|why| why.to_string())?;
        let bare = BareKey::new(alg)?;
        let token = minter.mint()?;
        let (input, _) = token.expose().rsplit_once('.').ok_or("not a JWT")?;
        let input = input.as_bytes();
        let mint = || drop(black_box(minter.mint()));
        let sign = || {
            let mut signature = [0; 256];
            black_box(bare.sign(black_box(input), &mut signature));
            black_box(signature);
        };
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        rate(plan.block, mint);
        rate(plan.block, sign);
        for round in 0..plan.rounds {
            // whoever goes first may find the other's heat: take turns
            if round % 2 == 0 {
                ours.push(rate(plan.block, mint));
                floor.push(rate(plan.block, sign));
            } else {
                floor.push(rate(plan.block, sign));
                ours.push(rate(plan.block, mint));
            }
        }
        let ratios = Ratios::of(&ours, &floor);
        let reached = ratios.reach(target);
        all &= reached;
        println!("{alg:5} {:8.0}  {:8.0}  {ratios}  {}", median(&ours), median(&floor), verdict(reached, target));
    }
    Ok(all)
}

/// Runs for the time given, in batches so that reading the clock does not count; calls per second.
fn rate(block: Duration, mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0_u32;
    loop {
        for _ in 0..8 {
            call();
        }
        calls += 8;
        let spent = start.elapsed();
        if spent >= block {
            return f64::from(calls) / spent.as_secs_f64();
        }
    }
}
