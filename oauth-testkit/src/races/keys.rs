//! Keys: two who promote the same successor.

use async_trait::async_trait;
use oauth_core::store::{KeyRecord, KeyState, KeyTimes, KeyTransition, StoreError, Transition};

use super::{Kind, Racer, Wrong};
use crate::arena::Node;
use crate::samples::{after, key, kid, times};

/// One node promotes the next key; the others find that it was done.
pub(super) struct KeyPromotion;

fn issuer(race: u64) -> String {
    format!("https://as.example/{race}")
}

/// The successor first, so that a store that judges step by step would see two active keys.
fn promotion(racer: Racer, expected: [KeyState; 2]) -> [KeyTransition; 2] {
    let [next, old] = expected;
    let at = Some(after(1 + racer.process as i64));
    let step = |id: &str, expected, next, times| KeyTransition { kid: kid(id), expected, next, times, material: None };
    [
        step("next", next, KeyState::Active, KeyTimes { active_at: at, ..times(after(0)) }),
        step("old", old, KeyState::Retired, KeyTimes { retired_at: at, ..times(after(0)) }),
    ]
}

const EXPECTED: [KeyState; 2] = [KeyState::Announced, KeyState::Active];

/// The states of the successor and of its predecessor.
async fn states(node: &Node, race: u64) -> Result<[Option<KeyRecord>; 2], StoreError> {
    let keys = node.keys.load(&issuer(race)).await?;
    Ok(["next", "old"].map(|id| keys.iter().find(|key| key.kid == kid(id)).cloned()))
}

#[async_trait]
impl Kind for KeyPromotion {
    fn name(&self) -> &'static str {
        "key promotion"
    }

    async fn prepare(&self, node: &Node, race: u64) -> Result<(), StoreError> {
        for (id, state) in [("old", KeyState::Active), ("next", KeyState::Announced)] {
            let _ = node.keys.insert(KeyRecord { issuer: issuer(race), ..key(id, state) }).await?;
        }
        Ok(())
    }

    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError> {
        Ok(states(node, racer.race).await?.map(|key| key.map(|key| key.state)) == EXPECTED.map(Some))
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        let applied = node.keys.transition(&issuer(racer.race), &promotion(racer, EXPECTED)).await?;
        Ok(u32::from(applied == Transition::Applied))
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if !self.look(node, racer).await? {
            return Ok(0);
        }
        loop {
            let [Some(next), Some(old)] = states(node, racer.race).await? else { return Ok(0) };
            let steps = promotion(racer, [next.state, old.state]);
            if node.keys.transition(&issuer(racer.race), &steps).await? == Transition::Applied {
                return Ok(1);
            }
        }
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        wrong.unless(answers.iter().sum::<u32>() == 1, &format!("one key was promoted by {answers:?}"));
        let stored = states(node, race).await?;
        let stored = stored.map(|key| key.map(|key| (key.state, key.times)));
        let winner = Racer::both(race).into_iter().zip(answers).find(|(_, answer)| *answer == 1);
        if let Some((racer, _)) = winner {
            let expected = promotion(racer, EXPECTED).map(|step| Some((step.next, step.times)));
            wrong.unless(stored == expected, "what is stored is not the winner's promotion");
        }
        Ok(())
    }
}
