//! `tls:` of a service, and of a link.

use std::path::PathBuf;

use super::keys::{LINK_TLS, TLS};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, is_domain},
    target::model::{Certificate, TlsSettings},
};

/// TLS settings. The files that they name must be there, seen from the target file's folder.
pub(super) fn section(node: &Spanned<Node>, mistakes: &mut Mistakes) -> TlsSettings {
    let mut tls = TlsSettings::default();
    let Some(fields) = Fields::open(node, &TLS, mistakes) else {
        return tls;
    };
    tls.ca = file(&fields, "ca", mistakes);
    tls.cert = file(&fields, "cert", mistakes);
    tls.key = file(&fields, "key", mistakes);
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        if let Some((key, _)) = fields.entry(one).filter(|_| !fields.has(other)) {
            mistakes.error(
                key.place,
                format!("`{one}` needs `{other}`"),
                "a client certificate is a `cert` and its `key`",
            );
        }
    }
    if let Some(node) = fields.get("server_name")
        && let Some(text) = mistakes.text(node, "the name in the server's certificate")
    {
        if is_domain(text.value) {
            tls.server_name = Some(text.value.to_ascii_lowercase());
        } else {
            mistakes.error(
                node.place,
                format!("`{}` is not a host", text.value),
                "the name in the server's certificate",
            );
        }
    }
    if let Some(node) = fields.get("verify") {
        tls.insecure = mistakes.flag(node) == Some(false);
        if tls.insecure
            && let Some((key, _)) = fields.entry("ca")
        {
            mistakes.warning(
                key.place,
                "`verify: false` makes `ca` useless",
                "nothing is verified",
            );
        }
    }
    tls
}

/// `generated`, or the files of a certificate and its key.
pub(super) fn certificate(
    node: &Spanned<Node>,
    mistakes: &mut Mistakes,
) -> Option<Spanned<Certificate>> {
    let certificate = if matches!(node.value, Node::Map(_)) {
        let fields = Fields::open(node, &LINK_TLS, mistakes)?;
        let cert = file(&fields, "cert", mistakes);
        let key = file(&fields, "key", mistakes);
        Certificate::Files {
            cert: cert?.value,
            key: key?.value,
        }
    } else {
        let what = "a certificate (or `{cert: FILE, key: FILE}`)";
        mistakes.choice(node, what, &[("generated", ())])?;
        Certificate::Generated
    };
    Some(Spanned::new(certificate, node.place))
}

fn file(fields: &Fields<'_>, key: &str, mistakes: &mut Mistakes) -> Option<Spanned<PathBuf>> {
    let node = fields.get(key)?;
    let path = PathBuf::from(mistakes.string(node, "the path of a PEM file")?);
    let full = crate::document::beside(mistakes.source(), &path);
    if !full.is_file() {
        mistakes
            .error(
                node.place,
                format!("there is no file `{}`", full.display()),
                "not found",
            )
            .hint = Some("paths are relative to the folder of this file".to_owned());
        return None;
    }
    Some(Spanned::new(path, node.place))
}
