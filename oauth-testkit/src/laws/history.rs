//! What is over stays over: histories of codes, families and tokens that expire, are taken back and are tried again.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Judge, Trial};

/// What happens to what one user gives one client, and what is presented of it.
#[derive(Debug, Clone)]
pub struct History {
    /// Whether access tokens are opaque; otherwise JWT.
    pub opaque: bool,
    /// The moves, in their order.
    pub moves: Vec<Move>,
}

/// One move of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The clock goes on by these seconds.
    Wait(u32),
    /// The host's clock is set back by these seconds.
    TurnBack(u32),
    /// The user gives the client a code.
    Approve,
    /// A code is redeemed: the newest, or one so many before it.
    Redeem(usize),
    /// A refresh token is presented: of the newest family or one so many before it, the newest or one so many before.
    Refresh(usize, usize),
    /// An access token is used: the newest, or one so many before it.
    Use(usize),
    /// The host takes something back.
    End(End),
    /// The client is made active again.
    ClientOn,
    /// A round of maintenance: the time is marked, what expired is purged.
    Maintain,
    /// Another process takes over, with a clock that is not behind that of the one before.
    Restart,
}

/// What the host takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The newest access token.
    Token,
    /// The newest family.
    Family,
    /// What the user allowed the client: `withdraw`.
    Consent,
    /// All that was issued in the user's name.
    Subject,
    /// All that the client was issued.
    Client,
    /// The same, by making it inactive.
    ClientOff,
    /// All that anybody was issued.
    Everything,
}

impl End {
    /// Each of them.
    pub const ALL: [Self; 7] =
        [Self::Token, Self::Family, Self::Consent, Self::Subject, Self::Client, Self::ClientOff, Self::Everything];
}

/// What can be presented, by the order in which it was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the members say it")]
pub enum Credential {
    Code(usize),
    Access { family: usize, number: usize },
    Refresh { family: usize, generation: usize },
}

impl Credential {
    const fn family(self) -> Option<usize> {
        match self {
            Self::Code(_) => None,
            Self::Access { family, .. } | Self::Refresh { family, .. } => Some(family),
        }
    }
}

/// What was seen at one move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Which move.
    pub place: usize,
    /// Of what.
    pub credential: Credential,
    /// What came of it.
    pub came: Came,
}

/// What came of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It was issued.
    Issued,
    /// It was presented and good.
    Good,
    /// It was refused because its time is over.
    Expired,
    /// It was refused because it was taken back or spent.
    Ended,
    /// It was refused for another reason.
    Refused,
}

impl History {
    /// Histories of up to 32 moves, at the beginning of which there are a family and a code.
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let span = || select(vec![1_u32, 31, 60, 601, 14 * 86_400 - 60, 90 * 86_400]);
        let back = || select(vec![0_usize, 0, 0, 0, 1, 2]);
        let one = prop_oneof![
            6 => span().prop_map(Move::Wait),
            4 => span().prop_map(Move::TurnBack),
            3 => Just(Move::Approve),
            5 => back().prop_map(Move::Redeem),
            8 => (back(), back()).prop_map(|(family, generation)| Move::Refresh(family, generation)),
            5 => back().prop_map(Move::Use),
            3 => select(End::ALL.to_vec()).prop_map(Move::End),
            2 => Just(Move::ClientOn),
            1 => Just(Move::Maintain),
            1 => Just(Move::Restart),
        ];
        let begin = [Move::Approve, Move::Redeem(0), Move::Approve];
        (any::<bool>(), vec(one, 1..30))
            .prop_map(move |(opaque, moves)| Self { opaque, moves: begin.into_iter().chain(moves).collect() })
    }
}

/// What is over of all that was issued so far.
#[derive(Default)]
struct Over {
    issued: Vec<Credential>,
    over: HashSet<Credential>,
}

impl Over {
    fn end(&mut self, covered: impl Fn(Credential) -> bool) {
        self.over.extend(self.issued.iter().copied().filter(|credential| covered(*credential)));
    }

    fn go_through(&mut self, step: Move) {
        let newest = self.issued.iter().filter_map(|credential| credential.family()).max();
        let token = self.issued.iter().rfind(|credential| matches!(credential, Credential::Access { .. })).copied();
        match step {
            Move::End(End::Token) => self.end(|credential| Some(credential) == token),
            Move::End(End::Family) => self.end(|credential| credential.family().is_some_and(|one| Some(one) == newest)),
            Move::End(_) => self.end(|_| true),
            _ => {}
        }
    }

    /// Takes down what was seen; `false` when it was good although it was over.
    fn see(&mut self, credential: Credential, came: Came) -> bool {
        let was_over = self.over.contains(&credential);
        match (came, credential) {
            (Came::Issued, _) => self.issued.push(credential),
            // a code is good for one time
            (Came::Good, Credential::Code(_)) | (Came::Expired | Came::Ended, _) => {
                self.over.insert(credential);
            }
            (Came::Good | Came::Refused, _) => {}
        }
        !(was_over && came == Came::Good)
    }
}

/// What the host took back, and what was refused because it had expired, was taken back or was spent, is refused at every
/// later reading of the server's clock, whatever the host's clock does meanwhile, and by the processes that follow.
///
/// # Panics
/// With the shortest history that breaks it.
pub fn what_is_over_stays_over(judge: &dyn Judge, trial: &Trial) {
    trial.run("what_is_over_stays_over", 1, History::any(), |history| {
        let seen = judge.history(&history);
        let mut over = Over::default();
        for (place, step) in history.moves.iter().enumerate() {
            over.go_through(*step);
            for Seen { credential, came, .. } in seen.iter().filter(|seen| seen.place == place) {
                prop_assert!(over.see(*credential, *came), "{credential:?} was good again at move {place}");
            }
        }
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use super::super::Jar;
    use super::*;

    #[test]
    fn histories_are_about_something() {
        let (counts, jar) = (RefCell::new(HashMap::new()), Jar::of_the_core());
        Trial::repeatable(256).run("counted", 1, History::any(), |history| {
            let count = |what: String| *counts.borrow_mut().entry(what).or_insert(0) += 1;
            for seen in jar.history(&history) {
                let kind = match seen.credential {
                    Credential::Code(_) => "code",
                    Credential::Access { .. } => "access",
                    Credential::Refresh { .. } => "refresh",
                };
                count(format!("{kind} {:?}", seen.came));
            }
            Ok(())
        });
        let counts = counts.into_inner();
        println!("{counts:#?}");
        for kind in ["code", "access", "refresh"] {
            for came in [Came::Issued, Came::Good, Came::Expired, Came::Ended] {
                let name = format!("{kind} {came:?}");
                assert!(counts.get(&name).is_some_and(|count| *count >= 5), "{name}: {counts:?}");
            }
        }
    }
}
