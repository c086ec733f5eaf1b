//! From what tonic, rustls and the kernel say to our classes of failure.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError};
use tonic::{Code, Status};

use crate::error::{ErrorClass, Failure};

/// What a gRPC status means.
///
/// etcd tells many failures apart only by its text, which has been stable since 3.0; the code
/// decides where the text does not.
pub(crate) fn status(status: &Status) -> Failure {
    if let Some(failure) = find::<Failure>(status) {
        return failure.clone();
    }
    if let Some(cause) = status.source() {
        // Only statuses made on our side have a source: the connection broke.
        let text = format!("the connection broke: {}", innermost(cause));
        return Failure::new(ErrorClass::Transport, text);
    }
    let mut failure = answered(status);
    failure.said = Some((code_name(status.code()), status.message().into()));
    failure
}

/// What a status means that a server sent.
fn answered(status: &Status) -> Failure {
    let text = status.message();
    let message = text.trim_start_matches("etcdserver: ").to_owned();
    match by_text(text) {
        Some(ErrorClass::Auth) if text.contains("invalid user ID or password") => {
            Failure::new(ErrorClass::Auth, message)
        }
        Some(ErrorClass::Auth) => {
            let remedy = "authentication is on: give a user and password (--user), a token, or a client certificate";
            Failure::new(ErrorClass::Auth, message).with_remedy(remedy).refused_token()
        }
        Some(class) => Failure::new(class, message),
        None => {
            let class = by_code(status.code());
            let message =
                if message.is_empty() { status.code().description().to_owned() } else { message };
            let failure = Failure::new(class, message);
            if status.code() == Code::Unauthenticated { failure.refused_token() } else { failure }
        }
    }
}

/// The code as Go's clients print it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

fn by_text(text: &str) -> Option<ErrorClass> {
    const TEXTS: [(&str, ErrorClass); 19] = [
        ("no leader", ErrorClass::NoLeader),
        ("leader changed", ErrorClass::NoLeader),
        ("etcdserver: request timed out", ErrorClass::NoLeader),
        ("waiting for the applied index took too long", ErrorClass::NoLeader),
        ("database space exceeded", ErrorClass::Nospace),
        ("corrupt cluster", ErrorClass::Corrupt),
        ("too many requests", ErrorClass::TooManyRequests),
        ("cluster ID mismatch", ErrorClass::ClusterIdMismatch),
        ("not supported for learner", ErrorClass::Learner),
        ("has been compacted", ErrorClass::Compacted),
        ("invalid auth token", ErrorClass::Auth),
        ("user name is empty", ErrorClass::Auth),
        ("revision of auth store is old", ErrorClass::Auth),
        ("authentication failed", ErrorClass::Auth),
        ("permission denied", ErrorClass::PermissionDenied),
        ("unknown service etcdserverpb.", ErrorClass::NotEtcd),
        ("unknown method", ErrorClass::Unsupported),
        ("not capable", ErrorClass::Unsupported),
        ("not implemented", ErrorClass::Unsupported),
    ];
    TEXTS.iter().find(|(part, _)| text.contains(part)).map(|(_, class)| *class)
}

fn by_code(code: Code) -> ErrorClass {
    match code {
        Code::DeadlineExceeded => ErrorClass::Deadline,
        Code::Unauthenticated => ErrorClass::Auth,
        Code::PermissionDenied => ErrorClass::PermissionDenied,
        Code::DataLoss => ErrorClass::Corrupt,
        Code::Unimplemented => ErrorClass::Unsupported,
        _ => ErrorClass::Other,
    }
}

/// What a failed connect means.
pub(crate) fn connect(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::new(ErrorClass::Refused, "connection refused"),
        _ => Failure::new(ErrorClass::Transport, format!("cannot connect: {error}")),
    }
    .unsent()
}

/// What an I/O error on a TLS connection means before the server has said anything over it.
pub(crate) fn handshake(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => tls(error),
        // A server that does not use TLS closes, but so does a proxy without a live member behind
        // it: nothing is proven.
        None if is_close(error.kind()) => {
            let text = "the server closed the connection during the TLS handshake";
            Failure::new(ErrorClass::Transport, text)
                .with_remedy("if it does not use TLS, give the endpoint as http://")
        }
        None => Failure::new(ErrorClass::Transport, format!("TLS handshake failed: {error}")),
    }
    .unsent()
}

fn is_close(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

fn tls(error: &rustls::Error) -> Failure {
    let failed = |what: &str| format!("TLS handshake failed: {what}");
    match error {
        rustls::Error::InvalidMessage(_) => {
            Failure::new(ErrorClass::NotEtcd, "the server does not speak TLS on this port")
                .with_remedy("give the endpoint as http://")
        }
        rustls::Error::InvalidCertificate(certificate) => {
            let (what, remedy) = certificate_problem(certificate);
            Failure::new(ErrorClass::Tls, failed(&what)).with_remedy(remedy)
        }
        rustls::Error::AlertReceived(alert) => {
            let (what, remedy) = alert_problem(*alert);
            Failure::new(ErrorClass::Tls, failed(&what)).with_remedy(remedy)
        }
        other => Failure::new(ErrorClass::Tls, failed(&other.to_string())),
    }
    .unsent()
}

fn certificate_problem(error: &CertificateError) -> (String, &'static str) {
    let (what, remedy) = match error {
        CertificateError::UnknownIssuer => (
            "certificate is signed by an unknown authority",
            "give the CA that signed it as tls.ca_file (--cacert)",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the server's certificate has expired", "renew it, or check this machine's clock")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the server's certificate is not valid yet", "check this machine's clock")
        }
        CertificateError::NotValidForName => (
            "the server's certificate is for other names",
            "use one of its names as endpoint, or give one as tls.server_name",
        ),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names = presented.join(", ");
            return (
                format!("the server's certificate is for other names ({names})"),
                "use one of its names as endpoint, or give one as tls.server_name",
            );
        }
        CertificateError::Other(other) => {
            // webpki's word for a CA given where a server certificate is expected.
            return (format!("the server's certificate is not usable: {other}"), "replace it");
        }
        other => return (format!("the server's certificate is not usable: {other}"), "replace it"),
    };
    (what.to_owned(), remedy)
}

fn alert_problem(alert: AlertDescription) -> (String, &'static str) {
    let (what, remedy) = match alert {
        AlertDescription::CertificateRequired => (
            "the server wants a client certificate",
            "give one as tls.cert_file and tls.key_file (--cert, --key)",
        ),
        AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => (
            "the server wants a client certificate that it trusts",
            "give one that is signed by the CA that etcd trusts (--cert, --key)",
        ),
        AlertDescription::CertificateExpired => {
            ("our client certificate has expired", "renew it (--cert, --key)")
        }
        AlertDescription::CertificateRevoked => {
            ("our client certificate is revoked", "give another one (--cert, --key)")
        }
        other => {
            let text = format!("the server answered with the alert {other:?}");
            return (text, "check the TLS settings of both sides");
        }
    };
    (what.to_owned(), remedy)
}

/// The last cause in a chain, which tends to be the one that says something.
pub(crate) fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// The first cause of type `T` in a chain.
pub(crate) fn find<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_etcd_has_its_class() {
        use ErrorClass as Class;
        let table = [
            (Code::Unavailable, "etcdserver: no leader", Class::NoLeader),
            (Code::Unavailable, "etcdserver: leader changed", Class::NoLeader),
            (Code::Unavailable, "etcdserver: request timed out", Class::NoLeader),
            (
                Code::Unavailable,
                "etcdserver: request timed out, possibly due to previous leader failure",
                Class::NoLeader,
            ),
            (
                Code::Unavailable,
                "etcdserver: request timed out, waiting for the applied index took too long",
                Class::NoLeader,
            ),
            (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded", Class::Nospace),
            (Code::ResourceExhausted, "etcdserver: too many requests", Class::TooManyRequests),
            (Code::DataLoss, "etcdserver: corrupt cluster", Class::Corrupt),
            (Code::FailedPrecondition, "etcdserver: cluster ID mismatch", Class::ClusterIdMismatch),
            (Code::FailedPrecondition, "etcdserver: rpc not supported for learner", Class::Learner),
            (Code::Unavailable, "etcdserver: rpc not supported for learner", Class::Learner),
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision has been compacted",
                Class::Compacted,
            ),
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision is a future revision",
                Class::Other,
            ),
            (Code::Unauthenticated, "etcdserver: invalid auth token", Class::Auth),
            (Code::InvalidArgument, "etcdserver: user name is empty", Class::Auth),
            (Code::InvalidArgument, "etcdserver: revision of auth store is old", Class::Auth),
            (
                Code::InvalidArgument,
                "etcdserver: authentication failed, invalid user ID or password",
                Class::Auth,
            ),
            (Code::PermissionDenied, "etcdserver: permission denied", Class::PermissionDenied),
            (Code::FailedPrecondition, "etcdserver: not leader", Class::Other),
            (
                Code::Unimplemented,
                "unknown method Downgrade for service etcdserverpb.Maintenance",
                Class::Unsupported,
            ),
            (Code::Unimplemented, "unknown service etcdserverpb.KV", Class::NotEtcd),
            (Code::DeadlineExceeded, "context deadline exceeded", Class::Deadline),
            (Code::Internal, "whatever", Class::Other),
        ];
        for (code, text, class) in table {
            let failure = status(&Status::new(code, text));
            assert_eq!(failure.class, class, "{text}");
            assert!(!failure.message.starts_with("etcdserver"), "{}", failure.message);
        }
    }

    #[test]
    fn only_refused_tokens_are_worth_a_new_one() {
        let refused = |code, text: &str| status(&Status::new(code, text)).refused_token;
        assert!(refused(Code::Unauthenticated, "etcdserver: invalid auth token"));
        assert!(refused(Code::InvalidArgument, "etcdserver: revision of auth store is old"));
        assert!(refused(Code::InvalidArgument, "etcdserver: user name is empty"));
        assert!(!refused(Code::PermissionDenied, "etcdserver: permission denied"));
        let wrong = "etcdserver: authentication failed, invalid user ID or password";
        assert!(!refused(Code::InvalidArgument, wrong));
    }
}
