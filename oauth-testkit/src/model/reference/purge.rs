//! What is counted, and what is forgotten.

use oauth_core::store::Strike;
use oauth_core::types::Timestamp;

use super::Reference;
use crate::model::call::Answer;

impl Reference {
    pub(super) fn add_strike(&mut self, Strike { account, now, window }: &Strike) -> Answer {
        self.pass(*now);
        let (strikes, _) = self
            .windows
            .entry(*account)
            .and_modify(|(strikes, end)| {
                if *now < *end {
                    *strikes += 1;
                } else {
                    (*strikes, *end) = (1, now.plus(*window));
                }
            })
            .or_insert((1, now.plus(*window)));
        Answer::Strikes(*strikes)
    }

    /// Forgets all that expired before `before`. Of what the store may have forgotten by itself, and of the salts of
    /// families that go, it may count none.
    pub(super) fn purge(&mut self, before: Timestamp, told: &Answer) -> Answer {
        let (mut rows, mut at_most) = (0, 0);
        let latest = self.latest;
        let withdrawn: Vec<_> =
            self.consents.iter().filter(|consent| !self.is_given(consent)).map(|c| c.key.clone()).collect();
        let mut goes = |end: Timestamp, may_be_gone: bool| {
            let goes = end < before;
            at_most += u32::from(goes);
            rows += u32::from(goes && !may_be_gone);
            goes
        };
        self.requests.retain(|_, request| !goes(request.expires_at, request.expires_at <= latest));
        self.codes.retain(|_, (_, known_until)| !goes(*known_until, *known_until <= latest));
        // A store may have removed what a cutoff withdrew.
        self.consents.retain(|consent| !goes(consent.expires_at, withdrawn.contains(&consent.key)));
        self.tokens.retain(|_, (token, _)| !goes(token.expires_at, token.expires_at <= latest));
        self.tombstones.retain(|_, end| !goes(*end, *end <= latest));
        self.claims.retain(|_, end| !goes(*end, *end <= latest));
        self.windows.retain(|_, (_, end)| !goes(*end, false));
        for family in self.families.values_mut() {
            let family_goes = family.absolute_expires_at < before;
            if let Some(state) = &mut family.refresh {
                state.salt = state.salt.filter(|salt| !goes(salt.expires_at, family_goes));
            }
        }
        self.families.retain(|_, family| !goes(family.absolute_expires_at, false));
        match told {
            Answer::Purged(told) if (rows..=at_most).contains(told) => Answer::Purged(*told),
            _ => Answer::Purged(rows),
        }
    }
}
