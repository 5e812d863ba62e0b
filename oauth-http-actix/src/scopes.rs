//! Which scopes a handler needs, as a type.

/// The scopes that a token must allow. [`scopes!`](crate::scopes) makes such types.
pub trait RequiredScopes: 'static {
    /// The scope tokens; all of them are needed.
    const SCOPES: &'static [&'static str];
}

/// Any good token will do.
impl RequiredScopes for () {
    const SCOPES: &'static [&'static str] = &[];
}

/// Names sets of scopes for [`Access`](crate::Access).
///
/// ```
/// oauth_http_actix::scopes! {
///     /// May look at orders.
///     pub ReadOrders = ["orders.read"];
///     /// May change them too.
///     pub WriteOrders = ["orders.read", "orders.write"];
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! scopes {
    ($($(#[$meta:meta])* $visibility:vis $name:ident = [$($scope:literal),* $(,)?]);+ $(;)?) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Copy)]
            $visibility struct $name;

            impl $crate::RequiredScopes for $name {
                const SCOPES: &'static [&'static str] = &[$($scope),*];
            }
        )+
    };
}
