//! How SQLite finds the rows of every statement.

use rusqlite::Connection;

use super::directory::Directory;
use super::open;
use crate::error::Failure;
use crate::{
    access_token, audit, authorization_request, claim, client, code, consent, cutoff, family, key, purge, refresh,
    strike, user,
};

#[tokio::test]
async fn no_statement_scans_a_table() {
    let directory = Directory::new();
    let store = open(&directory);
    let statements = [
        access_token::FIND,
        access_token::INSERT,
        access_token::INSERT_JUDGED,
        access_token::REVOKE_JWT,
        access_token::REVOKE_OPAQUE,
        access_token::TAKEN_BACK,
        audit::INSERT,
        audit::MOMENT,
        audit::PAGE_BY_CLIENT,
        audit::PAGE_BY_EVENT,
        audit::PAGE_BY_SUBJECT,
        audit::PAGE_BY_TIME,
        audit::PURGE,
        audit::PURGE_BEYOND,
        audit::PURGE_MORE,
        authorization_request::BEGIN,
        authorization_request::DECIDE,
        authorization_request::DECIDED,
        authorization_request::FIND,
        authorization_request::FULL,
        claim::MAKE,
        client::DEREGISTER,
        client::EXISTS,
        client::FIND,
        client::PAGE,
        client::REGISTER,
        client::UPDATE,
        code::FIND,
        code::INSERT,
        code::INSERT_JUDGED,
        code::REDEEM,
        consent::FIND,
        consent::LIST,
        consent::PAGE,
        consent::REMEMBER,
        cutoff::RAISE,
        family::EXISTS,
        family::FIND,
        family::FIND_BY_HANDLE,
        family::INSERT,
        family::INSERT_JUDGED,
        family::LIST,
        family::MAKE_ROOM,
        family::REVOKE,
        key::EXISTS,
        key::HELD_BACK,
        key::INSERT,
        key::LOAD,
        key::PROMOTE,
        key::STEP,
        purge::MORE,
        purge::RAISE_CLOCK,
        purge::READ_CLOCK,
        purge::STATEMENTS[0],
        purge::STATEMENTS[1],
        purge::STATEMENTS[2],
        purge::STATEMENTS[3],
        purge::STATEMENTS[4],
        purge::STATEMENTS[5],
        purge::STATEMENTS[6],
        purge::STATEMENTS[7],
        purge::STATEMENTS[8],
        refresh::EXTEND,
        refresh::RETRY,
        refresh::ROTATE,
        strike::ADD,
        strike::CLEAR,
        user::FIND,
        user::FIND_BY_LOGIN,
        user::INSERT,
        user::INSERT_LOGIN,
        user::REHASH,
        user::SET_ACTIVE,
    ];
    let sources = [
        include_str!("../access_token.rs"),
        include_str!("../audit.rs"),
        include_str!("../authorization_request.rs"),
        include_str!("../claim.rs"),
        include_str!("../client.rs"),
        include_str!("../code.rs"),
        include_str!("../consent.rs"),
        include_str!("../cutoff.rs"),
        include_str!("../family.rs"),
        include_str!("../key.rs"),
        include_str!("../purge.rs"),
        include_str!("../refresh.rs"),
        include_str!("../strike.rs"),
        include_str!("../user.rs"),
    ];
    let named = |line: &&str| line.starts_with("pub(crate) const ") && line.contains(": &str =");
    let written = sources.iter().flat_map(|source| source.lines()).filter(named).count() + purge::STATEMENTS.len();
    assert_eq!(statements.len(), written, "every statement is in the list");
    for statement in statements {
        let plan = store.write(move |connection, _| plan(connection, statement)).await.unwrap();
        let scans: Vec<_> =
            plan.iter().filter(|line| line.starts_with("SCAN") && *line != "SCAN CONSTANT ROW").collect();
        assert!(scans.is_empty(), "{statement}\n{plan:#?}");
        // What walks through an order walks along an index.
        assert!(
            !plan.iter().any(|line| line.contains("TEMP B-TREE")) || statement == key::LOAD,
            "{statement}\n{plan:#?}"
        );
    }
    let scanning = "SELECT 1 FROM family WHERE subject = 'a'";
    let plan = store.write(move |connection, _| plan(connection, scanning)).await.unwrap();
    assert!(plan.iter().any(|line| line.starts_with("SCAN")), "the test sees scans: {plan:?}");
}

#[tokio::test]
async fn what_runs_for_every_request_finds_its_rows_by_the_whole_key() {
    const FAMILY: &str = "SEARCH held USING INDEX sqlite_autoindex_family_1 (tenant=? AND id=?)";
    const CODE: &str = "SEARCH code USING INDEX sqlite_autoindex_code_1 (tenant=? AND digest=?)";
    const REQUEST: &str = "SEARCH request USING INDEX sqlite_autoindex_authorization_request_1 (tenant=? AND handle=?)";
    let expected: [(&str, &[&str]); 18] = [
        (
            access_token::FIND,
            &["SEARCH token USING INDEX sqlite_autoindex_access_token_1 (tenant=? AND digest=?)", FAMILY],
        ),
        (access_token::INSERT, &[FAMILY]),
        (access_token::INSERT_JUDGED, &[]),
        (access_token::TAKEN_BACK, &["SEARCH tombstone USING PRIMARY KEY (tenant=? AND id=?)", FAMILY]),
        (
            authorization_request::BEGIN,
            &["SEARCH authorization_request USING COVERING INDEX authorization_request_open_of_client \
                 (tenant=? AND client=? AND expires_at>?)"],
        ),
        (
            authorization_request::FULL,
            &["SEARCH authorization_request USING COVERING INDEX authorization_request_open \
                 (tenant=? AND expires_at>?)"],
        ),
        (authorization_request::DECIDE, &[REQUEST]),
        (
            authorization_request::FIND,
            &[
                REQUEST,
                "SEARCH allowed USING INDEX sqlite_autoindex_consent_1 \
                 (tenant=? AND subject=? AND client=? AND redirect_uri=? AND resource=?) LEFT-JOIN",
            ],
        ),
        (code::FIND, &[CODE]),
        (code::REDEEM, &[CODE]),
        (
            consent::FIND,
            &["SEARCH consent USING INDEX sqlite_autoindex_consent_1 \
               (tenant=? AND subject=? AND client=? AND redirect_uri=? AND resource=?)"],
        ),
        (
            consent::PAGE,
            &[
                "SEARCH held USING INDEX family_live (tenant=? AND subject=? AND client>?)",
                "SEARCH consent USING INDEX sqlite_autoindex_consent_1 (tenant=? AND subject=? AND client>?)",
            ],
        ),
        (family::FIND_BY_HANDLE, &["SEARCH held USING INDEX family_handle (tenant=? AND handle=?)"]),
        (family::LIST, &["SEARCH held USING INDEX family_live (tenant=? AND subject=? AND client>? AND client<?)"]),
        (
            family::MAKE_ROOM,
            &[
                "SEARCH family USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH held USING INDEX family_live (tenant=? AND subject=? AND client=?)",
            ],
        ),
        (refresh::ROTATE, &[FAMILY]),
        (refresh::RETRY, &[FAMILY]),
        (refresh::EXTEND, &[FAMILY]),
    ];
    const CUTOFF: &str = "SEARCH cutoff USING PRIMARY KEY (tenant=? AND kind=? AND key=?)";
    let directory = Directory::new();
    let store = open(&directory);
    for (statement, searches) in expected {
        let plan = store.write(move |connection, _| plan(connection, statement)).await.unwrap();
        let found: Vec<_> =
            plan.iter().filter(|line| line.starts_with("SEARCH") && *line != CUTOFF).map(String::as_str).collect();
        assert_eq!(found, searches, "{statement}");
    }
}

pub(super) fn plan(connection: &Connection, statement: &str) -> Result<Vec<String>, Failure> {
    let mut query = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}"))?;
    for parameter in 1..=query.parameter_count() {
        query.raw_bind_parameter(parameter, 1)?;
    }
    let mut rows = query.raw_query();
    let mut plan = Vec::new();
    while let Some(row) = rows.next()? {
        plan.push(row.get(3)?);
    }
    Ok(plan)
}
