//! Which outcome an error of a socket, of TLS or of HTTP is.

use std::io;

use rustix::io::Errno;

use crate::measure::Outcome;

/// The outcome of an error while connecting over TCP, or of opening a socket at all.
pub(super) fn of_connect(error: &io::Error) -> Outcome {
    if let Some(outcome) = of_exhaustion(error) {
        return outcome;
    }
    match error.kind() {
        io::ErrorKind::TimedOut => Outcome::TimeoutConnect,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Outcome::Reset,
        // no route, no network and forbidden are refusals of the network's
        _ => Outcome::Refused,
    }
}

/// The outcome of an error in a TLS handshake.
pub(super) fn of_handshake(error: &io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Outcome::Reset,
        _ => Outcome::Tls,
    }
}

/// What is wrong with a TLS handshake, and which setting has to do with it, for people.
pub(crate) fn of_handshake_in_words(error: &io::Error) -> String {
    use rustls::{CertificateError as Wrong, Error};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let setting = match inner {
        // a namesake of the right authority shows in the signature only
        Some(Error::InvalidCertificate(Wrong::UnknownIssuer | Wrong::BadSignature)) => {
            "; `tls.ca` has to name the authority that signed it"
        }
        Some(Error::InvalidCertificate(
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. },
        )) => "; `tls.server_name` has to be a name that it bears",
        Some(Error::AlertReceived(_)) => "; it may want a certificate of ours (`tls.cert`)",
        _ => "",
    };
    match inner {
        Some(Error::InvalidCertificate(wrong)) => {
            format!("its certificate is not accepted ({wrong}){setting}")
        }
        _ => format!("TLS handshake failed: {error}{setting}"),
    }
}

/// The outcome of an error of a stream that stood.
pub(super) fn of_stream(error: &io::Error) -> Outcome {
    let tls = error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>());
    if tls {
        return Outcome::Tls;
    }
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => Outcome::Reset,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero => Outcome::ClosedEarly,
        io::ErrorKind::TimedOut => Outcome::Reset,
        _ => Outcome::Protocol,
    }
}

/// What this machine ran out of, if that is what the error says.
pub(super) fn of_exhaustion(error: &io::Error) -> Option<Outcome> {
    let code = error.raw_os_error()?;
    if code == Errno::MFILE.raw_os_error() || code == Errno::NFILE.raw_os_error() {
        Some(Outcome::NotSentDescriptors)
    } else if code == Errno::ADDRNOTAVAIL.raw_os_error() {
        Some(Outcome::NotSentPorts)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_have_their_class() {
        for (errno, expected) in [
            (Errno::MFILE, Outcome::NotSentDescriptors),
            (Errno::NFILE, Outcome::NotSentDescriptors),
            (Errno::ADDRNOTAVAIL, Outcome::NotSentPorts),
            (Errno::CONNREFUSED, Outcome::Refused),
            (Errno::HOSTUNREACH, Outcome::Refused),
            (Errno::TIMEDOUT, Outcome::TimeoutConnect),
            (Errno::CONNRESET, Outcome::Reset),
        ] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(of_connect(&error), expected, "{error}");
        }
        for (kind, expected) in [
            (io::ErrorKind::ConnectionReset, Outcome::Reset),
            (io::ErrorKind::BrokenPipe, Outcome::Reset),
            (io::ErrorKind::UnexpectedEof, Outcome::ClosedEarly),
            (io::ErrorKind::InvalidInput, Outcome::Protocol),
        ] {
            assert_eq!(of_stream(&kind.into()), expected, "{kind}");
        }
        let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert_eq!(of_stream(&tls), Outcome::Tls);
        assert_eq!(of_handshake(&tls), Outcome::Tls);
    }

    #[test]
    fn a_refused_certificate_is_told_with_the_setting_that_matters() {
        use rustls::{CertificateError, Error};
        for (error, expected) in [
            (
                Error::InvalidCertificate(CertificateError::UnknownIssuer),
                "its certificate is not accepted (UnknownIssuer); `tls.ca` has to name the authority that signed it",
            ),
            (
                Error::InvalidCertificate(CertificateError::NotValidForName),
                "`tls.server_name` has to be a name that it bears",
            ),
            (
                Error::InvalidCertificate(CertificateError::Revoked),
                "its certificate is not accepted (Revoked)",
            ),
            (Error::DecryptError, "TLS handshake failed: "),
        ] {
            let told = of_handshake_in_words(&io::Error::new(io::ErrorKind::InvalidData, error));
            assert!(told.contains(expected), "{told}");
        }
        let cut = of_handshake_in_words(&io::ErrorKind::UnexpectedEof.into());
        assert_eq!(cut, "TLS handshake failed: unexpected end of file");
    }
}
