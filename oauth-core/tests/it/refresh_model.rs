//! Table 2 as a model: a client, a thief, answers that get lost, retries, and the clock. Whatever they do, the server
//! says what the model says, one token at most can be used next, and an honest client is never thrown out.

use std::time::Duration;

use oauth_core::store::RevokedWhy;
use oauth_core::types::FamilyId;
use proptest::prelude::*;

use crate::people::people;
use crate::world::World;

/// One step of anybody. Tokens are named by their generation, so that both parties can present any that was ever made.
#[derive(Debug, Clone)]
enum Step {
    /// Presents the token of the generation this many before the newest.
    Present {
        back: usize,
        too_wide: bool,
    },
    Wait {
        seconds: u64,
    },
    UserOff,
    UserOn,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (prop_oneof![6 => Just(0usize), 4 => Just(1usize), 1 => 2usize..5], prop::bool::weighted(0.1))
            .prop_map(|(back, too_wide)| Step::Present { back, too_wide }),
        4 => prop_oneof![Just(1u64), Just(29), Just(30), Just(31), Just(86_400), Just(14 * 86_400), 0u64..200]
            .prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::UserOff),
        2 => Just(Step::UserOn),
    ]
}

/// What the protocol says, in its simplest form.
struct Model {
    window: u64,
    now: u64,
    generation: usize,
    rotated_at: u64,
    idle_end: u64,
    absolute_end: u64,
    retries: u32,
    user_on: bool,
    ended: Option<RevokedWhy>,
}

const IDLE: u64 = 14 * 86_400;
const ABSOLUTE: u64 = 90 * 86_400;

/// Which answer the model expects.
#[derive(Debug, PartialEq)]
enum Expected {
    /// A token of this generation.
    Token(usize),
    Invalid,
    Scope,
    Wait,
}

impl Model {
    fn present(&mut self, generation: usize, too_wide: bool) -> Expected {
        if self.ended.is_some() || self.now >= self.absolute_end {
            return Expected::Invalid;
        }
        let later = |user_on: bool| match (user_on, too_wide) {
            (false, _) => Some(Expected::Invalid),
            (true, true) => Some(Expected::Scope),
            (true, false) => None,
        };
        if generation == self.generation {
            if self.now >= self.idle_end {
                self.ended = Some(RevokedWhy::Expired);
                return Expected::Invalid;
            }
            if let Some(refused) = later(self.user_on) {
                return refused;
            }
            self.generation += 1;
            self.rotated_at = self.now;
            self.retries = 0;
            self.idle_end = (self.now + IDLE).min(self.absolute_end);
            return Expected::Token(self.generation);
        }
        let open = self.window > 0 && self.now - self.rotated_at <= self.window;
        if generation + 1 != self.generation || !open {
            self.ended = Some(RevokedWhy::Replay);
            return Expected::Invalid;
        }
        if let Some(refused) = later(self.user_on) {
            return refused;
        }
        if self.retries >= 64 {
            return Expected::Wait;
        }
        self.retries += 1;
        Expected::Token(self.generation)
    }
}

fn jar(window: u64) -> (World, String, FamilyId) {
    let world = people(|builder| builder, |spec| spec.retry_window(Duration::from_secs(window)));
    let begun = world.begin();
    let family = world.family_of(&begun).id;
    (world, begun.refresh_token(), family)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn the_server_says_what_the_model_says(
        window in prop_oneof![Just(0u64), Just(1), Just(30), Just(600)],
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (world, first, family) = jar(window);
        let mut model = Model {
            window, now: 0, generation: 0, rotated_at: 0, idle_end: IDLE, absolute_end: ABSOLUTE, retries: 0,
            user_on: true, ended: None,
        };
        let mut tokens = vec![first];
        for step in steps {
            match step {
                Step::Wait { seconds } => {
                    world.advance(seconds);
                    model.now += seconds;
                }
                Step::UserOff | Step::UserOn => {
                    model.user_on = matches!(step, Step::UserOn);
                    let _ = world.memory.set_user_active(&"alice".parse().unwrap(), model.user_on).unwrap();
                }
                Step::Present { back, too_wide } => {
                    let generation = model.generation.saturating_sub(back);
                    let more = if too_wide { "&scope=admin" } else { "" };
                    let answer = world.refresh_with(&tokens[generation], more);
                    match model.present(generation, too_wide) {
                        Expected::Token(given) => {
                            prop_assert_eq!(answer.status, 200, "{}", answer.body);
                            let token = answer.refresh_token();
                            if given == tokens.len() {
                                prop_assert!(!tokens.contains(&token), "a token came back");
                                tokens.push(token);
                            } else {
                                // one live leaf: all who are answered hold the same one
                                prop_assert_eq!(&token, &tokens[given]);
                            }
                        }
                        Expected::Invalid => prop_assert_eq!(answer.error(), (400, "invalid_grant")),
                        Expected::Scope => prop_assert_eq!(answer.error(), (400, "invalid_scope")),
                        Expected::Wait => prop_assert_eq!(answer.status, 429),
                    }
                    let stored = world.family(family);
                    prop_assert_eq!(stored.revoked.map(|(_, why)| why), model.ended);
                    prop_assert_eq!(stored.refresh.unwrap().generation, model.generation as u64);
                }
            }
        }
    }

    #[test]
    fn an_honest_client_that_retries_inside_the_window_is_never_thrown_out(
        lost in prop::collection::vec((0u64..=30, 0u64..100_000, prop::bool::ANY), 1..40),
    ) {
        let (world, mut holds, family) = jar(30);
        for (pause, rest, is_lost) in lost {
            let mut answer = world.refresh(&holds);
            if is_lost {
                // the answer never arrived: it asks again with what it has
                world.advance(pause);
                answer = world.refresh(&holds);
            }
            prop_assert_eq!(answer.status, 200, "{}", answer.body);
            holds = answer.refresh_token();
            world.advance(rest);
        }
        prop_assert_eq!(world.ended(family), None);
    }
}
