//! What the faulty store gets wrong about claims and strikes.

use oauth_core::store::{FamilyRecord, GrantStore, StartFamily, StartOutcome, StoreError, Strike};
use oauth_core::types::{FamilyId, KeyedHash, Tenant, Timestamp};

use crate::faulty::{Fault, Faulty};

impl Faulty {
    /// Starts a family for its claim, wrongly; `None` when the fault is another.
    pub(crate) async fn claim(&self, start: &StartFamily) -> Result<Option<StartOutcome>, StoreError> {
        let Some(claim) = &start.claim else { return Ok(None) };
        let without = StartFamily { claim: None, ..start.clone() };
        let is_made = || self.claims.lock().unwrap().contains(&claim.digest);
        let make = || {
            self.claims.lock().unwrap().insert(claim.digest);
        };
        Ok(Some(match self.fault {
            Fault::ClaimIgnored => self.inner.start_family(without).await?,
            Fault::ClaimStaysAfterFailure => {
                if is_made() {
                    return Ok(Some(StartOutcome::Claimed));
                }
                make();
                self.inner.start_family(without).await?
            }
            Fault::ClaimsOfEveryTenant => {
                // A tenant of their own holds all claims.
                let mut id = [0; 16];
                id.copy_from_slice(&start.family.id.as_bytes()[..]);
                id[0] ^= u8::from(self.inner.tenant() != &Tenant::default_tenant());
                let family = FamilyRecord { id: FamilyId::from_bytes(id), refresh: None, ..start.family.clone() };
                let common = self.inner.for_tenant(Tenant::parse("claims").unwrap());
                let made = StartFamily { family, access_token: None, ..start.clone() };
                match common.start_family(made).await? {
                    StartOutcome::Claimed => StartOutcome::Claimed,
                    _ => self.inner.start_family(without).await?,
                }
            }
            Fault::ClaimsStay => {
                if is_made() {
                    return Ok(Some(StartOutcome::Claimed));
                }
                let outcome = self.inner.start_family(without).await?;
                make();
                outcome
            }
            Fault::LooksBeforeItWrites => {
                let is_free = !is_made();
                self.looked.wait();
                make();
                let outcome = self.inner.start_family(without).await?;
                if is_free { outcome } else { StartOutcome::Claimed }
            }
            Fault::StartsFamilyBeforeClaim => {
                let outcome = self.inner.start_family(without).await?;
                if is_made() {
                    return Ok(Some(StartOutcome::Claimed));
                }
                make();
                outcome
            }
            _ => return Ok(None),
        }))
    }

    pub(crate) async fn strike(&self, strike: Strike) -> Result<u32, StoreError> {
        match self.fault {
            Fault::AccountsByTheirFirstHalf => {
                let mut bytes = *strike.account.as_bytes();
                bytes[16..].fill(0);
                self.inner.add_strike(Strike { account: KeyedHash::from_bytes(bytes), ..strike }).await
            }
            Fault::StrikesEndAtTen => Ok(self.inner.add_strike(strike).await?.min(10)),
            Fault::StrikesLost => {
                let before = self.windows.lock().unwrap().get(&strike.account).map_or(0, |(strikes, _)| *strikes);
                self.struck.wait();
                self.windows.lock().unwrap().insert(strike.account, (before + 1, Timestamp::MAX));
                Ok(before + 1)
            }
            Fault::StrikesOfEveryTenant => self.inner.for_tenant(Tenant::default_tenant()).add_strike(strike).await,
            Fault::ClearingKeepsTheWindow
            | Fault::PurgeForgetsWaitingStrikes
            | Fault::StrikesStay
            | Fault::StrikesWaitForOthers
            | Fault::WindowEndsLate
            | Fault::WindowGoesByItsFirstEnd
            | Fault::WindowIsOfTheLastLength
            | Fault::WindowSlides => Ok(self.strike_a_window_of_its_own(&strike)),
            _ => self.inner.add_strike(strike).await,
        }
    }

    fn strike_a_window_of_its_own(&self, Strike { account, now, window }: &Strike) -> u32 {
        let mut windows = self.windows.lock().unwrap();
        let next = now.plus(*window);
        let (strikes, end) = windows.entry(*account).or_insert((0, next));
        let is_over = if self.has(Fault::WindowEndsLate) { now > end } else { now >= end };
        if is_over {
            (*strikes, *end) = (0, next);
        }
        *strikes += 1;
        match self.fault {
            Fault::WindowIsOfTheLastLength => *end = (*end).min(next),
            Fault::WindowSlides => *end = next,
            _ => {}
        }
        self.first_ends.lock().unwrap().entry(*account).or_insert(*end);
        *strikes
    }

    pub(crate) async fn forget_strikes(&self, account: &KeyedHash) -> Result<(), StoreError> {
        match self.fault {
            Fault::ClearForgetsNothing => Ok(()),
            Fault::ClearingKeepsTheWindow => {
                if let Some((strikes, _)) = self.windows.lock().unwrap().get_mut(account) {
                    *strikes = 0;
                }
                Ok(())
            }
            Fault::StrikesOfEveryTenant => self.inner.for_tenant(Tenant::default_tenant()).clear_strikes(account).await,
            _ => {
                self.windows.lock().unwrap().remove(account);
                self.inner.clear_strikes(account).await
            }
        }
    }

    /// Removes up to `limit` windows of its own that ended before `before`; answers how many, and whether more are
    /// left.
    pub(crate) fn purge_windows(&self, before: Timestamp, limit: u32) -> (u32, bool) {
        if self.has(Fault::StrikesStay) {
            return (0, false);
        }
        let first_ends = self.first_ends.lock().unwrap();
        let by_first = self.has(Fault::WindowGoesByItsFirstEnd);
        let (mut purged, mut more) = (0, false);
        self.windows.lock().unwrap().retain(|account, (_, end)| {
            let is_over = first_ends.get(account).filter(|_| by_first).map_or(*end < before, |first| *first < before);
            let goes = is_over && purged < limit;
            purged += u32::from(goes);
            more |= is_over && !goes;
            !goes
        });
        (purged, more && !self.has(Fault::PurgeForgetsWaitingStrikes))
    }
}
