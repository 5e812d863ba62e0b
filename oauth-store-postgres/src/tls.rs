//! TLS to the server through rustls, with ring. Certificate and name are always verified.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::OpenError;

/// Takes `sslrootcert=FILE` out of a URL's query or a `key=value` text, because the driver does not know it, and
/// `sslmode=verify-…`, because every mode with TLS verifies here.
pub(crate) fn split_off_roots(url: &str) -> (String, Option<PathBuf>) {
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let (before, text, separator) = match url.split_once('?') {
        Some((before, query)) if is_url => (format!("{before}?"), query, '&'),
        _ if is_url => return (url.to_owned(), None),
        _ => (String::new(), url, ' '),
    };
    let mut roots = None;
    let mut kept = Vec::new();
    for part in text.split(separator) {
        match part.split_once('=') {
            Some(("sslrootcert", file)) => roots = Some(PathBuf::from(file)),
            Some(("sslmode", "verify-full" | "verify-ca")) => kept.push("sslmode=require"),
            _ => kept.push(part),
        }
    }
    (before + &kept.join(separator.to_string().as_str()), roots)
}

/// Believes the authorities in the file, in PEM, and nobody else.
pub(crate) fn believing(file: &std::path::Path) -> Result<ClientConfig, OpenError> {
    let unreadable = |why: &dyn std::fmt::Display| {
        OpenError::settings(format!("`sslrootcert={}` cannot be used: {why}", file.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|why| unreadable(&why))? {
        let certificate = certificate.map_err(|why| unreadable(&why))?;
        roots.add(certificate).map_err(|why| unreadable(&why))?;
    }
    if roots.is_empty() {
        return Err(unreadable(&"it holds no certificate"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| unreadable(&why))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Makes the TLS side of a connection.
#[derive(Clone)]
pub(crate) struct Rustls(pub(crate) Arc<ClientConfig>);

/// The TLS side of one connection to a named server.
pub(crate) struct ToServer {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl MakeTlsConnect<Socket> for Rustls {
    type Stream = Stream;
    type TlsConnect = ToServer;
    type Error = tokio_rustls::rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, name: &str) -> Result<ToServer, Self::Error> {
        let name = ServerName::try_from(name)?.to_owned();
        Ok(ToServer { connector: TlsConnector::from(Arc::clone(&self.0)), name })
    }
}

impl TlsConnect<Socket> for ToServer {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move { Ok(Stream(Box::new(self.connector.connect(self.name, socket).await?))) })
    }
}

/// Bytes through TLS.
pub(crate) struct Stream(Box<tokio_rustls::client::TlsStream<Socket>>);

impl TlsStream for Stream {
    /// None: the certificate is verified, so there is nobody in the middle whom it would find.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_are_taken_out_of_both_forms() {
        for (url, kept, file) in [
            ("postgres://a/b?sslrootcert=/x.pem&sslmode=verify-full", "postgres://a/b?sslmode=require", Some("/x.pem")),
            ("postgres://a/b?application_name=c", "postgres://a/b?application_name=c", None),
            ("postgres://a/b", "postgres://a/b", None),
            ("host=a sslrootcert=/x.pem user=b", "host=a user=b", Some("/x.pem")),
            ("host=a password='b c'", "host=a password='b c'", None),
        ] {
            assert_eq!(split_off_roots(url), (kept.to_owned(), file.map(PathBuf::from)), "{url}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        for file in ["/nonexistent.pem", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
            assert!(matches!(believing(file.as_ref()), Err(OpenError::Settings { .. })), "{file}");
        }
    }
}
