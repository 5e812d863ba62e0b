//! What may happen once, or is counted: replay ids, registrations, strikes.

use async_trait::async_trait;
use oauth_core::store::{
    Client, FamilyRecord, Register, Standing, StartFamily, StartOutcome, StoreError, UpdateClient,
};

use super::raced::{LATE, started};
use super::{Kind, Racer, Wrong};
use crate::arena::Node;
use crate::samples::{
    BEGIN, FAMILY_END, account, claim, client, client_id, digest, family, family_id, start, strike, subject, token_of,
};

/// Of two families that start by one claim, such as the id of an assertion, one does.
pub(super) struct ReplayIds;

fn claiming(racer: Racer) -> StartFamily {
    let family = FamilyRecord { subject: subject(&format!("user-{}", racer.race)), ..family(racer.number()) };
    let access_token = Some(token_of(&family, racer.number()));
    StartFamily { access_token, claim: Some(claim(racer.race, FAMILY_END)), ..start(family) }
}

async fn nobody_started(node: &Node, race: u64) -> Result<bool, StoreError> {
    for racer in Racer::both(race) {
        if node.grants.find_family(&family_id(racer.number())).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

#[async_trait]
impl Kind for ReplayIds {
    fn name(&self) -> &'static str {
        "replay ids"
    }

    async fn prepare(&self, _: &Node, _: u64) -> Result<(), StoreError> {
        Ok(())
    }

    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError> {
        nobody_started(node, racer.race).await
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        node.grants.start_family(claiming(racer)).await.map(started)
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if !nobody_started(node, racer.race).await? {
            return Ok(0);
        }
        node.grants.start_family(StartFamily { claim: None, ..claiming(racer) }).await.map(started)
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        wrong.unless(answers.iter().sum::<u32>() == 1, &format!("one claim was made by {answers:?}"));
        let late = node.grants.start_family(claiming(Racer { race, process: LATE })).await?;
        wrong.unless(late == StartOutcome::Claimed, "a claim is made once more");
        for (racer, answer) in Racer::both(race).into_iter().zip(answers) {
            let family = node.grants.find_family(&family_id(racer.number())).await?;
            let token = node.grants.find_access_token(&digest(racer.number())).await?;
            wrong.unless(family.is_some() == (answer == 1), "a family that was refused, or none that was started");
            wrong.unless(token.is_some() == (answer == 1), "a family without its token, or a token without its family");
            wrong.unless(token.is_none_or(|token| token.standing == Standing::Live), "the winner's token is dead");
        }
        Ok(())
    }
}

/// One client id is registered once.
pub(super) struct Registration;

fn raced_client(racer: Racer) -> Client {
    Client { name: format!("of process {}", racer.process), ..client(&format!("client-{}", racer.race)) }
}

#[async_trait]
impl Kind for Registration {
    fn name(&self) -> &'static str {
        "registration"
    }

    async fn prepare(&self, _: &Node, _: u64) -> Result<(), StoreError> {
        Ok(())
    }

    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError> {
        Ok(node.clients.find(&raced_client(racer).id).await?.is_none())
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        Ok(u32::from(node.registry.register(raced_client(racer)).await? == Register::Registered))
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if !self.look(node, racer).await? {
            return Ok(0);
        }
        if node.registry.register(raced_client(racer)).await? == Register::Registered {
            return Ok(1);
        }
        let updated = Client { version: 2, ..raced_client(racer) };
        Ok(u32::from(matches!(node.registry.update(updated, 1).await?, UpdateClient::Updated)))
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        wrong.unless(answers.iter().sum::<u32>() == 1, &format!("one id was registered by {answers:?}"));
        let stored = node.clients.find(&client_id(&format!("client-{race}"))).await?;
        let winner = Racer::both(race).into_iter().zip(answers).find(|(_, answer)| *answer == 1);
        let expected = winner.map(|(racer, _)| raced_client(racer));
        wrong.unless(stored.as_deref() == expected.as_ref(), "what is stored is not the winner's registration");
        Ok(())
    }
}

/// Two wrong passwords are two strikes.
pub(super) struct Strikes;

#[async_trait]
impl Kind for Strikes {
    fn name(&self) -> &'static str {
        "strikes"
    }

    async fn prepare(&self, _: &Node, _: u64) -> Result<(), StoreError> {
        Ok(())
    }

    /// There is nothing to look at: every strike counts.
    async fn look(&self, _: &Node, _: Racer) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        node.grants.add_strike(strike(account(racer.race), BEGIN)).await
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        node.grants.clear_strikes(&account(racer.race)).await?;
        node.grants.add_strike(strike(account(racer.race), BEGIN)).await
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        let [first, second] = answers;
        wrong.unless((first.min(second), first.max(second)) == (1, 2), &format!("two strikes counted as {answers:?}"));
        let third = node.grants.add_strike(strike(account(race), BEGIN)).await?;
        wrong.unless(third == 3, "a strike was lost");
        Ok(())
    }
}
