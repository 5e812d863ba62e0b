//! After a backup was put back.

use super::{AuthorizationServer, Inner};
use crate::audit::What;
use crate::context::RequestContext;
use crate::error::Fault;
use crate::store::{Cutoff, CutoffKey, KeyState};
use crate::time::Clock as _;
use crate::types::{KeyId, Timestamp};

/// What [`after_restore`](AuthorizationServer::after_restore) did about keys.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Keys that were revoked; successors made afterwards sign and derive.
    pub revoked: Vec<KeyId>,
    /// Keys that the host brings along (imported or external) and only the host can replace. If one of them was
    /// revoked after the backup was made, revoke it again.
    pub kept: Vec<KeyId>,
}

impl AuthorizationServer {
    /// Makes a restored backup safe to serve: whatever was granted or begun at or before `at` is dead.
    ///
    /// A backup does not know what was spent or taken back after it was made: codes and refresh tokens would be fresh
    /// again, revoked tokens would live, withdrawn consent would count. So everything of the tenant ends: families,
    /// codes, tokens, authorization requests and remembered consent. Users sign in again. Keys that this server makes
    /// itself are revoked as well, because one that was revoked after the backup would be back.
    ///
    /// Call it once per restore, with the time of the restore (a later one than now counts as now), before the server
    /// is mounted and while no other node runs on the restored store. Repeating it with the same time ends nothing new, but replaces the keys again.
    ///
    /// What no store of this server can know stays with the operator: passwords and client secrets that were changed
    /// after the backup are the old ones again, and a registration that was made since is gone.
    ///
    /// # Errors
    /// [`Fault::Store`] or [`Fault::Keys`]; then call it again.
    pub async fn after_restore(&self, at: Timestamp) -> Result<Restored, Fault> {
        let server = &*self.inner;
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        let now = server.clock.now();
        let at = at.min(now);
        server.stores.grants.cut_off(Cutoff { key: CutoffKey::Everything, at }).await?;
        server.clock.pass(at);
        let restored = server.replace_keys(now).await?;
        let context = RequestContext::internal(server.correlation.next());
        server.audit(now, &context, None, None, What::CutOff)?;
        Ok(restored)
    }
}

impl Inner {
    async fn replace_keys(&self, now: Timestamp) -> Result<Restored, Fault> {
        let mut restored = Restored::default();
        // announced ones first: otherwise they would take over from those that sign
        for state in [KeyState::Announced, KeyState::Active, KeyState::Retired] {
            for record in self.keys.records().await?.into_iter().filter(|record| record.state == state) {
                if self.keys.can_replace(&record) {
                    self.audit_keys(self.keys.revoke(&record.kid, now).await?, now);
                    restored.revoked.push(record.kid);
                } else {
                    restored.kept.push(record.kid);
                }
            }
        }
        Ok(restored)
    }
}
